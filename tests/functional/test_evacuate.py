"""The main job: the servers of a dead host run elsewhere, as they were."""

from __future__ import annotations

import re
import signal

import pytest

from tests.functional import command


@pytest.mark.every_release
def test_every_kind_of_server_is_accounted_for(cloud, openstack):
    ids = {
        'tagged': cloud.create_server(
            'tagged', host='host1', tags=['automatic-recovery']
        ),
        'volume': cloud.create_server(
            'volume', host='host1', volume_backed=True, network='private'
        ),
        'stopped': cloud.create_server('stopped', host='host1', stopped=True),
        'paused': cloud.create_server('paused', host='host1', paused=True),
        'elsewhere': cloud.create_server('elsewhere', host='host2'),
    }
    command.lose(cloud)

    done = openstack.evacuate('host1', '--allow-data-loss')

    assert done.outcomes() == {
        'tagged': 'evacuated',
        'volume': 'evacuated',
        'stopped': 'evacuated',
        'paused': 'refused',
    }
    assert done.code == 3
    assert {row['Name']: row['Data'] for row in done.rows} == {
        'tagged': 'unknown',
        'volume': 'kept',
        'stopped': 'unknown',
        'paused': 'unknown',
    }
    for name in ('tagged', 'volume', 'stopped'):
        destination = done.row(ids[name])['Destination']
        assert destination == command.on(cloud, ids[name]) != 'host1'
    assert command.on(cloud, ids['paused']) == 'host1'
    assert command.state(cloud, ids['tagged']) == 'active'
    assert command.state(cloud, ids['stopped']) == 'stopped'
    moved = command.on(cloud, ids['volume'])
    assert cloud.volume_hosts(ids['volume']) == [moved]
    assert cloud.port_hosts(ids['volume']) == [moved]


def test_run_again_it_finds_nothing_left_to_do(cloud, openstack):
    cloud.create_server('web', host='host1')
    command.lose(cloud)
    openstack.evacuate('host1', '--allow-data-loss')
    cloud.forget_requests()

    done = openstack.evacuate('host1', '--allow-data-loss')

    assert (done.code, done.rows) == (0, [])
    assert command.changes(cloud) == []


def test_a_host_with_no_servers_is_an_empty_table(cloud, openstack):
    command.lose(cloud)
    done = openstack('host', 'evacuate', 'host1')
    assert done.code == 0
    assert done.stdout.strip() == ''


def test_a_dry_run_shows_the_same_decisions_and_changes_nothing(
    cloud, openstack
):
    cloud.create_server('volume', host='host1', volume_backed=True)
    cloud.create_server('local', host='host1')
    cloud.create_server('paused', host='host1', paused=True)
    command.lose(cloud)
    cloud.forget_requests()

    done = openstack.evacuate('host1', '--dry-run')

    assert done.actions() == {
        'volume': 'evacuate',
        'local': 'refuse',
        'paused': 'refuse',
    }
    assert done.code == 3
    assert command.changes(cloud) == []


def test_a_dry_run_that_would_leave_nothing_behind_says_so(cloud, openstack):
    cloud.create_server('volume', host='host1', volume_backed=True)
    command.lose(cloud)
    assert openstack.evacuate('host1', '--dry-run').code == 0


def test_a_host_that_is_not_fenced_is_refused(cloud, openstack):
    server = cloud.create_server('web', host='host1', volume_backed=True)
    cloud.forget_requests()

    done = openstack.evacuate('host1')

    assert done.code == 4
    assert done.row(server)['Outcome'] == 'refused'
    assert 'not forced down' in done.stderr
    assert command.changes(cloud) == []


@pytest.mark.every_release
def test_already_fenced_marks_the_host_with_one_call(cloud, openstack):
    server = cloud.create_server('web', host='host1', volume_backed=True)
    cloud.set_service('host1', status='disabled', disabled_reason='new disks')
    cloud.crash('host1')
    cloud.forget_requests()

    done = openstack.evacuate('host1', '--already-fenced')

    assert done.code == 0
    assert command.on(cloud, server) != 'host1'
    service = cloud.service('host1')
    assert (service['forced_down'], service['status']) == (True, 'disabled')
    assert service['disabled_reason'].startswith('instanceha: ')
    assert service['disabled_reason'].endswith('disabled before: new disks')
    assert len(cloud.requests(method='PUT')) == 1


def test_two_hosts_at_once(cloud, openstack):
    one = cloud.create_server('one', host='host1')
    two = cloud.create_server('two', host='host2')
    command.lose(cloud, 'host1')
    command.lose(cloud, 'host2')

    done = openstack.evacuate('host1', 'host2', '--allow-data-loss')

    assert done.code == 0
    assert {row['Host'] for row in done.rows} == {'host1', 'host2'}
    assert command.on(cloud, one) in ('host3', 'host4')
    assert command.on(cloud, two) in ('host3', 'host4')


def test_one_host_that_is_up_does_not_stop_the_other(cloud, openstack):
    one = cloud.create_server('one', host='host1')
    two = cloud.create_server('two', host='host2')
    command.lose(cloud, 'host1')

    done = openstack.evacuate('host1', 'host2', '--allow-data-loss')

    assert done.code == 4
    assert done.outcomes() == {'one': 'evacuated', 'two': 'refused'}
    assert command.on(cloud, one) != 'host1'
    assert command.on(cloud, two) == 'host2'


def test_fenced_takes_every_host_that_is_forced_down(cloud, openstack):
    one = cloud.create_server('one', host='host1')
    two = cloud.create_server('two', host='host2')
    three = cloud.create_server('three', host='host3')
    command.lose(cloud, 'host1')
    command.lose(cloud, 'host2')

    done = openstack.evacuate('--fenced', '--allow-data-loss')

    assert done.code == 0
    assert done.outcomes() == {'one': 'evacuated', 'two': 'evacuated'}
    assert command.on(cloud, one) in ('host3', 'host4')
    assert command.on(cloud, two) in ('host3', 'host4')
    assert cloud.spawns(three) == 1


def test_fenced_with_no_host_fenced_is_done_at_once(cloud, openstack):
    cloud.create_server('one', host='host1')
    cloud.forget_requests()
    done = openstack.evacuate('--fenced')
    assert (done.code, done.rows) == (0, [])
    assert command.changes(cloud) == []


@pytest.mark.parametrize(
    'limit, code', [('1', 5), ('2', 0), ('49%', 5), ('50%', 0)]
)
def test_more_hosts_down_than_allowed(cloud, openstack, limit, code):
    server = cloud.create_server('one', host='host1', volume_backed=True)
    command.lose(cloud, 'host1')
    command.lose(cloud, 'host2')
    cloud.forget_requests()

    done = openstack.evacuate('host1', '--max-hosts-down', limit)

    assert done.code == code
    if code:
        assert 'host1, host2' in done.stderr
        assert command.changes(cloud) == []
        assert command.on(cloud, server) == 'host1'


def test_to_a_target_host(cloud, openstack):
    servers = cloud.create_servers(3, host='host1')
    command.lose(cloud)

    done = openstack.evacuate(
        'host1', '--allow-data-loss', '--target-host', 'host3'
    )

    assert done.code == 0
    assert {command.on(cloud, server) for server in servers} == {'host3'}
    # Below 2.29 the scheduler would have been bypassed.
    assert {
        request['microversion'] for request in command.evacuate_posts(cloud)
    } == {cloud.up_to('2.94')}


def test_without_waiting(cloud, openstack):
    server = cloud.create_server('one', host='host1', volume_backed=True)
    command.lose(cloud)
    cloud.hold()

    done = openstack.evacuate('host1', '--no-wait')

    assert done.code == 0
    assert done.row(server)['Outcome'] == 'accepted'
    cloud.wait_held(server)
    cloud.release()
    cloud.wait_evacuated(server)
    assert command.on(cloud, server) != 'host1'


def test_time_runs_out_and_the_next_run_goes_on_from_there(cloud, openstack):
    server = cloud.create_server('one', host='host1', volume_backed=True)
    late = cloud.create_server('late', host='host1', volume_backed=True)
    command.make_oldest(cloud, server)
    command.lose(cloud)
    cloud.hold()

    done = openstack.evacuate(
        'host1', '--timeout', '6', '--max-in-flight', '1'
    )

    assert done.code == 6
    assert done.outcomes() == {'one': 'unknown', 'late': 'failed'}
    assert 'pre-migrating' in done.row(server)['Reason']
    assert command.evacuate_posts(cloud, late) == []

    again = openstack.start_evacuate('host1')
    cloud.wait_held(late)
    cloud.release()
    done = again.wait()
    assert done.code == 0
    assert done.outcomes() == {'one': 'evacuated', 'late': 'evacuated'}
    assert len(command.evacuate_posts(cloud, server)) == 1
    assert cloud.spawns(server) == 2


def test_evacuate_host_by_name_only_never_by_a_part_of_it(cloud, openstack):
    cloud.create_server('one', host='host1')
    command.lose(cloud)
    done = openstack.evacuate('host')
    assert done.code == 1
    assert "No compute host 'host': did you mean host" in done.stderr


def test_vouched_for_a_host_is_marked_though_it_has_no_servers(
    cloud, openstack
):
    cloud.crash('host1')
    done = openstack.evacuate('host1', '--already-fenced')
    assert (done.code, done.rows) == (0, [])
    assert cloud.service('host1')['forced_down'] is True


@pytest.mark.parametrize(
    ('number', 'code'), [(signal.SIGINT, 130), (signal.SIGTERM, 143)]
)
def test_an_interrupt_begins_nothing_more_and_reports(
    cloud, openstack, number, code
):
    server = cloud.create_server('one', host='host1', volume_backed=True)
    late = cloud.create_server('late', host='host1', volume_backed=True)
    command.make_oldest(cloud, server)
    command.lose(cloud)
    cloud.hold()
    running = openstack.start_evacuate('host1', '--max-in-flight', '1')
    cloud.wait_held(server)
    running.send(number)
    done = running.wait()

    assert done.code == code
    assert done.outcomes() == {'one': 'unknown', 'late': 'failed'}
    assert command.evacuate_posts(cloud, late) == []
    cloud.release()
    again = openstack.evacuate('host1')
    assert again.code == 0
    assert len(command.evacuate_posts(cloud, server)) == 1


def test_without_waiting_the_limit_still_holds(cloud, openstack):
    servers = cloud.create_servers(3, host='host1', volume_backed=True)
    command.lose(cloud)

    done = openstack.evacuate('host1', '--no-wait', '--max-in-flight', '1')

    assert done.code == 0
    assert set(done.outcomes().values()) <= {'accepted', 'evacuated'}
    assert len(command.evacuate_posts(cloud)) == 3
    for server in servers:
        cloud.wait_evacuated(server)
        assert command.on(cloud, server) != 'host1'


def test_fenced_leaves_a_host_to_the_run_that_is_on_it(cloud, openstack):
    one = cloud.create_server('one', host='host1', volume_backed=True)
    two = cloud.create_server('two', host='host2', volume_backed=True)
    command.lose(cloud, 'host1')
    command.lose(cloud, 'host2')
    cloud.hold()
    first = openstack.start_evacuate('host1')
    cloud.wait_held(one)

    timer = openstack.start_evacuate('--fenced')
    cloud.wait_held(two)
    cloud.release()
    done = timer.wait()

    assert done.code == 3
    assert done.outcomes() == {'two': 'evacuated'}
    assert re.search(command.LOCKED, done.stderr)
    assert first.wait().code == 0
    assert len(command.evacuate_posts(cloud)) == 2
