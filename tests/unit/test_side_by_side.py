"""Real threads; what waits here waits for an event, never for a time."""

from __future__ import annotations

import threading
import time

import pytest

from osc_instanceha import side_by_side


def telling(*words):
    def task():
        yield from words

    return task


def never():
    raise AssertionError('stopped')


def test_nothing_to_do_is_done():
    assert list(side_by_side.run([], never)) == []


def test_every_event_of_every_task_comes_once():
    tasks = [telling(*(f'{task}{n}' for n in range(9))) for task in 'abc']
    seen = list(side_by_side.run(tasks, never))
    for task in 'abc':
        assert [word for word in seen if word[0] == task] == [
            f'{task}{number}' for number in range(9)
        ]


def test_tasks_run_at_the_same_time():
    """Each waits for the others to have begun."""
    barrier = threading.Barrier(5)

    def task():
        barrier.wait(30)
        yield 'met'

    assert list(side_by_side.run([task] * 5, never)) == ['met'] * 5


def test_events_are_told_while_the_task_goes_on():
    told = threading.Event()

    def task():
        yield 'first'
        assert told.wait(30)
        yield 'second'

    run = side_by_side.run([task], never)
    assert next(run) == 'first'
    told.set()
    assert list(run) == ['second']


def test_more_tasks_than_threads_are_all_done(monkeypatch):
    monkeypatch.setattr(side_by_side, 'MOST', 2)
    assert sorted(side_by_side.run([telling(n) for n in range(9)], never)) == [
        *range(9)
    ]


def test_one_that_fails_keeps_no_other_waiting():
    failed = threading.Event()

    def bad():
        yield 'bad'
        failed.set()
        raise ZeroDivisionError

    def good():
        assert failed.wait(30)
        yield 'good'

    seen = []
    with pytest.raises(ZeroDivisionError):
        for event in side_by_side.run([bad, good], never):
            seen.append(event)
    assert seen == ['bad', 'good']


def test_whoever_stops_listening_stops_the_tasks_and_waits_for_them():
    stopped, ended = threading.Event(), threading.Event()

    def task():
        yield 'begun'
        assert stopped.wait(30)
        yield 'told to nobody'
        ended.set()

    run = side_by_side.run([task], stopped.set)
    assert next(run) == 'begun'
    run.close()
    assert ended.is_set()


def test_what_has_not_begun_never_begins(monkeypatch):
    monkeypatch.setattr(side_by_side, 'MOST', 1)
    stopped = threading.Event()
    begun = []

    def first():
        yield 'first'
        assert stopped.wait(30)

    def second():
        begun.append('second')
        yield 'second'

    run = side_by_side.run([first, second], stopped.set)
    next(run)
    run.close()
    assert begun == []


def test_an_interrupt_stops_them_too():
    stopped = threading.Event()

    def task():
        yield 'begun'
        assert stopped.wait(30)

    run = side_by_side.run([task], stopped.set)
    next(run)
    with pytest.raises(KeyboardInterrupt):
        run.throw(KeyboardInterrupt)
    assert stopped.is_set()


def test_nobody_is_left_behind():
    before = threading.active_count()
    list(side_by_side.run([telling('a'), telling('b')], never))
    deadline = time.monotonic() + 10
    while threading.active_count() > before:
        assert time.monotonic() < deadline, 'a thread is left'
