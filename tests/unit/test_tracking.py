from __future__ import annotations

import pytest

from osc_instanceha import model
from osc_instanceha import plan
from osc_instanceha import tracking
from tests.unit import builders

Action, Outcome, Phase = model.Action, model.Outcome, tracking.Phase
Status = model.MigrationStatus


def begin(action=Action.EVACUATE, records=(), reason='because'):
    step = plan.Step(builders.server(), action, model.Data.KEPT, reason)
    held = builders.inventory(step.server, evacuations=tuple(records))
    return tracking.begin(step, held)


@pytest.mark.parametrize(
    ('action', 'phase', 'outcome'),
    [
        (Action.EVACUATE, Phase.WAITING, Outcome.FAILED),
        (Action.SKIP, Phase.ENDED, Outcome.SKIPPED),
        (Action.REFUSE, Phase.ENDED, Outcome.REFUSED),
    ],
)
def test_a_track_begins_as_planned(action, phase, outcome):
    track = begin(action)
    assert track.phase is phase
    result = track.result()
    assert result.outcome is outcome
    assert result.server_id == 'a'
    assert result.attempts == 0
    if action is not Action.EVACUATE:
        assert result.reason == 'because'


def test_an_open_evacuation_is_followed_and_old_ones_are_known():
    old = builders.evacuation('e1', status=Status.FAILED)
    openly = builders.evacuation('e2')
    others = builders.evacuation('e3', 'b', Status.FAILED)
    track = begin(Action.WAIT, [openly, old, others])
    assert track.phase is Phase.OPEN
    assert track.evacuation == openly
    assert track.known == {'e1'}


@pytest.mark.parametrize('phase', Phase)
def test_only_what_may_still_be_open_takes_up_a_place(phase):
    track = begin()
    track.enter(phase, 0)
    open_phases = {Phase.POSTING, Phase.UNCERTAIN, Phase.OPEN}
    assert track.in_flight is (phase in open_phases)


@pytest.mark.parametrize(
    ('phase', 'outcome'),
    [
        (Phase.WAITING, Outcome.FAILED),
        (Phase.POSTING, Outcome.UNKNOWN),
        (Phase.UNCERTAIN, Outcome.UNKNOWN),
        (Phase.OPEN, Outcome.UNKNOWN),
        (Phase.BROKEN, Outcome.FAILED),
        (Phase.SETTLING, Outcome.UNKNOWN),
    ],
)
def test_the_result_so_far_claims_no_more_than_is_known(phase, outcome):
    track = begin()
    track.enter(phase, 0)
    assert track.result().outcome is outcome


@pytest.mark.parametrize(
    'phase', [phase for phase in Phase if phase is not Phase.ENDED]
)
def test_the_result_so_far_has_a_reason(phase):
    track = begin()
    track.enter(phase, 0)
    assert track.result().reason


def test_the_result_so_far_names_the_evacuation_that_is_open():
    track = begin(Action.WAIT, [builders.evacuation('e7')])
    assert 'e7' in track.result().reason
    assert 'accepted' in track.result().reason


NEWEST = [
    ('nothing', [], None),
    ("another server's", [('e9', 'b', Status.DONE)], None),
    ('a known one', [('old', 'a', Status.DONE)], None),
    (
        'the newest',
        [('e2', 'a', Status.DONE), ('e1', 'a', Status.FAILED)],
        'e2',
    ),
    (
        'an open one goes before any other',
        [('e2', 'a', Status.DONE), ('e1', 'a', Status.ACCEPTED)],
        'e1',
    ),
    (
        'the newest of open ones',
        [('e2', 'a', Status.ACCEPTED), ('e1', 'a', Status.PRE_MIGRATING)],
        'e2',
    ),
]


@pytest.mark.parametrize(
    ('records', 'expected'),
    [case[1:] for case in NEWEST],
    ids=[case[0] for case in NEWEST],
)
def test_newest(records, expected):
    track = begin()
    track.known = frozenset({'old'})
    found = tracking.newest(
        track, tuple(builders.evacuation(*record) for record in records)
    )
    assert (found and found.id) == expected


@pytest.mark.parametrize(
    ('status', 'openly', 'succeeded', 'failed'),
    [
        (Status.ACCEPTED, True, False, False),
        (Status.PRE_MIGRATING, True, False, False),
        (Status.OTHER, True, False, False),
        (Status.DONE, False, True, False),
        (Status.COMPLETED, False, True, False),
        (Status.ERROR, False, False, True),
        (Status.FAILED, False, False, True),
    ],
)
def test_a_status_is_one_of_three_things(status, openly, succeeded, failed):
    assert status.open is openly
    assert status.succeeded is succeeded
    assert status.failed is failed
