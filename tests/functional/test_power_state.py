"""A server ends in the power state it had, whatever lies in between."""

from __future__ import annotations

import pytest

from tests.cloud import client
from tests.functional import command

# Where Nova itself behaves differently: 2.95 leaves servers stopped.
MICROVERSIONS = ('2.60', '2.79', '2.93', '2.95', '2.96', '2.98')


def each(*microversions: str) -> list[object]:
    """As parameters of a test, each where Nova has it."""
    return [
        pytest.param(microversion, marks=pytest.mark.needs(microversion))
        for microversion in microversions
    ]


def two_servers(cloud: client.Cloud) -> tuple[str, str]:
    active = cloud.create_server('active', host='host1', image='watchdog')
    stopped = cloud.create_server(
        'stopped', host='host1', image='watchdog', stopped=True
    )
    cloud.create_server('other', host='host1')
    return active, stopped


def evacuate_both(openstack: command.Openstack, *args: str) -> command.Done:
    return openstack.evacuate(
        *args,
        'host1',
        '--allow-data-loss',
        '--image-property',
        'hw_watchdog_action=reset',
        '--image-property',
        'ha_policy=gold',
    )


@pytest.mark.parametrize(
    'cap',
    [
        *each(*MICROVERSIONS),
        pytest.param(None, marks=pytest.mark.every_release),
    ],
)
def test_the_same_at_every_microversion_of_the_cloud(cloud, openstack, cap):
    active, stopped = two_servers(cloud)
    command.lose(cloud)
    cloud.cap(cap)

    done = evacuate_both(openstack)

    assert done.code == 0, done.stderr
    assert done.outcomes() == {
        'active': 'evacuated',
        'stopped': 'evacuated',
        'other': 'skipped',
    }
    assert command.state(cloud, active) == 'active'
    assert command.state(cloud, stopped) == 'stopped'


@pytest.mark.parametrize('ceiling', ['2.60', '2.95', '2.98', 'latest', '2'])
def test_the_same_under_every_ceiling(cloud, openstack, ceiling):
    active, stopped = two_servers(cloud)
    command.lose(cloud)
    cloud.forget_requests()

    done = evacuate_both(openstack, f'--os-compute-api-version={ceiling}')

    assert done.code == 0, done.stderr
    assert command.state(cloud, active) == 'active'
    assert command.state(cloud, stopped) == 'stopped'
    if ceiling.startswith('2.'):
        limit = int(ceiling.removeprefix('2.'))
        used = {request['microversion'] for request in cloud.requests()}
        assert max(int(v.partition('.')[2]) for v in used if v) <= limit


@pytest.mark.parametrize('ceiling', ['2.59', '2.1'])
def test_a_ceiling_that_is_too_low(cloud, openstack, ceiling):
    command.lose(cloud)
    cloud.forget_requests()
    done = openstack.evacuate(f'--os-compute-api-version={ceiling}', 'host1')
    assert done.code == 1
    assert '2.60' in done.stderr
    assert command.changes(cloud) == []


def test_a_cloud_that_is_too_old(cloud, openstack):
    command.lose(cloud)
    cloud.cap('2.53')
    done = openstack.evacuate('host1')
    assert done.code == 1
    assert 'ends at 2.53' in done.stderr


@pytest.mark.every_release
def test_stopped_leaves_them_stopped_and_lets_nova_do_it(cloud, openstack):
    servers = cloud.create_servers(2, host='host1', volume_backed=True)
    command.lose(cloud)

    done = openstack.evacuate('host1', '--stopped')

    assert done.code == 0
    assert {command.state(cloud, server) for server in servers} == {'stopped'}
    stops = cloud.requests(method='POST', match='os-stop')
    assert len(stops) == (0 if cloud.has('2.95') else 2)


@pytest.mark.every_release
@pytest.mark.parametrize('cap', [*each('2.93'), None])
def test_stopped_where_nova_cannot_do_it(cloud, openstack, cap):
    # 2.13, which checks the shared storage, knows nothing of 2.95.
    server = cloud.create_server('local', host='host1')
    for host in cloud.hosts:
        cloud.shared_storage(host)
    command.lose(cloud)
    cloud.cap(cap)

    done = openstack.evacuate('host1', '--stopped', '--shared-storage')

    assert done.code == 0
    assert command.state(cloud, server) == 'stopped'


def test_a_stopped_server_whose_first_evacuation_failed(cloud, openstack):
    server = cloud.create_server(
        'stopped', host='host1', volume_backed=True, stopped=True
    )
    command.lose(cloud)
    for host in cloud.hosts:
        cloud.spawn(host, fail=1)

    done = openstack.evacuate('host1', '--retries', '3')

    assert done.code == 0, done.stderr
    assert len(command.evacuate_posts(cloud, server)) > 1
    assert command.state(cloud, server) == 'stopped'


@pytest.mark.parametrize('stopped', [True, False])
def test_a_run_that_comes_after_a_failed_spawn(cloud, openstack, stopped):
    # Nova has forgotten the power state by then (ERROR, NOSTATE): what the
    # owner did last tells.
    server = cloud.create_server(
        'one', host='host1', volume_backed=True, stopped=stopped
    )
    command.lose(cloud)
    for host in cloud.hosts:
        cloud.spawn(host, fail=1)
    first = openstack.evacuate('host1', '--retries', '0')
    assert first.row(server)['Outcome'] == 'failed'
    row = cloud.server_row(server)
    assert (row['vm_state'], row['power_state']) == ('error', 0)
    for host in cloud.hosts:
        cloud.spawn(host, fail=0)

    done = openstack.evacuate('host1')

    assert done.code == 0
    assert command.state(cloud, server) == ('stopped' if stopped else 'active')


@pytest.mark.every_release
def test_a_run_that_comes_after_no_valid_host(cloud, openstack):
    server = cloud.create_server(
        'one', host='host1', volume_backed=True, stopped=True
    )
    command.lose(cloud)
    for host in cloud.hosts[1:]:
        cloud.set_service(host, status='disabled')
    first = openstack.evacuate('host1', '--retries', '0')
    assert 'No valid host' in first.row(server)['Reason']
    for host in cloud.hosts[1:]:
        cloud.set_service(host, status='enabled')

    done = openstack.evacuate('host1')

    assert done.code == 0
    assert command.state(cloud, server) == 'stopped'


@pytest.mark.every_release
def test_stopped_and_in_error_before(cloud, openstack):
    # From 2.95 on Nova stops what it evacuates, except a server in ERROR.
    server = cloud.create_server('one', host='host1', volume_backed=True)
    cloud.set_server(server, vm_state='error')
    command.lose(cloud)

    done = openstack.evacuate('host1', '--stopped')

    assert done.code == 0
    assert command.state(cloud, server) == 'stopped'


def test_a_run_that_comes_after_one_that_could_not_stop_it(cloud, openstack):
    server = cloud.create_server(
        'stopped', host='host1', volume_backed=True, stopped=True
    )
    command.lose(cloud)
    for host in cloud.hosts:
        cloud.spawn(host, fail=1)
    cloud.faults({'match': 'os-stop', 'status': 503})
    first = openstack.evacuate('host1', '--retries', '3', '--timeout', '25')
    assert first.code == 6
    assert first.row(server)['Outcome'] == 'unknown'
    assert command.on(cloud, server) != 'host1'
    assert command.state(cloud, server) == 'active'
    cloud.faults()

    done = openstack.evacuate('host1')

    assert done.code == 0
    assert done.row(server)['Outcome'] == 'evacuated'
    assert done.row(server)['Host'] == 'host1'
    assert command.state(cloud, server) == 'stopped'
