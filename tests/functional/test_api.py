"""The Python API, as a monitor uses it."""

from __future__ import annotations

from keystoneauth1 import identity
from keystoneauth1 import session
import pytest

import osc_instanceha
from osc_instanceha import events
from osc_instanceha import exceptions
from tests.functional import command


@pytest.fixture
def connected(cloud, monkeypatch):
    monkeypatch.setenv('OS_CLIENT_CONFIG_FILE', str(cloud.clouds))
    return osc_instanceha.connect('embedded')


OPTIONS = osc_instanceha.Options(report_interval=1)


@pytest.mark.every_release
def test_plan_then_evacuate_and_watch(cloud, connected):
    tagged = cloud.create_server(
        'tagged', host='host1', volume_backed=True, tags=['ha']
    )
    other = cloud.create_server('other', host='host1')
    command.lose(cloud)
    selection = osc_instanceha.Selection(tags=frozenset({'ha'}))

    (plan,) = connected.plan(['host1'], selection, OPTIONS)
    assert {step.server.id: step.action for step in plan.steps} == {
        tagged: osc_instanceha.Action.EVACUATE,
        other: osc_instanceha.Action.SKIP,
    }

    run = connected.evacuate(['host1'], selection, OPTIONS)
    seen = []
    for event in run:
        seen.append(type(event))
        # Complete at any moment.
        if seen != [events.Planned]:
            assert len(run.results()) == 2
    assert events.Accepted in seen
    assert {result.server_id: result.outcome for result in run.results()} == {
        tagged: osc_instanceha.Outcome.EVACUATED,
        other: osc_instanceha.Outcome.SKIPPED,
    }
    (moved,) = [r for r in run.results() if r.server_id == tagged]
    assert moved.destination == command.on(cloud, tagged) != 'host1'


def test_given_up_in_the_middle_and_taken_up_again(cloud, connected):
    servers = cloud.create_servers(3, host='host1', volume_backed=True)
    command.lose(cloud)
    run = connected.evacuate(['host1'], options=OPTIONS)
    for event in run:
        if isinstance(event, events.Accepted):
            break
    assert len(run.results()) == 3

    again = connected.evacuate(['host1'], options=OPTIONS)
    list(again)

    assert all(command.on(cloud, server) != 'host1' for server in servers)
    assert {cloud.spawns(server) for server in servers} == {2}
    assert len(command.evacuate_posts(cloud)) == 3


def test_with_a_session_of_ones_own(cloud):
    server = cloud.create_server('one', host='host1', volume_backed=True)
    command.lose(cloud)
    own = session.Session(
        identity.Password(
            cloud.auth_url,
            username='admin',
            password='secret',
            project_name='admin',
            user_domain_id='default',
            project_domain_id='default',
        )
    )
    run = osc_instanceha.connect(session=own).evacuate(
        ['host1'], options=OPTIONS
    )
    list(run)
    assert command.on(cloud, server) != 'host1'


def test_errors_carry_their_facts(cloud, connected):
    with pytest.raises(exceptions.HostNotFound) as caught:
        list(connected.evacuate(['hots1']))
    assert caught.value.host == 'hots1'
    assert 'host1' in caught.value.nearest


def test_a_host_that_is_not_proven_off_is_in_the_refusals(cloud, connected):
    cloud.create_server('one', host='host1', volume_backed=True)
    run = connected.evacuate(['host1'], options=OPTIONS)
    list(run)
    (refusal,) = run.refusals
    assert refusal.host == 'host1'
    assert [result.outcome for result in run.results()] == [
        osc_instanceha.Outcome.REFUSED
    ]
