"""Runs that fence: limits, and what another run does at the same time."""

from __future__ import annotations

import pytest

from osc_instanceha import exceptions
from osc_instanceha import options
from osc_instanceha.fencing import result
from tests.unit import builders
from tests.unit.fencing import fakes
from tests.unit.fencing import scene as scene_

Outcome = result.HostOutcome


def fleet(scene, dead=('dead1', 'dead2'), **fields):
    made = scene(
        services=[
            *(scene_.broken(name) for name in dead),
            builders.service('gone'),
            *(builders.living(f'up{number}') for number in range(7)),
        ]
    )
    for name in dead:
        made.add(host=name)
    return made


@pytest.mark.parametrize(
    ('limit', 'refused'),
    [('3', False), ('2', True), ('30%', False)]
    + [('29%', True), ('0', True), (None, False)],
)
@pytest.mark.parametrize('dry_run', [False, True])
def test_no_more_hosts_than_the_limit(scene, limit, refused, dry_run):
    made = fleet(scene)
    run = made.fence(
        ['dead1', 'dead2'],
        max_hosts_down=limit and options.HostLimit.parse(limit),
        dry_run=dry_run,
    )
    if not refused:
        assert len(made.complete(run)) == 2
        return
    with pytest.raises(exceptions.TooManyHostsDown) as caught:
        made.complete(run)
    assert set(caught.value.down) == {'dead1', 'dead2', 'gone'}
    assert 'nothing was changed' in str(caught.value)
    assert run.results() == ()
    assert made.made == []
    assert made.compute.changes == []


def test_a_dry_run_takes_no_lock(scene):
    made = fleet(scene)
    made.lock.held.add('dead1')
    run = made.fence(['dead1', 'dead2'], dry_run=True)
    for _event in run:
        pass
    assert {item.outcome for item in run.results()} == {Outcome.FENCEABLE}
    assert made.compute.changes == []


# Another run at work.


def locked(scene, service, **behaviour):
    made = scene(services=[service, builders.living()])
    made.machine(on=False)
    bmc = made.add(**behaviour)
    made.lock.held.add('dead')
    run = made.fence()
    for _event in made.observed(run):
        pass
    (found,) = run.results()
    assert bmc.asked == []
    assert made.compute.changes == []
    return found


MARKED = builders.service(disabled_reason='instanceha: fenced x')


@pytest.mark.parametrize(
    ('service', 'behaviour'),
    [
        (scene_.broken(), {}),
        # Whatever the other one does to it now, it may be the way back.
        (MARKED, {}),
        (builders.service(enabled=True), {}),
        (MARKED, {'silent': True}),
        (MARKED, {'fresh': False}),
        (MARKED, {'unsure': True}),
        (MARKED, {'kind': 'word'}),
    ],
    ids=[
        'not marked',
        'marked',
        'half',
        'silent',
        'memory',
        'unsure',
        'a word',
    ],
)
def test_a_host_that_another_run_works_on_is_not_called_fenced(
    scene, service, behaviour
):
    found = locked(scene, service, **behaviour)
    assert found.outcome is Outcome.FAILED
    assert 'Another run' in found.reason


def test_a_mark_on_a_host_that_is_on_proves_nothing(scene):
    made = scene(services=[MARKED, builders.living()])
    made.add()
    made.lock.held.add('dead')
    run = made.fence()
    list(made.observed(run))
    (found,) = run.results()
    assert found.outcome is Outcome.FAILED


def test_mixtures_end_as_each_host_deserves(scene):
    made = fleet(scene, dead=('good', 'bad', 'off'))
    made.machine('off').turn(False)
    made.compute.report('up1')
    made.levels['bad'][0][0].options['device'].stuck = True
    found = made.complete(made.fence(['good', 'bad', 'off', 'up1']))
    assert [item.outcome for item in found] == [
        Outcome.FENCED,
        Outcome.FAILED,
        Outcome.FENCED,
        Outcome.REFUSED,
    ]
    assert made.compute.count('mark_down') == 2
    assert fakes.SECRET not in repr(found)
