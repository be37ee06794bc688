"""openstack host fence through the cluster's own devices."""

from __future__ import annotations

import pytest

from tests.cluster import cluster as cluster_
from tests.functional.monitors.pacemaker import story


@pytest.fixture
def cluster(plan, start, openstack, rack, tmp_path):
    """The devices are Pacemaker's; instanceha.yaml only names the node."""
    plan.power('power', 'host1', 'cmp1')
    made = start()
    program = made.program('stonith_admin', tmp_path)
    openstack.env['OS_INSTANCEHA_CONFIG'] = rack.write(
        tmp_path,
        f'host1: {{driver: pacemaker, target: cmp1, '
        f'stonith_admin: {program}, fencing_timeout: 20}}',
    )
    return made


def test_it_is_fenced_with_the_history_as_evidence(
    cloud, rack, cluster, openstack
):
    servers = story.furnish(cloud)
    cloud.crash(story.HOST, guests_survive=True)

    done = openstack('host', 'fence', '-f', 'json', 'host1')

    assert (done.code, done.rows[0]['Outcome']) == (0, 'fenced')
    assert rack.requests(story.HOST) == ['host1 off']
    (evidence,) = done.rows[0]['Evidence']
    assert evidence['driver'] == 'pacemaker'
    assert 'off success by ctl1 at 2' in evidence['detail']
    assert not evidence['vouched']
    for server in servers.tagged:
        assert cloud.running(server) == []
    (event,) = cluster.history()
    assert event['client'].startswith('stonith_admin')


def test_a_confirmation_is_listened_to_as_well(
    cloud, rack, cluster, openstack
):
    """The device refuses; somebody confirms while we wait."""
    cloud.crash(story.HOST)
    rack.machine(story.HOST).behave('stuck')
    running = openstack.start('host', 'fence', '-f', 'json', 'host1')
    cluster_.wait_for(
        lambda: any(
            event['status'] == 'pending' for event in cluster.history()
        ),
        'the cluster is at it',
    )

    cluster.run('stonith_admin', '--confirm', 'cmp1')

    done = running.wait()
    assert (done.code, done.rows[0]['Outcome']) == (0, 'fenced')
    (evidence,) = done.rows[0]['Evidence']
    assert evidence['vouched']
    assert 'confirmed by a human' in evidence['detail']
    assert 'silen' in done.stderr
