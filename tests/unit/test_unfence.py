"""Runs that unfence, as a whole."""

from __future__ import annotations

from osc_instanceha.fencing import result
from tests.unit import builders

Outcome = result.HostOutcome


def test_one_that_waits_keeps_no_other_waiting(scene):
    made = scene(
        services=[
            builders.service('slow', disabled_reason='instanceha: fenced x'),
            builders.service('fast', disabled_reason='instanceha: fenced x'),
            builders.living(),
        ]
    )
    for name in ('slow', 'fast'):
        made.machine(name, on=False)
        made.add(host=name)
    made.compute.records.append(builders.evacuation(source='slow'))
    found = made.complete(made.unfence(['slow', 'fast'], timeout=600))
    assert [item.outcome for item in found] == [
        Outcome.FAILED,
        Outcome.UNFENCED,
    ]
    assert not made.machines['slow'].history


def test_a_host_that_another_run_evacuates_is_left_to_it(scene):
    made = scene(services=[builders.service(), builders.living()])
    bmc = made.add()
    made.lock.held.add('dead')
    run = made.unfence()
    list(made.observed(run))
    (found,) = run.results()
    assert found.outcome is Outcome.FAILED
    assert 'Another run' in found.reason
    assert bmc.reads == 0


def test_after_an_evacuation_the_host_comes_back_and_the_servers_stay(scene):
    """The whole circle: fence, evacuate, unfence."""
    made = scene(builders.server('a'), builders.stopped_server('b'))
    made.add()
    assert made.one(made.fence()).outcome is Outcome.FENCED
    run = made.finish()
    assert builders.outcomes(run) == {'a': 'evacuated', 'b': 'evacuated'}
    assert made.one(made.unfence()).outcome is Outcome.UNFENCED
    assert made.mark == (False, True, None)
    assert {item.host for item in made.compute.servers_.values()} == {'spare'}
    assert all(
        item.status.value == 'completed' for item in made.compute.records
    )


def test_an_unfence_in_the_middle_of_an_evacuation_waits_for_it(scene):
    made = scene(builders.server('a'))
    made.add()
    made.one(made.fence())
    made.compute.begin('a', builders.Script(takes=500.0))
    assert made.one(made.unfence()).outcome is Outcome.UNFENCED
    assert made.compute.servers_['a'].host == 'spare'
