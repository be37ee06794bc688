"""What a run does that comes after one that was killed."""

from __future__ import annotations

import dataclasses
import threading

import pytest

from osc_instanceha import events
from osc_instanceha import model
from tests.unit import builders

Status = model.MigrationStatus
SPARE = builders.SPARE

SOON_OVER = builders.Script(takes=1.0)
NO_HOST = dataclasses.replace(builders.NO_HOST, takes=0.1)
BROKE = dataclasses.replace(builders.BROKE, takes=0.1)


def test_it_waits_for_what_may_not_have_got_there_yet(world):
    made = world(builders.server('a'))
    made.lock.looks = 3

    run = made.finish()

    assert builders.outcomes(run) == {'a': 'evacuated'}
    assert made.lock.looks < 0
    (told,) = made.of(events.Waiting)
    assert 'killed' in told.what


def test_there_is_nothing_to_wait_for_without_one(world):
    made = world(builders.server('a'))
    made.finish()
    assert made.of(events.Waiting) == []


@pytest.mark.parametrize(
    ('script', 'requests'),
    [
        pytest.param(builders.GOOD, 0, id='goes on'),
        pytest.param(SOON_OVER, 0, id='over when the wait is'),
        pytest.param(NO_HOST, 1, id='failed'),
    ],
)
@pytest.mark.parametrize(
    ('make', 'state'),
    [
        (builders.server, 'active'),
        (builders.stopped_server, 'stopped'),
    ],
)
def test_what_gets_there_late_is_followed(
    world, make, state, script, requests
):
    made = world(make('a'))
    made.compute.stopped_by_owner = {'a'} if state == 'stopped' else set()
    made.lock.looks = 9
    made.lock.look = lambda left: left == 8 and made.compute.begin('a', script)

    run = made.finish()

    (result,) = run.results()
    assert result.outcome is model.Outcome.EVACUATED
    assert result.destination == SPARE
    assert len(made.compute.requests) == result.attempts == requests
    assert made.compute.spawned['a'] == [SPARE]
    assert made.compute.servers_['a'].vm_state == state
    if not requests:
        assert result.reason == 'by an evacuation that was begun meanwhile'


def test_a_guest_that_it_left_behind_is_not_evacuated_again(world):
    made = world(builders.server('a'))
    made.lock.looks = 9

    def fail(left):
        if left == 8:
            made.compute.begin('a', BROKE)
        elif left == 0:
            made.compute.change('a', launched_at=made.compute.moment)

    made.lock.look = fail
    run = made.finish()

    (result,) = run.results()
    assert result.outcome is model.Outcome.UNKNOWN
    assert 'a guest of it may have been running' in result.reason
    assert made.compute.requests == []


def test_others_learn_of_requests_on_their_way(world):
    made = world(builders.server('a'), builders.server('b'))
    evacuate = made.compute.evacuate
    said = []

    def noted(*args, **kwargs):
        said.append(list(made.lock.said))
        return evacuate(*args, **kwargs)

    made.compute.evacuate = noted
    made.finish(max_in_flight=1)

    assert said == [[True], [True, False, True]]
    assert made.lock.said == [True, False, True, False]


def test_a_request_without_an_answer_is_on_its_way_to_the_end(world):
    made = world(builders.server('a'))
    made.compute.scripts = {'a': [builders.LOST_BUT_TAKEN]}
    made.finish()
    assert made.lock.said == [True]


def test_a_server_that_moves_while_it_is_read_is_not_asked_for(world):
    made = world(builders.server('a'), builders.server('b'))
    evacuations = made.compute.evacuations

    def late(*args):
        if not made.compute.records:
            made.compute.begin('a', SOON_OVER)
            made.clock.sleep(2)
        return evacuations(*args)

    made.compute.evacuations = late
    run = made.finish()

    assert builders.outcomes(run) == {'b': 'evacuated'}
    assert [server for server, _how in made.compute.requests] == ['b']


def test_a_server_that_has_come_back_is_asked_for(world):
    made = world(builders.server('a'))
    made.compute.records = [
        builders.evacuation('e0', 'a', Status.DONE, destination=SPARE)
    ]
    run = made.finish()
    assert builders.outcomes(run) == {'a': 'evacuated'}


def test_one_that_was_stopped_shows_the_state_of_its_new_guest(world):
    """Between its spawn, from ERROR, and the end of the evacuation."""
    made = world(builders.server('a', vm_state='error', power_state=0))
    made.compute.stopped_by_owner = {'a'}
    made.compute.records = [builders.evacuation('e0', 'a', Status.ERROR)]
    made.compute.begin('a')
    made.compute.change('a', vm_state='active', status='ACTIVE', power_state=1)

    run = made.finish()

    assert builders.outcomes(run) == {'a': 'evacuated'}
    assert made.compute.servers_['a'].vm_state == 'stopped'


@pytest.mark.parametrize('started', [True, False])
def test_what_was_to_be_left_stopped_is_stopped(world, started):
    """Nova stops none that it evacuates with the check of 2.13."""
    made = world(builders.server('a'))
    made.finish()
    assert made.compute.servers_['a'].vm_state == 'active'
    made.compute.started_by_owner = {'a'} if started else set()

    run = made.finish(stopped=True)

    state = 'active' if started else 'stopped'
    assert made.compute.servers_['a'].vm_state == state
    outcomes = {} if started else {'a': 'evacuated'}
    assert builders.outcomes(run) == outcomes


class Patient(builders.FakePool):
    """Somebody presses Ctrl-C twice while it waits for an answer."""

    answered = threading.Event()
    interrupts = 1

    def shutdown(self, wait=True, *, cancel_futures=False):
        if wait and self.interrupts:
            self.interrupts -= 1
            raise KeyboardInterrupt
        if wait:
            assert self.answered.wait(10)
            super().shutdown(wait, cancel_futures=cancel_futures)


def test_who_does_not_wait_for_an_answer_leaves_the_lock_to_it(
    world, monkeypatch
):
    made = world(builders.server('a'), delay=30.0, on_the_wire=True)
    monkeypatch.setattr(
        made, 'pool', lambda _threads: Patient(made.clock, 30.0, True)
    )
    run = made.recovery()
    with made.instead_of_threads():
        watched = iter(run)
        next(watched)
        sleep = made.clock.sleep

        def interrupt(seconds):
            made.clock.sleep = sleep
            raise KeyboardInterrupt

        made.clock.sleep = interrupt
        with pytest.raises(KeyboardInterrupt):
            list(watched)

    assert builders.outcomes(run) == {'a': 'unknown'}
    assert made.lock.held
    Patient.answered.set()
    for thread in threading.enumerate():
        if thread.name == 'locks':
            thread.join(10)
    assert not made.lock.held
    assert len(made.compute.requests) == 1
