"""Never twice, never from a living host, never on a guess."""

from __future__ import annotations

import itertools
import re

import pytest

from tests.cloud import client
from tests.functional import command

# -- a host that is marked as down and lives ------------------------------


@pytest.mark.every_release
def test_a_host_that_goes_on_reporting_is_not_evacuated(cloud, openstack):
    server = cloud.create_server('one', host='host1', volume_backed=True)
    cloud.set_service('host1', forced_down=True)
    cloud.forget_requests()

    done = openstack.evacuate('host1', '--report-interval', '2')

    assert done.code == 4
    assert done.row(server)['Outcome'] == 'refused'
    assert 'goes on reporting' in done.stderr
    assert command.changes(cloud) == []


def test_vouched_for_and_alive_it_is_not_even_marked(cloud, openstack):
    cloud.create_server('one', host='host1', volume_backed=True)
    cloud.forget_requests()

    done = openstack.evacuate(
        'host1', '--already-fenced', '--report-interval', '2'
    )

    assert done.code == 4
    assert command.changes(cloud) == []
    assert cloud.service('host1')['forced_down'] is False


def test_a_dry_run_hears_it_too(cloud, openstack):
    cloud.create_server('one', host='host1', volume_backed=True)
    cloud.set_service('host1', forced_down=True)

    done = openstack.evacuate('host1', '--dry-run', '--report-interval', '2')

    assert done.code == 4
    assert done.actions() == {'one': 'refuse'}
    assert done.rows[0]['Reason'].endswith('otherwise evacuate')


@pytest.mark.parametrize('how', ['heartbeat', 'lifted'])
def test_a_host_that_comes_back_in_the_middle_stops_the_batch(
    cloud, openstack, how
):
    # The dead host's own restart would clean up after evacuations, so one
    # that was never really off stands for it.
    first = cloud.create_server('first', host='host1', volume_backed=True)
    late = cloud.create_server('late', host='host1', volume_backed=True)
    command.make_oldest(cloud, first)
    cloud.crash('host1')
    cloud.set_service('host1', forced_down=True)
    cloud.hold()
    running = openstack.start_evacuate(
        'host1', '--max-in-flight', '1', '--report-interval', '2'
    )
    cloud.wait_held(first)
    if how == 'heartbeat':
        # Its record moves, and moves again, as by a report each time.
        reports = itertools.count()

        def reported() -> bool:
            cloud.set_service(
                'host1',
                status='disabled',
                disabled_reason=f'report {next(reports)}',
            )
            return 'goes on reporting' in running.heard()

        client.wait_for(reported, timeout=60, interval=3)
    else:
        cloud.set_service('host1', forced_down=False)
        client.wait_for(
            lambda: 'has lifted forced down' in running.heard(), timeout=60
        )
    cloud.release()
    done = running.wait()

    assert done.code == 3
    assert done.outcomes() == {'first': 'evacuated', 'late': 'refused'}
    assert command.evacuate_posts(cloud, late) == []


# -- twice ----------------------------------------------------------------


def test_two_of_our_commands_at_the_same_moment(cloud, openstack):
    servers = cloud.create_servers(4, host='host1', volume_backed=True)
    command.lose(cloud)
    cloud.hold()

    both = [openstack.start_evacuate('host1') for _ in range(2)]
    for server in servers:
        cloud.wait_held(server)
    cloud.release()
    ends = [running.wait() for running in both]

    assert [done.code for done in ends] == [0, 0]
    assert len(command.evacuate_posts(cloud)) == 4
    assert {cloud.spawns(server) for server in servers} == {2}


def test_the_second_gives_up_waiting_for_the_first(cloud, openstack):
    server = cloud.create_server('one', host='host1', volume_backed=True)
    command.lose(cloud)
    cloud.hold()
    first = openstack.start_evacuate('host1')
    cloud.wait_held(server)

    done = openstack.evacuate('host1', '--lock-timeout', '1')

    assert done.code == 1
    assert re.search(command.LOCKED, done.stderr)
    cloud.release()
    assert first.wait().code == 0


@pytest.mark.every_release
def test_a_persons_evacuation_just_before_ours(cloud, openstack):
    server = cloud.create_server('one', host='host1', volume_backed=True)
    command.lose(cloud)
    cloud.hold()
    assert cloud.evacuate(server).status_code == 200
    cloud.wait_held(server)
    cloud.forget_requests()

    running = openstack.start_evacuate('host1')
    client.wait_for(lambda: len(cloud.requests(match='/os-migrations')) >= 3)
    cloud.release()
    done = running.wait()

    assert done.code == 0
    assert done.row(server)['Outcome'] == 'evacuated'
    assert 'open already' in done.row(server)['Reason']
    assert command.evacuate_posts(cloud) == []
    assert cloud.spawns(server) == 2


def test_a_stuck_record_is_never_pushed_aside(cloud, openstack):
    # Nova's conductor died: the record stays 'accepted' for ever.
    server = cloud.create_server('one', host='host1', volume_backed=True)
    command.lose(cloud)
    cloud.add_migration(server)
    cloud.forget_requests()

    done = openstack.evacuate('host1', '--timeout', '4')

    assert done.code == 6
    assert done.row(server)['Outcome'] == 'unknown'
    assert 'accepted' in done.row(server)['Reason']
    assert command.evacuate_posts(cloud) == []


@pytest.mark.parametrize('after', [True, False], ids=['taken', 'not taken'])
def test_the_answer_to_a_post_is_lost(cloud, openstack, after):
    server = cloud.create_server('one', host='host1', volume_backed=True)
    command.lose(cloud)
    cloud.faults(
        {
            'match': '"evacuate"',
            'status': 504,
            'after': after,
            'times': 1,
        }
    )

    done = openstack.evacuate('host1', '--timeout', '8')

    assert len(command.evacuate_posts(cloud)) == 1
    outcome = done.row(server)['Outcome']
    if after:
        assert (done.code, outcome) == (0, 'evacuated')
    else:
        assert (done.code, outcome) == (6, 'unknown')
        assert command.on(cloud, server) == 'host1'


def test_migrations_that_cannot_be_read_are_not_failed_ones(cloud, openstack):
    # The worst of the peers' failures: a 504 on os-migrations was taken for
    # a failure and answered with a second evacuation.
    servers = cloud.create_servers(3, host='host1', volume_backed=True)
    command.lose(cloud)
    cloud.hold()
    running = openstack.start_evacuate('host1')
    for server in servers:
        cloud.wait_held(server)
    cloud.faults({'match': '/os-migrations', 'status': 504, 'times': 4})
    client.wait_for(
        lambda: (
            sum(
                request['status'] == 504
                for request in cloud.requests(match='/os-migrations')
            )
            == 4
        )
    )
    cloud.release()
    done = running.wait()

    assert done.code == 0
    assert len(command.evacuate_posts(cloud)) == 3
    assert {cloud.spawns(server) for server in servers} == {2}


@pytest.mark.every_release
def test_a_failed_evacuation_that_left_its_guest_running(cloud, openstack):
    # The destination spawns the guest and then cannot write it down, since
    # somebody has reset the state in between. Nobody ever destroys it.
    server = cloud.create_server('one', host='host1', volume_backed=True)
    command.lose(cloud)
    cloud.hold()
    running = openstack.start_evacuate('host1')
    left_on = cloud.wait_held(server)
    assert cloud.action(server, 'os-resetState', {'state': 'error'}).ok
    cloud.release()
    done = running.wait()

    assert cloud.running(server) == [left_on]
    assert done.code == 6
    row = done.row(server)
    assert row['Outcome'] == 'unknown'
    assert f'running on {left_on}' in row['Reason']
    assert len(command.evacuate_posts(cloud, server)) == 1

    # And no later run starts it a second time.
    again = openstack.evacuate('host1')
    assert again.code == 3
    assert again.row(server)['Outcome'] == 'refused'
    assert f'running on {left_on}' in again.row(server)['Reason']
    assert len(command.evacuate_posts(cloud, server)) == 1


# -- what Nova must not be asked for --------------------------------------


@pytest.mark.parametrize(
    'action, body, vm_state',
    [
        ('pause', None, 'paused'),
        ('suspend', None, 'suspended'),
        ('rescue', {}, 'rescued'),
        ('resize', {'flavorRef': 'ephemeral'}, 'resized'),
    ],
)
def test_a_state_that_nova_does_not_evacuate(
    cloud, openstack, action, body, vm_state
):
    name = vm_state
    server = cloud.create_server(name, host='host1', image='cirros')
    good = cloud.create_server('good', host='host1')
    response = cloud.action(server, action, body)
    assert response.ok, response.text
    cloud.wait_state(server, vm_state)
    host = command.on(cloud, server)
    if host != 'host1':
        # A resize moves it; then that host is the one to lose.
        cloud.set_server(server, host='host1', node='host1.cloud.example')
    command.lose(cloud)
    cloud.forget_requests()

    done = openstack.evacuate('host1', '--allow-data-loss')

    assert done.code == 3
    assert done.outcomes() == {name: 'refused', 'good': 'evacuated'}
    assert vm_state in done.row(server)['Reason']
    assert command.evacuate_posts(cloud, server) == []
    assert command.on(cloud, good) != 'host1'


@pytest.mark.parametrize(
    'fields',
    [
        {'vm_state': 'building', 'launched_at': None},
        {'vm_state': 'error', 'launched_at': None},
        {'vm_state': 'shelved'},
        {'task_state': 'migrating'},
        {'task_state': 'resize_prep'},
        {'task_state': 'resize_migrated'},
        {'task_state': 'deleting'},
        {'task_state': 'rebuilding'},
        {'task_state': 'rebuild_spawning'},
        {'task_state': 'some-day-a-new-one'},
    ],
    ids=lambda fields: '-'.join(map(str, fields.values())),
)
def test_a_server_that_is_held_or_cannot_be(cloud, openstack, fields):
    server = cloud.create_server('one', host='host1', volume_backed=True)
    good = cloud.create_server('good', host='host1', volume_backed=True)
    cloud.set_server(server, **fields)
    command.lose(cloud)
    cloud.forget_requests()

    done = openstack.evacuate('host1')

    assert done.code == 3
    assert done.outcomes() == {'one': 'refused', 'good': 'evacuated'}
    assert command.evacuate_posts(cloud, server) == []
    assert command.on(cloud, good) != 'host1'


@pytest.mark.every_release
def test_what_the_crash_interrupted_is_no_obstacle(cloud, openstack):
    server = cloud.create_server('one', host='host1', volume_backed=True)
    cloud.set_server(server, task_state='rebooting_hard')
    command.lose(cloud)
    done = openstack.evacuate('host1')
    if cloud.evacuates_only_at_rest:
        assert done.code == 3
        assert 'task_state rebooting_hard' in done.row(server)['Reason']
        assert command.on(cloud, server) == 'host1'
        return
    assert done.code == 0
    assert command.on(cloud, server) != 'host1'


# -- data -----------------------------------------------------------------


def test_no_data_is_lost_that_was_not_given_up(cloud, openstack):
    local = cloud.create_server('local', host='host1')
    ephemeral = cloud.create_server(
        'ephemeral', host='host1', volume_backed=True, flavor='ephemeral'
    )
    volume = cloud.create_server('volume', host='host1', volume_backed=True)
    command.lose(cloud)

    done = openstack.evacuate('host1')

    assert done.code == 3
    assert done.outcomes() == {
        'local': 'refused',
        'ephemeral': 'refused',
        'volume': 'evacuated',
    }
    assert 'root disk' in done.row(local)['Reason']
    assert 'ephemeral disk' in done.row(ephemeral)['Reason']
    assert command.on(cloud, volume) != 'host1'
    assert cloud.spawns(local) == cloud.spawns(ephemeral) == 1


@pytest.mark.every_release
def test_shared_storage_is_checked_by_nova(cloud, openstack):
    local = cloud.create_server('local', host='host1')
    volume = cloud.create_server('volume', host='host1', volume_backed=True)
    command.lose(cloud)

    done = openstack.evacuate('host1', '--shared-storage', '--retries', '0')

    assert done.code == 3
    assert done.outcomes() == {'local': 'failed', 'volume': 'evacuated'}
    assert 'shared storage' in done.row(local)['Reason']
    assert command.on(cloud, local) == 'host1'
    assert cloud.spawns(local) == 1

    for host in cloud.hosts:
        cloud.shared_storage(host)
    done = openstack.evacuate('host1', '--shared-storage')
    assert (done.code, done.outcomes()) == (0, {'local': 'evacuated'})
    assert done.rows[0]['Data'] == 'kept'
    assert command.state(cloud, local) == 'active'
    assert command.state(cloud, volume) == 'active'


@pytest.mark.parametrize(
    'metadata, target, outcome',
    [
        ('true', None, 'evacuated'),
        ('false', None, 'refused'),
        ('true', 'host2', 'evacuated'),
        ('true', 'host3', 'refused'),
    ],
)
def test_an_aggregate_declares_it(cloud, openstack, metadata, target, outcome):
    server = cloud.create_server('local', host='host1')
    for host in cloud.hosts:
        cloud.shared_storage(host)
    aggregate = cloud.call(
        'POST', '/os-aggregates', {'aggregate': {'name': 'ceph'}}
    )['aggregate']['id']
    path = f'/os-aggregates/{aggregate}/action'
    for host in ('host1', 'host2'):
        cloud.call('POST', path, {'add_host': {'host': host}})
    cloud.call(
        'POST',
        path,
        {
            'set_metadata': {
                'metadata': {'instanceha:shared_storage': metadata}
            }
        },
    )
    command.lose(cloud)

    done = openstack.evacuate(
        'host1', *(['--target-host', target] if target else [])
    )

    assert done.row(server)['Outcome'] == outcome
    versions = [
        request['microversion'] for request in command.evacuate_posts(cloud)
    ]
    if outcome == 'evacuated':
        # With a target host Nova cannot check, and must not be bypassed.
        assert versions == [cloud.up_to('2.94') if target else '2.13']
    else:
        assert versions == []


# -- the whole list -------------------------------------------------------


def test_pages_of_any_size(cloud, openstack):
    servers = cloud.create_servers(5, host='host1', volume_backed=True)
    cloud.create_servers(2, host='host2')
    command.lose(cloud)
    cloud.page_size(2)

    done = openstack.evacuate('host1')

    assert done.code == 0
    assert len(done.rows) == 5
    assert all(command.on(cloud, server) != 'host1' for server in servers)


@pytest.mark.every_release
def test_a_cell_that_is_down_is_an_error(cloud, openstack):
    cloud.create_server('one', host='host1')
    command.lose(cloud)
    cloud.forget_requests()
    cloud.cell_down()

    done = openstack.evacuate('host1')

    assert done.code == 1
    assert 'cell' in done.stderr
    assert command.changes(cloud) == []


def test_a_cell_that_goes_down_between_two_calls(cloud, openstack):
    cloud.create_server('one', host='host1')
    command.lose(cloud)
    cloud.faults(
        {
            'match': 'GET .*/servers/detail',
            'status': 200,
            'body': {'servers': []},
        },
        {
            'match': 'GET .*/os-services.*host=host1',
            'status': 200,
            'body': {
                'services': [
                    {
                        'binary': 'nova-compute',
                        'host': 'host1',
                        'status': 'UNKNOWN',
                    }
                ]
            },
        },
    )

    done = openstack.evacuate('host1')

    assert done.code == 1
    assert 'cell of host1 does not answer' in done.stderr


def test_a_token_that_does_not_see_everything(cloud):
    openstack = command.Openstack(cloud, OS_CLOUD='embedded-tenant')
    cloud.create_server('one', host='host1')
    command.lose(cloud)
    cloud.forget_requests()

    done = openstack.evacuate('host1')

    assert done.code == 1
    assert 'admin role' in done.stderr
    assert command.changes(cloud) == []
