"""From the death of a host to its recovered servers, by Pacemaker."""

from __future__ import annotations

import pytest

from tests.cluster import cluster as cluster_
from tests.functional import command
from tests.functional.monitors.pacemaker import story


@pytest.mark.parametrize('how', ['killed', 'unplugged'])
def test_a_host_dies_and_its_servers_run_elsewhere(cloud, rack, cluster, how):
    """Its guests go on until the power is cut: they would run twice."""
    servers = story.furnish(cloud)
    killed = story.now()
    cloud.crash(story.HOST, guests_survive=True)
    if how == 'killed':
        cluster.machines[cluster_.REMOTE].kill()
    else:
        cluster.unplug_remote()

    story.wait_recovered(cloud, servers.tagged)

    story.check_recovered(cloud, servers)
    assert rack.requests(story.HOST) == ['host1 off']
    assert len(story.marks(cloud)) == 1
    # It may be at it once more, when it has tried to reach the node again.
    events = cluster.history()
    assert cluster.fenced()
    assert {event['action'] for event in events} == {'off'}
    assert 'failed' not in {event['status'] for event in events}
    story.note_times(f'the host is {how}', cloud, servers, killed)


def test_nova_is_away_while_the_host_is_fenced(cloud, rack, cluster):
    """It is asked again; the cluster never hears of a failure."""
    servers = story.furnish(cloud)
    cloud.faults({'match': '.', 'status': 503})
    cloud.crash(story.HOST, guests_survive=True)
    cluster.machines[cluster_.REMOTE].kill()
    cluster_.wait_for(
        lambda: rack.machine(story.HOST).power() == 'off', 'power off'
    )
    off = story.now()
    cluster_.wait_for(lambda: story.now() - off >= 30, '30 s')
    assert {event['status'] for event in cluster.history()} == {'pending'}

    cloud.faults()

    story.wait_recovered(cloud, servers.tagged)
    story.check_recovered(cloud, servers)
    assert cluster.fenced()
    assert 'failed' not in {event['status'] for event in cluster.history()}


def test_the_controller_dies_in_the_middle(cloud, rack, plan, start, embedded):
    """The other one fences it, and goes on; nothing is asked for twice."""
    plan.power('power', 'host1', 'cmp1')
    plan.nova('nova')
    plan.cib.level('cmp1', 1, 'power', 'nova')
    for number in (1, 2):
        node = f'ctl{number}'
        plan.power(f'power-{node}', f'host{number}-b', node)
    plan.recovery()
    cluster = start(controllers=2)
    cluster_.wait_for(lambda: cluster.runs_on('recovery'), 'recovery runs')
    servers = story.furnish(cloud)
    cloud.hold()
    cloud.crash(story.HOST, guests_survive=True)
    cluster.machines[cluster_.REMOTE].kill()
    for server in servers.tagged:
        cloud.wait_held(server, 90)
    first = cluster.runs_on('recovery')

    cluster.machines[first].kill()

    cluster_.wait_for(
        lambda: cluster.runs_on('recovery') not in (None, first),
        'the other controller takes over',
        90,
    )
    cloud.release()
    story.wait_recovered(cloud, servers.tagged)
    story.check_recovered(cloud, servers)
    assert cluster.fenced(first)


def test_a_host_comes_back(cloud, rack, cluster, openstack, plan):
    """Power, nova-compute, forced down, enabled; then Pacemaker's node."""
    servers = story.furnish(cloud, tagged=1)
    cloud.crash(story.HOST, guests_survive=True)
    cluster.machines[cluster_.REMOTE].kill()
    story.wait_recovered(cloud, servers.tagged)
    openstack.env['OS_INSTANCEHA_CONFIG'] = plan.config
    # The one in the file, which the resource has too.
    del openstack.env['OS_INSTANCEHA_LOCK']
    cluster_.wait_for(cluster.fenced, 'fenced')

    done = openstack('host', 'unfence', '-f', 'json', story.HOST)

    assert (done.code, done.rows[0]['Outcome']) == (0, 'unfenced')
    assert rack.requests(story.HOST) == ['host1 off', 'host1 on']
    cluster.start_remote()
    cluster_.wait_for(
        lambda: cluster_.REMOTE in cluster.online(), 'cmp1 online', 90
    )
    service = cloud.service(story.HOST)
    assert (service['status'], service['forced_down']) == ('enabled', False)
    # Fencing is not repeated, nor anything evacuated again.
    assert rack.requests(story.HOST) == ['host1 off', 'host1 on']
    assert len(command.evacuate_posts(cloud)) == 1
