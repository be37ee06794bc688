"""The test bed is right: it shows what a Nova does, and what hurts in it."""

from __future__ import annotations

import time

import pytest

from tests.cloud import client
from tests.functional import lifeless
from tests.functional import tested_with

# -- what is there


@pytest.mark.every_release
def test_server_is_what_was_asked_for(cloud: client.Cloud) -> None:
    group = cloud.create_group('apart')
    uuid = cloud.create_server(
        'web',
        host='host2',
        image='watchdog',
        flavor='protected',
        tags=['ha'],
        metadata={'tier': '1'},
        group=group,
    )
    server = cloud.server(uuid, cloud.up_to('2.98'))
    assert server['OS-EXT-SRV-ATTR:host'] == 'host2'
    assert server['OS-EXT-SRV-ATTR:hypervisor_hostname'] == (
        'host2.cloud.example'
    )
    assert server.get('pinned_availability_zone') is None
    assert server['tags'] == ['ha']
    assert server['metadata'] == {'tier': '1'}
    assert server['server_groups'] == [group]
    # Nova shows the names it knows, and never a custom one.
    if cloud.has('2.98'):
        assert server['image']['properties']['hw_watchdog_action'] == 'reset'
        assert 'ha_policy' not in server['image']['properties']
    else:
        assert 'properties' not in server['image']


def test_tenant_sees_its_own(cloud: client.Cloud) -> None:
    mine = cloud.create_server('mine', project='tenant')
    cloud.create_server('theirs')
    answer = cloud.api(project='tenant', user='tenant-user').get('/servers')
    assert [server['id'] for server in answer.json()['servers']] == [mine]
    service = cloud.api(project='tenant', user='tenant-user').get(
        '/os-services'
    )
    assert service.status_code == 403


def test_create_many(cloud: client.Cloud) -> None:
    uuids = cloud.create_servers(6, host='host1')
    assert len(set(uuids)) == 6
    assert all(cloud.running(uuid) == ['host1'] for uuid in uuids)


def test_power_states(cloud: client.Cloud) -> None:
    stopped = cloud.create_server('stopped', stopped=True)
    paused = cloud.create_server('paused', paused=True)
    assert cloud.running(stopped) == []
    assert cloud.running(paused) != []
    cloud.set_power(stopped, 'os-start', 'active')
    cloud.set_power(paused, 'unpause', 'active')
    assert cloud.running(stopped) and cloud.running(paused)
    cloud.set_power(paused, 'suspend', 'suspended')
    assert cloud.running(paused) == []
    cloud.set_power(paused, 'resume', 'active')
    assert len(cloud.guests()[paused]) == 2
    assert cloud.spawns(paused) == 1


# -- heartbeats and crashes


def test_forced_down_host_that_is_alive_beats(cloud: client.Cloud) -> None:
    lifeless.mark(cloud, 'host1')
    assert cloud.service('host1')['state'] == 'down'
    assert lifeless.beats(cloud, 'host1')


def test_crashed_host_is_silent_and_down(cloud: client.Cloud) -> None:
    uuid = cloud.create_server('web', host='host1')
    cloud.crash('host1')
    assert cloud.service('host1')['state'] == 'down'
    assert cloud.running(uuid) == []
    lifeless.mark(cloud, 'host1')
    assert not lifeless.beats(cloud, 'host1')
    cloud.start('host1')
    assert lifeless.beats(cloud, 'host1')


def test_guests_may_survive_a_crash(cloud: client.Cloud) -> None:
    uuid = cloud.create_server('web', host='host1')
    cloud.crash('host1', guests_survive=True)
    assert cloud.running(uuid) == ['host1']
    cloud.crash('host1')
    assert cloud.running(uuid) == []


def test_guest_stays_off_after_a_crash(cloud: client.Cloud) -> None:
    uuid = cloud.create_server('web', host='host1')
    cloud.crash('host1')
    cloud.start('host1')
    client.wait_for(lambda: cloud.service('host1')['state'] == 'up')
    assert cloud.running(uuid) == []
    # Nova has not noticed, so it is asked for a reboot, not for a start.
    assert cloud.action(uuid, 'reboot', {'type': 'HARD'}).ok
    client.wait_for(lambda: cloud.running(uuid) == ['host1'])


def test_work_of_a_crashed_host_ends(cloud: client.Cloud) -> None:
    uuid = cloud.create_server('web', host='host1')
    lifeless.fence(cloud, 'host1')
    cloud.hold('host3')
    assert lifeless.accepted(cloud.evacuate(uuid, host='host3'))
    assert cloud.wait_held(uuid) == 'host3'
    cloud.crash('host3')
    cloud.release()
    time.sleep(1)  # nothing shall happen: there is nothing to wait for
    assert cloud.server_row(uuid)['task_state'] == 'rebuild_spawning'
    assert cloud.migrations(uuid)[-1]['status'] == 'pre-migrating'
    assert cloud.running(uuid) == []
    assert cloud.spawns(uuid) == 1


# -- evacuation


@pytest.mark.every_release
@pytest.mark.parametrize(
    'microversion, vm_state',
    [
        ('2.94', 'active'),
        pytest.param('2.95', 'stopped', marks=pytest.mark.needs('2.95')),
    ],
)
def test_evacuated_server_ends(
    cloud: client.Cloud, microversion: str, vm_state: str
) -> None:
    uuid = cloud.create_server('web', host='host1')
    lifeless.fence(cloud, 'host1')
    assert lifeless.accepted(cloud.evacuate(uuid, cloud.up_to(microversion)))
    assert cloud.wait_evacuated(uuid)['status'] == 'done'
    row = cloud.wait_state(uuid, vm_state)
    assert row['host'] != 'host1'
    assert cloud.spawns(uuid) == 2
    assert cloud.running(uuid) == (
        [row['host']] if vm_state == 'active' else []
    )


def test_source_that_is_up_is_refused(cloud: client.Cloud) -> None:
    uuid = cloud.create_server('web', host='host1')
    response = cloud.evacuate(uuid)
    assert response.status_code == 400
    assert 'still in use' in response.text


def test_volume_and_port_move_along(cloud: client.Cloud) -> None:
    uuid = cloud.create_server(
        'db', host='host1', volume_backed=True, network='private'
    )
    server = cloud.server(uuid)
    assert server['image'] == ''
    assert cloud.volume_hosts(uuid) == cloud.port_hosts(uuid) == ['host1']
    lifeless.fence(cloud, 'host1')
    assert lifeless.accepted(cloud.evacuate(uuid, host='host3'))
    assert cloud.wait_evacuated(uuid)['status'] == 'done'
    assert cloud.volume_hosts(uuid) == cloud.port_hosts(uuid) == ['host3']
    assert cloud.server(uuid)['addresses'] == server['addresses']


@pytest.mark.every_release
def test_guard_refuses_disk_that_is_not_shared(cloud: client.Cloud) -> None:
    uuid = cloud.create_server('web', host='host1')
    lifeless.fence(cloud, 'host1')
    assert lifeless.accepted(
        cloud.evacuate(uuid, '2.13', onSharedStorage=True)
    )
    assert cloud.wait_evacuated(uuid)['status'] == 'failed'
    row = cloud.server_row(uuid)
    assert (row['vm_state'], row['host']) == ('error', 'host1')
    assert 'shared storage' in cloud.server(uuid)['fault']['message']
    assert cloud.spawns(uuid) == 1

    for host in cloud.hosts:
        cloud.shared_storage(host)
    assert lifeless.accepted(
        cloud.evacuate(uuid, '2.13', onSharedStorage=True)
    )
    assert cloud.wait_evacuated(uuid)['status'] == 'done'
    assert cloud.wait_state(uuid, 'active')['host'] != 'host1'


@pytest.mark.every_release
@pytest.mark.parametrize(
    'failure, vm_state', [('fail', 'error'), ('fail_claims', 'active')]
)
def test_failed_evacuation(
    cloud: client.Cloud, failure: str, vm_state: str
) -> None:
    uuid = cloud.create_server('web', host='host1')
    lifeless.fence(cloud, 'host1')
    for host in cloud.hosts:
        cloud.spawn(host, **{failure: 1})
    assert lifeless.accepted(cloud.evacuate(uuid, cloud.up_to('2.94')))
    assert cloud.wait_evacuated(uuid)['status'] == 'failed'
    row = cloud.server_row(uuid)
    assert (row['vm_state'], row['host']) == (vm_state, 'host1')
    assert cloud.spawns(uuid) == 1
    cloud.spawn('host2', fail=0, fail_claims=0)
    assert lifeless.accepted(
        cloud.evacuate(uuid, cloud.up_to('2.94'), host='host2')
    )
    assert cloud.wait_evacuated(uuid)['status'] == 'done'


@pytest.mark.every_release
@pytest.mark.split_brain
def test_second_evacuation_runs_a_guest_twice(
    cloud: client.Cloud, release: tested_with.Run
) -> None:
    """Nova accepts it, and that is why nobody may ever send it."""
    uuid = cloud.create_server('web', host='host1')
    lifeless.fence(cloud, 'host1')
    cloud.hold()
    running = cloud.up_to('2.94')  # later ones stop what they have spawned
    first = cloud.evacuate(uuid, running, host='host3')
    assert lifeless.accepted(first)
    assert cloud.wait_held(uuid) == 'host3'
    time.sleep(2)
    second = cloud.evacuate(uuid, running, host='host4')
    if cloud.evacuates_only_at_rest:
        assert second.status_code == 409
        assert 'task_state rebuild_spawning' in second.text
        cloud.release()
        assert cloud.wait_evacuated(uuid)['status'] == 'done'
        assert cloud.spawns(uuid) == 2
        assert cloud.ran_twice() == []
        release.second = 'refused (409), the guest runs once'
        return
    assert lifeless.accepted(second)
    client.wait_for(lambda: uuid in cloud.held()['host4'])
    cloud.release()
    client.wait_for(lambda: cloud.spawns(uuid) == 3)
    assert sorted(cloud.running(uuid)) == ['host3', 'host4']
    assert cloud.ran_twice() == [uuid]
    release.second = 'accepted (200), the guest runs twice'


@pytest.mark.split_brain
def test_evacuation_of_a_living_host_is_seen(cloud: client.Cloud) -> None:
    uuid = cloud.create_server('web', host='host1')
    lifeless.mark(cloud, 'host1')
    assert lifeless.accepted(cloud.evacuate(uuid, cloud.up_to('2.94')))
    cloud.wait_evacuated(uuid)
    assert cloud.ran_twice() == [uuid]


@pytest.mark.parametrize(
    'action, argument',
    [
        ('os-migrateLive', {'host': 'host2', 'block_migration': 'auto'}),
        ('migrate', {'host': 'host2'}),
    ],
)
def test_migration_is_no_split_brain(
    cloud: client.Cloud, action: str, argument: object
) -> None:
    uuid = cloud.create_server('web', host='host1')
    assert cloud.action(uuid, action, argument).status_code == 202
    client.wait_for(lambda: cloud.server_row(uuid)['host'] == 'host2')
    client.wait_for(lambda: not cloud.server_row(uuid)['task_state'])
    if action == 'migrate':
        cloud.wait_state(uuid, 'resized')
        assert cloud.action(uuid, 'confirmResize').status_code == 204
        cloud.wait_state(uuid, 'active')
    assert cloud.running(uuid) == ['host2']


# -- the way back


@pytest.mark.every_release
def test_host_comes_back(cloud: client.Cloud) -> None:
    uuid = cloud.create_server('web', host='host1')
    lifeless.fence(cloud, 'host1')
    assert lifeless.accepted(cloud.evacuate(uuid, cloud.up_to('2.94')))
    assert cloud.wait_evacuated(uuid)['status'] == 'done'
    refused = cloud.set_service('host1', forced_down=False)
    assert refused.status_code == 400
    cloud.start('host1')
    assert cloud.migrations(uuid)[-1]['status'] == 'completed'
    assert cloud.set_service('host1', forced_down=False).ok
    client.wait_for(lambda: cloud.service('host1')['state'] == 'up')
    assert cloud.set_service('host1', status='enabled').ok
    cloud.create_server('new', host='host1')
