"""A call has its time and no more. The time here is real, and short."""

from __future__ import annotations

import threading
import time

import pytest

from osc_instanceha.fencing import deadline


def test_what_ends_in_time_is_returned():
    assert deadline.within(30, lambda: 42) == 42


@pytest.mark.parametrize(
    'error', [ValueError('x'), TimeoutError('of its own'), SystemExit(3)]
)
def test_what_it_raises_is_raised(error):
    def call():
        raise error

    with pytest.raises(type(error)) as caught:
        deadline.within(30, call)
    assert caught.value is error


def test_what_is_overdue_is_left_to_itself():
    release, ended = threading.Event(), threading.Event()

    def call():
        release.wait(30)
        ended.set()

    began = time.monotonic()
    with pytest.raises(deadline.Overdue):
        deadline.within(0.05, call)
    assert time.monotonic() - began < 5
    assert not ended.is_set()
    release.set()
    assert ended.wait(5)


def test_nobody_waits_for_it_when_the_interpreter_ends():
    seen = []
    deadline.within(30, lambda: seen.append(threading.current_thread().daemon))
    assert seen == [True]


def test_an_answer_that_comes_in_the_last_moment_is_an_answer(monkeypatch):
    """Done between the end of the time and the look at it."""
    kind = deadline.concurrent.futures.Future
    whole = kind.result

    def result(self, timeout=None):
        found = whole(self, 5)
        if timeout is not None:
            raise TimeoutError
        return found

    monkeypatch.setattr(kind, 'result', result)
    assert deadline.within(30, lambda: 42) == 42
