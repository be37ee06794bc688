"""What must not be believed, and why that is so is to be seen."""

from __future__ import annotations

from tests.cluster import cluster as cluster_
from tests.functional import command
from tests.functional.monitors.pacemaker import story


def untouched(cloud, servers):
    """Nothing was marked, and nothing evacuated."""
    assert story.marks(cloud) == []
    assert command.evacuate_posts(cloud) == []
    for server in (*servers.tagged, *servers.others):
        assert cloud.running(server) == [story.HOST]


def test_the_power_device_is_stuck(cloud, rack, plan, start):
    """It says yes, and the machine runs on."""
    plan.power(
        'power',
        'host1',
        'cmp1',
        # Without it, the agent would wait until Pacemaker kills it.
        disable_timeout='false',
        power_timeout=4,
        pcmk_off_retries=1,
    )
    plan.nova('nova', off_timeout=12, pcmk_off_retries=1)
    plan.cib.level('cmp1', 1, 'power', 'nova')
    plan.recovery()
    cluster = start()
    servers = story.furnish(cloud)
    rack.machine(story.HOST).behave('stuck')
    cloud.crash(story.HOST, guests_survive=True)
    cluster.machines[cluster_.REMOTE].kill()

    cluster_.wait_for(
        lambda: any(
            event['status'] == 'failed' for event in cluster.history()
        ),
        'fencing has failed',
        90,
    )

    untouched(cloud, servers)
    assert 'host1 off' in rack.requests(story.HOST)
    assert not cluster.fenced()
    # The second device was not even called.
    log = cluster.log('ctl1')
    assert 'Timed out waiting to power OFF' in log
    assert "targeting cmp1 using power" in log
    assert "targeting cmp1 using nova" not in log
    # Once the machine gives way, Pacemaker goes on by itself.
    rack.machine(story.HOST).behave('ok')
    story.wait_recovered(cloud, servers.tagged)
    story.check_recovered(cloud, servers)


def test_the_agent_is_called_alone(cloud, rack, plan, start):
    """No topology, no power device: Pacemaker would call the host fenced."""
    plan.nova('nova', off_timeout=12, pcmk_off_retries=1)
    cluster = start()
    servers = story.furnish(cloud)
    cloud.crash(story.HOST, guests_survive=True)

    done = cluster.controller().run(
        'stonith_admin', '--fence', 'cmp1', '--timeout=40', code=None
    )

    assert done.returncode != 0
    untouched(cloud, servers)
    assert rack.requests(story.HOST) == []
    assert not cluster.fenced()
    assert 'bmc (redfish): on' in cluster.log('ctl1')


def test_a_host_that_is_up_and_on_is_not_marked_by_a_mistake(
    cloud, rack, plan, start
):
    """Also if the power device of another machine has been cut."""
    plan.power('power', 'host1-b', 'cmp1')
    plan.nova('nova', off_timeout=12, pcmk_off_retries=1)
    plan.cib.level('cmp1', 1, 'power', 'nova')
    cluster = start()
    servers = story.furnish(cloud)

    done = cluster.controller().run(
        'stonith_admin', '--fence', 'cmp1', '--timeout=60', code=None
    )

    assert done.returncode != 0
    assert rack.machine('host1-b').power() == 'off'
    untouched(cloud, servers)
    assert cloud.service(story.HOST)['state'] == 'up'


def test_a_reboot_leaves_the_mark(cloud, rack, plan, start):
    """Pacemaker makes off and on of it, and calls "on" of the agent too."""
    plan.power('power', 'host1', 'cmp1')
    plan.nova('nova')
    plan.cib.level('cmp1', 1, 'power', 'nova')
    cluster = start()
    rack.machine(story.HOST).boot(False)
    cloud.crash(story.HOST, guests_survive=True)

    cluster.run('stonith_admin', '--reboot', 'cmp1', '--timeout=90')

    assert rack.requests(story.HOST) == ['host1 off', 'host1 on']
    service = cloud.service(story.HOST)
    assert service['forced_down'] is True
    assert service['status'] == 'disabled'
