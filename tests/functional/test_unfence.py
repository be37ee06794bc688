"""openstack host unfence: the way back."""

from __future__ import annotations

import pytest

from tests.cloud import client
from tests.functional import command
from tests.functional import test_fence


def unfence(openstack: command.Openstack, *args: str) -> command.Done:
    return openstack('host', 'unfence', '-f', 'json', *args)


@pytest.fixture
def evacuated(cloud, openstack, fencing):
    """host1 is off, and its server has left it."""
    server = cloud.create_server('db', host='host1', volume_backed=True)
    test_fence.hang(cloud)
    assert openstack.evacuate('--fence', 'host1').code == 0
    cloud.forget_requests()
    return server


def statuses(cloud: client.Cloud) -> set[str]:
    return {row['status'] for row in cloud.migrations()}


def only(done: command.Done) -> dict[str, object]:
    (row,) = done.rows
    return row


@pytest.mark.every_release
def test_brings_a_host_back(cloud, openstack, fencing, evacuated):
    assert statuses(cloud) == {'done'}

    done = unfence(openstack, 'host1')

    assert (done.code, only(done)['Outcome']) == (0, 'unfenced')
    assert only(done)['Power State'] == 'on'
    assert fencing.requests() == ['host1 off', 'host1 on']
    assert statuses(cloud) == {'completed'}
    service = cloud.service('host1')
    assert service['state'] == 'up'
    assert service['status'] == 'enabled'
    assert service['forced_down'] is False
    # First the one, then the other: see nova-facts on the trait.
    assert [
        change.partition(' {')[2] for change in command.changes(cloud)
    ] == ['"forced_down": false}', '"status": "enabled"}']


def test_takes_servers_again(cloud, openstack, fencing, evacuated):
    assert unfence(openstack, 'host1').code == 0

    new = cloud.create_server('new', host='host1', volume_backed=True)

    assert command.on(cloud, new) == 'host1'


def test_again_changes_nothing(cloud, openstack, fencing, evacuated):
    unfence(openstack, 'host1')
    cloud.forget_requests()

    done = unfence(openstack, 'host1')

    assert (done.code, only(done)['Outcome']) == (0, 'unfenced')
    assert command.changes(cloud) == []
    assert fencing.requests() == ['host1 off', 'host1 on']


def test_a_host_that_was_never_fenced(cloud, openstack, fencing):
    done = unfence(openstack, 'host1')

    assert (done.code, only(done)['Outcome']) == (0, 'unfenced')
    assert command.changes(cloud) == []
    assert fencing.requests() == []


def test_no_power_before_the_last_evacuation_has_ended(
    cloud, openstack, fencing
):
    server = cloud.create_server('db', host='host1', volume_backed=True)
    test_fence.hang(cloud)
    cloud.hold(*cloud.hosts)
    recovering = openstack.start_evacuate('--fence', '--no-wait', 'host1')
    cloud.wait_held(server)
    recovering.wait()

    done = unfence(openstack, '--timeout', '3', 'host1')

    assert (done.code, only(done)['Outcome']) == (3, 'failed')
    assert server in only(done)['Reason']
    assert 'still open' in only(done)['Reason']
    assert fencing.requests() == ['host1 off']
    assert cloud.service('host1')['forced_down'] is True

    running = openstack.start('host', 'unfence', '-f', 'json', 'host1')
    cloud.release(*cloud.hosts)
    done = running.wait()
    assert (done.code, only(done)['Outcome']) == (0, 'unfenced')
    assert command.on(cloud, server) != 'host1'


def test_a_nova_compute_that_does_not_start(
    cloud, openstack, fencing, evacuated
):
    fencing.machine('host1').boot(False)

    done = unfence(openstack, '--timeout', '4', 'host1')

    assert (done.code, only(done)['Outcome']) == (3, 'failed')
    assert evacuated in only(done)['Reason']
    assert 'start nova-compute' in only(done)['Reason']
    service = cloud.service('host1')
    assert service['forced_down'] is True
    assert service['status'] == 'disabled'

    # Whoever starts it now finishes the job with the same command.
    cloud.start('host1')
    assert unfence(openstack, 'host1').code == 0
    assert fencing.requests() == ['host1 off', 'host1 on']


def test_rows_that_a_running_nova_compute_does_not_complete(
    cloud, openstack, fencing, evacuated
):
    cloud.set_migration(cloud.migrations()[0]['id'], source_node='renamed')

    done = unfence(openstack, '--timeout', '8', 'host1')

    assert (done.code, only(done)['Outcome']) == (3, 'failed')
    assert evacuated in only(done)['Reason']
    assert 'restart it' in only(done)['Reason']
    assert cloud.service('host1')['forced_down'] is True


def test_not_seen_on(cloud, openstack, fencing, evacuated):
    fencing.machine('host1').behave('stuck')

    done = unfence(openstack, 'host1')

    assert (done.code, only(done)['Outcome']) == (3, 'failed')
    assert '--no-power-on' in only(done)['Reason']
    assert cloud.service('host1')['forced_down'] is True


def test_switched_on_by_hand(cloud, openstack, fencing, evacuated):
    fencing.machine('host1').set_power('on')

    done = unfence(openstack, '--no-power-on', 'host1')

    assert (done.code, only(done)['Outcome']) == (0, 'unfenced')
    assert fencing.requests() == ['host1 off']


@pytest.mark.parametrize('when', ['before', 'since'])
def test_somebody_has_disabled_it(cloud, openstack, fencing, when):
    theirs = {'status': 'disabled', 'disabled_reason': 'a new disk'}
    if when == 'before':
        cloud.set_service('host1', **theirs)
    test_fence.hang(cloud)
    assert test_fence.fence(openstack, 'host1').code == 0
    if when == 'since':
        cloud.set_service('host1', **theirs)

    done = unfence(openstack, 'host1')

    assert (done.code, only(done)['Outcome']) == (0, 'unfenced')
    assert 'left disabled' in only(done)['Reason']
    assert 'a new disk' in only(done)['Reason']
    service = cloud.service('host1')
    assert (service['state'], service['forced_down']) == ('up', False)
    assert (service['status'], service['disabled_reason']) == (
        'disabled',
        'a new disk',
    )


def test_several_hosts(cloud, openstack, fencing):
    for host in ('host1', 'host2'):
        test_fence.hang(cloud, host)
    assert test_fence.fence(openstack, 'host1', 'host2').code == 0
    fencing.machine('host2').behave('stuck')

    done = unfence(openstack, 'host1', 'host2')

    assert done.code == 3
    assert test_fence.hosts(done) == {'host1': 'unfenced', 'host2': 'failed'}
