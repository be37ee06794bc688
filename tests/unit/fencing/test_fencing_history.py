"""What is understood of Pacemaker's fencing history."""

from __future__ import annotations

import datetime

import pytest

from osc_instanceha import exceptions
from osc_instanceha.fencing import fencing_history as history

# Of Pacemaker 2.1.5, as a real cluster printed it with TZ=Europe/Berlin.
ANSWER = """\
<pacemaker-result api-version="2.25" request="stonith_admin --history cmp1">
  <list name="fencing history" count="4">
    <fence_event action="off" target="cmp1" client="stonith_admin.130" \
origin="ctl1" status="success" delegate="a human" \
completed="2026-11-24 03:19:47 +01:00"/>
    <fence_event action="reboot" target="cmp1" client="stonith_admin.127" \
origin="ctl1" status="failed" exit-reason="Fence agent did not complete" \
delegate="ctl1" completed="2026-11-24 02:19:47Z"/>
    <fence_event action="off" target="cmp1" client="stonith_admin.133" \
origin="ctl1" status="pending" extended-status="1"/>
    <fence_event action="off" target="cmp10" client="stonith_admin.1" \
origin="ctl1" status="success" delegate="ctl1" \
completed="2026-11-24 03:19:42 +01:00"/>
  </list>
  <status code="0" message="OK"/>
</pacemaker-result>
"""

MOMENT = datetime.datetime(2026, 11, 24, 2, 19, 47, tzinfo=datetime.UTC)


def event(
    action: str = 'off', status: str = 'success', second: int = 0
) -> history.Event:
    completed = MOMENT + datetime.timedelta(seconds=second)
    return history.Event(action, status, completed=completed)


def test_events_of_one_target() -> None:
    human, reboot, pending = history.parse(ANSWER, 'cmp1')

    assert human.completed == reboot.completed == MOMENT
    assert human.by_human
    assert str(human).startswith('off success confirmed by a human at ')
    assert (reboot.action, reboot.status) == ('reboot', 'failed')
    assert '(Fence agent did not complete)' in str(reboot)
    assert pending.pending
    assert str(pending) == 'off pending'


@pytest.mark.parametrize(
    ('completed', 'moment'),
    [
        ('2026-11-24 02:19:47Z', MOMENT),
        ('2026-11-24 02:19:47 Z', MOMENT),
        ('2026-11-23 22:49:47 -03:30', MOMENT),
        # Newer ones have fractions.
        (
            '2026-11-24 03:19:47.250000 +01:00',
            MOMENT + datetime.timedelta(milliseconds=250),
        ),
    ],
)
def test_moments(completed: str, moment: datetime.datetime) -> None:
    text = ANSWER.replace('2026-11-24 03:19:47 +01:00', completed)

    assert history.parse(text, 'cmp1')[0].completed == moment


@pytest.mark.parametrize(
    ('old', 'new'),
    [
        (ANSWER, ''),
        ('</list>', ''),
        ('status="success" ', ''),
        ('action="off" ', ''),
        ('2026-11-24 03:19:47 +01:00', 'yesterday'),
        ('2026-11-24 03:19:47 +01:00', '2026-11-24 03:19:47'),
        ('completed="2026-11-24 03:19:47 +01:00"', ''),
    ],
)
def test_what_cannot_be_understood(old: str, new: str) -> None:
    assert old in ANSWER

    with pytest.raises(exceptions.DeviceError, match='understood'):
        history.parse(ANSWER.replace(old, new), 'cmp1')


def test_what_is_new_is_told_by_number_not_by_time() -> None:
    one = event()

    assert history.since([one, one], [one]) == [one]
    assert history.since([one], [one]) == []
    assert history.since([], [one]) == []


def test_one_that_has_ended_since_is_new() -> None:
    before = history.Event('off', 'pending', client='x')
    after = history.Event('off', 'success', client='x', completed=MOMENT)

    assert history.since([after], [before]) == [after]


def test_the_newest_may_be_several() -> None:
    pending = history.Event('off', 'pending')
    first, second, third = (
        event(second=1),
        event('on', second=2),
        event(second=2),
    )

    assert history.newest([third, pending, first, second]) == [third, second]
    assert history.newest([pending]) == []
