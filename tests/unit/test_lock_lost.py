"""A lock that is lost in the middle: nothing more is begun (invariant 9)."""

from __future__ import annotations

import pytest

from osc_instanceha import events
from osc_instanceha import exceptions
from osc_instanceha import model
from tests.unit import builders

CHANGES = ('evacuate', 'stop', 'mark_down')


@pytest.fixture
def guarded(world):
    """Makes a world in which nothing may be changed without the lock."""

    def make(*servers, **fields):
        made = world(*servers, **fields)
        made.changes = []
        for name in CHANGES:
            original = getattr(made.compute, name)

            def change(*args, name=name, original=original, **kwargs):
                assert not made.lock.lost, name
                made.changes.append(name)
                return original(*args, **kwargs)

            setattr(made.compute, name, change)
        return made

    return make


def three():
    return [
        builders.server('active'),
        builders.stopped_server('stopped'),
        builders.server('last'),
    ]


def lose(made):
    made.lock.lost = True


def told(made):
    return [
        event.error
        for event in made.of(events.Trouble)
        if isinstance(event.error, exceptions.LockLost)
    ]


@pytest.mark.parametrize('on_the_wire', [False, True])
@pytest.mark.parametrize('moment', [0.0, 0.3, 3.0, 6.0, 9.0, 11.0, 14.0, 30.0])
@pytest.mark.parametrize('script', ['GOOD', 'NO_HOST', 'LOST_BUT_TAKEN'])
def test_whenever_it_is_lost(guarded, moment, script, on_the_wire):
    made = guarded(*three(), delay=0.2, on_the_wire=on_the_wire)
    made.compute.scripts = {
        server.id: [getattr(builders, script)] for server in three()
    }
    made.clock.at(moment, lambda: lose(made))
    run = made.finish(max_in_flight=1)
    for result in run.results():
        if result.outcome is model.Outcome.REFUSED:
            assert 'The lock of dead was lost' in result.reason
    assert len(told(made)) <= 1
    if 'refused' in builders.outcomes(run).values():
        assert told(made)


def test_what_is_open_is_followed_to_its_end(guarded):
    made = guarded(*three())
    made.clock.at(4.0, lambda: lose(made))
    run = made.finish(max_in_flight=1)
    assert made.changes == ['evacuate']
    found = list(builders.outcomes(run).values())
    assert sorted(found) == ['evacuated', 'refused', 'refused']


def test_what_waits_for_a_thread_is_not_sent(guarded):
    """The lock was there when it was decided, and is not when it is sent."""
    made = guarded(*three())
    checks = []
    check = made.lock.check

    def late():
        checks.append(True)
        if len(checks) == 2:
            lose(made)
        check()

    made.lock.check = late
    run = made.finish()
    assert made.changes == []
    assert set(builders.outcomes(run).values()) == {'refused'}
    assert {result.attempts for result in run.results()} == {0}


def test_what_has_moved_is_not_stopped(guarded):
    """Whoever has the lock by now may have let its owner start it."""
    made = guarded(builders.server('a'))
    original = made.compute.server

    def server(server_id):
        found = original(server_id)
        if found.host != builders.DEAD:
            lose(made)
        return found

    made.compute.server = server
    made.compute.stops_itself = False
    run = made.finish(stopped=True)
    (result,) = run.results()
    assert made.changes == ['evacuate']
    assert result.outcome is model.Outcome.UNKNOWN
    assert result.reason.startswith(
        'it has moved, but was not seen stopped: The lock of dead was lost'
    )


def test_a_host_is_not_marked(guarded):
    made = guarded(*three(), services=[builders.service(forced_down=False)])
    lose(made)
    run = made.finish(already_fenced=True)
    assert made.changes == []
    assert set(builders.outcomes(run).values()) == {'refused'}
    assert told(made)
