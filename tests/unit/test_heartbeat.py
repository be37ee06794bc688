"""Two moves in a row are a heartbeat; one is anybody's call."""

from __future__ import annotations

import datetime

import hypothesis
from hypothesis import strategies as st
import pytest

from osc_instanceha import heartbeat
from tests.unit import builders

SILENT, LISTENING, ALIVE = (
    heartbeat.Pulse.SILENT,
    heartbeat.Pulse.LISTENING,
    heartbeat.Pulse.ALIVE,
)
#: 10 s, a quarter more, and a second for the rounding.
PERIOD = 13.5


def record(moved=0.0, quiet_for=None):
    """A record that last moved so many seconds after it all began."""
    return builders.service(
        updated_at=builders.EPOCH + datetime.timedelta(seconds=moved),
        quiet_for=quiet_for,
    )


def pulses(*readings):
    """What is concluded from (now, moved) after each reading."""
    watch = heartbeat.Heartbeat(10)
    return [watch.observe(record(moved), now) for now, moved in readings]


STORIES = [
    ('one look is not enough', [(0, 0)], [LISTENING]),
    ('silence', [(0, 0), (7, 0), (13.5, 0)], [LISTENING, LISTENING, SILENT]),
    ('not quite silence', [(0, 0), (13.4, 0)], [LISTENING, LISTENING]),
    ('one move', [(0, 0), (7, 5)], [LISTENING, LISTENING]),
    (
        'two moves',
        [(0, 0), (7, 5), (16, 15)],
        [LISTENING, LISTENING, ALIVE],
    ),
    (
        'two moves with a look in between',
        [(0, 0), (7, 5), (13, 5), (16, 15)],
        [LISTENING, LISTENING, LISTENING, ALIVE],
    ),
    (
        'one move is forgiven after a silence',
        [(0, 0), (7, 5), (20.5, 5), (30, 25), (43.5, 25)],
        [LISTENING, LISTENING, SILENT, LISTENING, SILENT],
    ),
    (
        'a move back is a move',
        [(0, 0), (7, 5), (16, 0)],
        [LISTENING, LISTENING, ALIVE],
    ),
    (
        'a move after the silence is not silence',
        [(0, 0), (13.5, 0), (20, 19)],
        [LISTENING, SILENT, LISTENING],
    ),
]


@pytest.mark.parametrize(
    ('readings', 'expected'),
    [case[1:] for case in STORIES],
    ids=[case[0] for case in STORIES],
)
def test_stories(readings, expected):
    assert pulses(*readings) == expected


def test_the_age_is_told_by_the_clock_of_the_api():
    watch = heartbeat.Heartbeat(10)
    assert watch.observe(record(quiet_for=60), 0) is SILENT


@pytest.mark.parametrize('quiet_for', [None, 0, 13.4, 59, -100])
def test_a_record_that_is_not_old_has_to_be_watched(quiet_for):
    watch = heartbeat.Heartbeat(10)
    assert watch.observe(record(quiet_for=quiet_for), 0) is LISTENING
    assert watch.observe(record(), 13.5) is SILENT


def test_a_service_that_never_reported_has_to_be_watched():
    watch = heartbeat.Heartbeat(10)
    never = builders.service(updated_at=None, quiet_for=None)
    assert watch.observe(never, 0) is LISTENING
    assert watch.observe(never, 13.5) is SILENT


def test_our_own_call_is_no_move():
    watch = heartbeat.Heartbeat(10)
    watch.observe(record(0), 0)
    watch.observe(record(5), 7)
    watch.expect(record(8))
    assert watch.observe(record(8), 9) is LISTENING
    assert watch.observe(record(15), 16) is ALIVE


def test_time_that_nobody_watched_is_not_silence():
    watch = heartbeat.Heartbeat(10)
    watch.observe(record(), 0)
    assert watch.pulse(100) is LISTENING


@pytest.mark.parametrize('interval', [1, 10, 60])
def test_the_period_is_longer_than_the_interval(interval):
    assert heartbeat.Heartbeat(interval).period > interval + 1


DUE = [
    ('never read', [], 0, True),
    ('just read', [(0, 0)], 0.1, False),
    ('half a period later', [(0, 0)], PERIOD / 2, True),
    ('when the silence would be long enough', [(0, 0), (7, 0)], 13.4, False),
    ('when it is', [(0, 0), (7, 0)], 13.5, True),
    ('silent and just read', [(0, 0), (13.5, 0)], 14, False),
    ('silent, a period later', [(0, 0), (13.5, 0)], 27, True),
]


@pytest.mark.parametrize(
    ('readings', 'now', 'expected'),
    [case[1:] for case in DUE],
    ids=[case[0] for case in DUE],
)
def test_when_to_read_again(readings, now, expected):
    watch = heartbeat.Heartbeat(10)
    for moment, moved in readings:
        watch.observe(record(moved), moment)
    assert watch.due(now) is expected


def listen(moves, until):
    """Read whenever it is due; yields (now, pulse)."""
    watch = heartbeat.Heartbeat(10)
    now = 0.0
    while now < until:
        if watch.due(now):
            last = max((move for move in moves if move <= now), default=-99)
            yield now, watch.observe(record(int(last)), now)
        now += 0.5


@hypothesis.given(
    st.floats(0, 10), st.lists(st.floats(0, 1.2), min_size=10, max_size=10)
)
def test_a_living_host_is_never_silent_and_soon_found_alive(first, late):
    # It reports every 10 s, each time up to 1.2 s late.
    moves = [first + 10 * n + extra for n, extra in enumerate(late)]
    heard = list(listen(moves, 45))
    assert SILENT not in [pulse for _now, pulse in heard]
    assert heard[-1][1] is ALIVE


@hypothesis.given(st.lists(st.floats(0, 100), max_size=1))
def test_a_dead_host_is_silent_in_the_end_whoever_calls_once(moves):
    heard = list(listen(moves, 130))
    assert ALIVE not in [pulse for _now, pulse in heard]
    assert heard[-1][1] is SILENT
