"""The test bed is right: it shows what a Nova does, and what hurts in it."""

from __future__ import annotations

from collections import abc
import json
import os
import subprocess
import sys
import time

import pytest
import requests

from tests.cloud import client

wait_for = client.wait_for


def fence(cloud: client.Cloud, host: str) -> None:
    """What has to be so before anything is evacuated."""
    cloud.crash(host)
    mark(cloud, host)


def mark(cloud: client.Cloud, host: str) -> None:
    response = cloud.set_service(
        host, forced_down=True, status='disabled', disabled_reason='test'
    )
    assert response.ok, response.text


def accepted(response: requests.Response) -> bool:
    assert response.status_code == 200, response.text
    return True


def beats(cloud: client.Cloud, host: str) -> bool:
    """Whether the service record moves within three heartbeats."""
    before = cloud.service(host)['updated_at']
    try:
        wait_for(
            lambda: cloud.service(host)['updated_at'] != before,
            'heartbeat',
            timeout=6,
            interval=0.2,
        )
    except client.CloudError:
        return False
    return True


# -- what is there


def test_new_cloud(cloud: client.Cloud) -> None:
    hypervisors = cloud.call('GET', '/os-hypervisors/detail')['hypervisors']
    assert {
        h['service']['host']: h['hypervisor_hostname'] for h in hypervisors
    } == {host: host + '.cloud.example' for host in cloud.hosts}
    for host in cloud.hosts:
        service = cloud.service(host)
        assert (service['state'], service['status']) == ('up', 'enabled')
    images = cloud.call('GET', '/v2/images', service='image')['images']
    properties = {image['name']: image for image in images}
    assert properties.keys() == {'cirros', 'watchdog'}
    assert properties['watchdog']['ha_policy'] == 'gold'
    flavors = {
        flavor['name']: flavor
        for flavor in cloud.call('GET', '/flavors/detail')['flavors']
    }
    assert flavors.keys() == {'small', 'ephemeral', 'protected'}
    assert flavors['ephemeral']['OS-FLV-EXT-DATA:ephemeral'] == 1
    assert flavors['protected']['extra_specs'] == {
        'instanceha:evacuable': 'true'
    }


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
    server = cloud.server(uuid, '2.98')
    assert server['OS-EXT-SRV-ATTR:host'] == 'host2'
    assert server['OS-EXT-SRV-ATTR:hypervisor_hostname'] == (
        'host2.cloud.example'
    )
    assert server['pinned_availability_zone'] is None
    assert server['tags'] == ['ha']
    assert server['metadata'] == {'tier': '1'}
    assert server['server_groups'] == [group]
    # Nova shows the names it knows, and never a custom one.
    assert server['image']['properties']['hw_watchdog_action'] == 'reset'
    assert 'ha_policy' not in server['image']['properties']


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
    mark(cloud, 'host1')
    assert cloud.service('host1')['state'] == 'down'
    assert beats(cloud, 'host1')


def test_crashed_host_is_silent_and_down(cloud: client.Cloud) -> None:
    uuid = cloud.create_server('web', host='host1')
    cloud.crash('host1')
    assert cloud.service('host1')['state'] == 'down'
    assert cloud.running(uuid) == []
    mark(cloud, 'host1')
    assert not beats(cloud, 'host1')
    cloud.start('host1')
    assert beats(cloud, 'host1')


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
    wait_for(lambda: cloud.service('host1')['state'] == 'up')
    assert cloud.running(uuid) == []
    # Nova has not noticed, so it is asked for a reboot, not for a start.
    assert cloud.action(uuid, 'reboot', {'type': 'HARD'}).ok
    wait_for(lambda: cloud.running(uuid) == ['host1'])


def test_work_of_a_crashed_host_ends(cloud: client.Cloud) -> None:
    uuid = cloud.create_server('web', host='host1')
    fence(cloud, 'host1')
    cloud.hold('host3')
    assert accepted(cloud.evacuate(uuid, host='host3'))
    assert cloud.wait_held(uuid) == 'host3'
    cloud.crash('host3')
    cloud.release()
    time.sleep(1)  # nothing shall happen: there is nothing to wait for
    assert cloud.server_row(uuid)['task_state'] == 'rebuild_spawning'
    assert cloud.migrations(uuid)[-1]['status'] == 'pre-migrating'
    assert cloud.running(uuid) == []
    assert cloud.spawns(uuid) == 1


# -- evacuation


@pytest.mark.parametrize(
    'microversion, vm_state', [('2.94', 'active'), ('2.95', 'stopped')]
)
def test_evacuated_server_ends(
    cloud: client.Cloud, microversion: str, vm_state: str
) -> None:
    uuid = cloud.create_server('web', host='host1')
    fence(cloud, 'host1')
    assert accepted(cloud.evacuate(uuid, microversion))
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
    fence(cloud, 'host1')
    assert accepted(cloud.evacuate(uuid, host='host3'))
    assert cloud.wait_evacuated(uuid)['status'] == 'done'
    assert cloud.volume_hosts(uuid) == cloud.port_hosts(uuid) == ['host3']
    assert cloud.server(uuid)['addresses'] == server['addresses']


def test_guard_refuses_disk_that_is_not_shared(cloud: client.Cloud) -> None:
    uuid = cloud.create_server('web', host='host1')
    fence(cloud, 'host1')
    assert accepted(cloud.evacuate(uuid, '2.13', onSharedStorage=True))
    assert cloud.wait_evacuated(uuid)['status'] == 'failed'
    row = cloud.server_row(uuid)
    assert (row['vm_state'], row['host']) == ('error', 'host1')
    assert 'shared storage' in cloud.server(uuid)['fault']['message']
    assert cloud.spawns(uuid) == 1

    for host in cloud.hosts:
        cloud.shared_storage(host)
    assert accepted(cloud.evacuate(uuid, '2.13', onSharedStorage=True))
    assert cloud.wait_evacuated(uuid)['status'] == 'done'
    assert cloud.wait_state(uuid, 'active')['host'] != 'host1'


@pytest.mark.parametrize(
    'failure, vm_state', [('fail', 'error'), ('fail_claims', 'active')]
)
def test_failed_evacuation(
    cloud: client.Cloud, failure: str, vm_state: str
) -> None:
    uuid = cloud.create_server('web', host='host1')
    fence(cloud, 'host1')
    for host in cloud.hosts:
        cloud.spawn(host, **{failure: 1})
    assert accepted(cloud.evacuate(uuid, '2.94'))
    assert cloud.wait_evacuated(uuid)['status'] == 'failed'
    row = cloud.server_row(uuid)
    assert (row['vm_state'], row['host']) == (vm_state, 'host1')
    assert cloud.spawns(uuid) == 1
    cloud.spawn('host2', fail=0, fail_claims=0)
    assert accepted(cloud.evacuate(uuid, '2.94', host='host2'))
    assert cloud.wait_evacuated(uuid)['status'] == 'done'


@pytest.mark.split_brain
def test_second_evacuation_runs_a_guest_twice(cloud: client.Cloud) -> None:
    """Nova accepts it, and that is why nobody may ever send it."""
    uuid = cloud.create_server('web', host='host1')
    fence(cloud, 'host1')
    cloud.hold()
    assert accepted(cloud.evacuate(uuid, host='host3'))
    assert cloud.wait_held(uuid) == 'host3'
    time.sleep(2)
    assert accepted(cloud.evacuate(uuid, host='host4'))
    wait_for(lambda: uuid in cloud.held()['host4'])
    cloud.release()
    wait_for(lambda: cloud.spawns(uuid) == 3)
    assert sorted(cloud.running(uuid)) == ['host3', 'host4']
    assert cloud.ran_twice() == [uuid]


@pytest.mark.split_brain
def test_evacuation_of_a_living_host_is_seen(cloud: client.Cloud) -> None:
    uuid = cloud.create_server('web', host='host1')
    mark(cloud, 'host1')
    assert accepted(cloud.evacuate(uuid, '2.94'))
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
    wait_for(lambda: cloud.server_row(uuid)['host'] == 'host2')
    wait_for(lambda: not cloud.server_row(uuid)['task_state'])
    if action == 'migrate':
        cloud.wait_state(uuid, 'resized')
        assert cloud.action(uuid, 'confirmResize').status_code == 204
        cloud.wait_state(uuid, 'active')
    assert cloud.running(uuid) == ['host2']


# -- the way back


def test_host_comes_back(cloud: client.Cloud) -> None:
    uuid = cloud.create_server('web', host='host1')
    fence(cloud, 'host1')
    assert accepted(cloud.evacuate(uuid, '2.94'))
    assert cloud.wait_evacuated(uuid)['status'] == 'done'
    refused = cloud.set_service('host1', forced_down=False)
    assert refused.status_code == 400
    cloud.start('host1')
    assert cloud.migrations(uuid)[-1]['status'] == 'completed'
    assert cloud.set_service('host1', forced_down=False).ok
    wait_for(lambda: cloud.service('host1')['state'] == 'up')
    assert cloud.set_service('host1', status='enabled').ok
    cloud.create_server('new', host='host1')


# -- the Compute API's switches


def test_cap(cloud: client.Cloud) -> None:
    cloud.cap('2.60')
    api = cloud.api()
    assert api.get('/').json()['version']['version'] == '2.60'
    assert api.get('/servers', microversion='2.61').status_code == 406
    assert api.get('/servers', microversion='2.60').status_code == 200
    latest = api.get('/servers', microversion='latest')
    assert latest.headers['OpenStack-API-Version'] == 'compute 2.60'
    cloud.cap(None)
    assert api.get('/servers', microversion='2.61').status_code == 200


def test_page_size(cloud: client.Cloud) -> None:
    cloud.create_servers(3)
    cloud.page_size(2)
    page = cloud.call('GET', '/servers/detail')
    assert len(page['servers']) == 2
    assert page['servers_links']
    cloud.page_size(None)
    assert len(cloud.call('GET', '/servers/detail')['servers']) == 3


def test_cell_down(cloud: client.Cloud) -> None:
    uuid = cloud.create_server('web', host='host1')
    cloud.add_migration(uuid)
    cloud.cell_down()
    listing = '/servers/detail?all_tenants=1&host=host1'
    assert cloud.call('GET', listing) == {'servers': []}
    assert cloud.call('GET', '/os-migrations') == {'migrations': []}
    partial = cloud.service('host1')
    assert partial == {
        'binary': 'nova-compute',
        'host': 'host1',
        'status': 'UNKNOWN',
    }
    older = cloud.call('GET', '/os-services?host=host1', microversion='2.68')
    assert older == {'services': []}
    assert cloud.server(uuid)['status'] == 'UNKNOWN'
    assert cloud.evacuate(uuid).status_code == 500
    cloud.cell_down(False)
    assert len(cloud.call('GET', listing)['servers']) == 1
    assert len(cloud.call('GET', '/os-migrations')['migrations']) == 1


def test_faults(cloud: client.Cloud) -> None:
    api = cloud.api(microversion='2.96')
    cloud.faults(
        {
            'match': 'GET /v2.1/servers',
            'status': 503,
            'times': 1,
            'skip': 1,
            'headers': {'Retry-After': '7'},
            'body': {'why': 'busy'},
        }
    )
    assert api.get('/servers').status_code == 200
    busy = api.get('/servers')
    assert (busy.status_code, busy.json()) == (503, {'why': 'busy'})
    assert busy.headers['Retry-After'] == '7'
    assert api.get('/servers').status_code == 200


def test_lost_answer(cloud: client.Cloud) -> None:
    uuid = cloud.create_server('web', host='host1')
    address = '{}/v2.1/servers/{}'.format(cloud.urls['compute'], uuid)
    headers = {'X-Auth-Token': cloud.session().get_token()}
    cloud.faults({'match': '^DELETE', 'reset': True, 'after': True})
    with pytest.raises(requests.ConnectionError):
        requests.delete(address, headers=headers)
    assert cloud.requests(method='DELETE')[0]['status'] is None
    wait_for(lambda: cloud.server_row(uuid)['deleted'])
    assert cloud.running(uuid) == []


def test_record(cloud: client.Cloud) -> None:
    uuid = cloud.create_server('web')
    cloud.forget_requests()
    response = cloud.action(uuid, 'os-stop', microversion='2.90')
    [entry] = cloud.requests()
    assert entry['method'] == 'POST'
    assert entry['path'] == f'/v2.1/servers/{uuid}/action'
    assert json.loads(entry['body']) == {'os-stop': None}
    assert entry['microversion'] == '2.90'
    assert entry['status'] == 202
    assert entry['request_id'] == response.headers['x-openstack-request-id']
    image = cloud.image_id('watchdog')
    cloud.call('GET', '/v2/images/' + image, service='image')
    assert [entry['path'] for entry in cloud.requests('image')][-1] == (
        '/v2/images/' + image
    )
    cloud.call('GET', '/volumes/detail', service='block-storage')
    assert len(cloud.requests('block-storage', match='/volumes/detail')) == 1


def test_rows_can_be_written(cloud: client.Cloud) -> None:
    uuid = cloud.create_server('web', host='host1')
    cloud.set_server(uuid, vm_state='error', launched_at=None)
    assert cloud.server(uuid)['status'] == 'ERROR'
    stuck = cloud.add_migration(
        uuid, status='pre-migrating', dest_compute='host2'
    )
    cloud.set_migration(stuck, status='accepted')
    [shown] = cloud.call(
        'GET', '/os-migrations?source_compute=host1&migration_type=evacuation'
    )['migrations']
    assert (shown['status'], shown['dest_compute']) == ('accepted', 'host2')


# -- starting anew


def assert_new(cloud: client.Cloud) -> None:
    test_new_cloud(cloud)
    for url, key in (
        ('/servers/detail?all_tenants=1', 'servers'),
        ('/os-migrations', 'migrations'),
        ('/os-aggregates', 'aggregates'),
        ('/os-server-groups?all_projects=1', 'server_groups'),
    ):
        assert cloud.call('GET', url)[key] == []
    assert (
        cloud.call(
            'GET', '/volumes/detail?all_tenants=1', service='block-storage'
        )['volumes']
        == []
    )
    assert cloud.call('GET', '/v2.0/ports', service='network')['ports'] == []
    providers = cloud.call('GET', '/resource_providers', service='placement')
    for provider in providers['resource_providers']:
        url = '/resource_providers/{}/'.format(provider['uuid'])
        assert (
            cloud.call('GET', url + 'allocations', service='placement')[
                'allocations'
            ]
            == {}
        )
    for hypervisor in cloud.call(
        'GET', '/os-hypervisors/detail', microversion='2.87'
    )['hypervisors']:
        assert (hypervisor['vcpus_used'], hypervisor['running_vms']) == (0, 0)
    assert cloud.guests() == {}
    assert cloud.migrations() == []
    cloud.forget_requests()


def disturb(cloud: client.Cloud) -> None:
    """Change everything that a reset has to put right."""
    uuid = cloud.create_server(
        'web',
        host='host1',
        volume_backed=True,
        network='private',
        group=cloud.create_group('apart'),
    )
    aggregate = cloud.call(
        'POST',
        '/os-aggregates',
        {'aggregate': {'name': 'rack', 'availability_zone': 'az'}},
    )['aggregate']['id']
    cloud.call(
        'POST',
        f'/os-aggregates/{aggregate}/action',
        {'add_host': {'host': 'host2'}},
    )
    cloud.call(
        'POST',
        '/flavors',
        {'flavor': {'name': 'big', 'vcpus': 2, 'ram': 128, 'disk': 1}},
    )
    cloud.call(
        'DELETE', '/v2/images/' + cloud.image_id('watchdog'), service='image'
    )
    assert cloud.set_service('host4', status='disabled').ok
    fence(cloud, 'host1')
    cloud.hold()
    assert accepted(cloud.evacuate(uuid))
    cloud.crash(cloud.wait_held(uuid))
    other = cloud.create_server('held', host='host3', wait=False)
    if not cloud.is_crashed('host3'):
        assert cloud.wait_held(other) == 'host3'
    cloud.spawn('host2', delay=60, fail=2)
    cloud.cap('2.60')
    cloud.page_size(1)
    cloud.cell_down()
    cloud.faults({'match': '.', 'status': 500})
    cloud.faults({'match': '.', 'status': 500}, service='image')


@pytest.mark.parametrize('times', [1, 2])
def test_reset(cloud: client.Cloud, times: int) -> None:
    disturb(cloud)
    for _ in range(times):
        began = time.monotonic()
        cloud.reset()
        assert time.monotonic() - began < 5
    assert_new(cloud)
    for host in cloud.hosts:
        uuid = cloud.create_server('again', host=host)
        assert cloud.running(uuid) == [host]


def test_reset_in_the_middle_of_evacuations(cloud: client.Cloud) -> None:
    uuids = cloud.create_servers(6, host='host1')
    fence(cloud, 'host1')
    cloud.spawn('host2', delay=60)
    for uuid in uuids:
        assert accepted(cloud.evacuate(uuid))
    cloud.reset()
    assert_new(cloud)


def test_nothing_happens_after_a_reset(cloud: client.Cloud) -> None:
    disturb(cloud)
    cloud.reset()
    time.sleep(3)  # more than a heartbeat: what was held would show
    assert_new(cloud)
    assert all(beats(cloud, host) for host in cloud.hosts)


# -- for people


@pytest.fixture
def ctl(cloud: client.Cloud) -> abc.Callable[..., str]:
    def run(*arguments: str) -> str:
        return subprocess.run(
            [sys.executable, '-m', 'tests.cloud.ctl', *arguments],
            env={**os.environ, **cloud.env()},
            cwd=client.ROOT,
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    return run


def test_ctl(cloud: client.Cloud, ctl: abc.Callable[..., str]) -> None:
    ctl('crash', 'host1')
    assert cloud.is_crashed('host1')
    ctl('start', 'host1')
    assert not json.loads(ctl('hosts'))['host1']['crashed']
    ctl('reset')


def test_openstack_cli(cloud: client.Cloud) -> None:
    cloud.create_server('web', host='host1')
    listed = subprocess.run(
        [
            os.path.join(os.path.dirname(sys.executable), 'openstack'),
            'server',
            'list',
            '--long',
            '-f',
            'json',
        ],
        env={**os.environ, **cloud.env()},
        check=True,
        capture_output=True,
        text=True,
    )
    [server] = json.loads(listed.stdout)
    assert server['Name'] == 'web'
    # The client's column of this name shows the hypervisor's.
    assert server['Host'] == 'host1.cloud.example'
