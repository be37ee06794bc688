"""What would be done by threads, done by the clock."""

from __future__ import annotations

import collections
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
import concurrent.futures
from typing import Any

from osc_instanceha import events
from tests.unit.builders import clock


def in_turn(
    tasks: Sequence[Callable[[], Iterator[events.Event]]],
    stop: Callable[[], None],
) -> Iterator[events.Event]:
    """:func:`~osc_instanceha.side_by_side.run`, in an order that is known."""
    running = collections.deque(task() for task in tasks)
    errors: list[Exception] = []
    try:
        while running:
            task = running.popleft()
            try:
                event = next(task, None)
            except Exception as error:
                errors.append(error)
                continue
            if event is not None:
                running.append(task)
                yield event
    except GeneratorExit:
        stop()
        for task in running:
            collections.deque(task, maxlen=0)
        raise
    if errors:
        raise errors[0]


class FakePool(concurrent.futures.Executor):
    """Sends requests when the clock says so, in order.

    :param delay: seconds that a request is on its way; None: sent at once
    :param on_the_wire: what was submitted cannot be called back
    """

    def __init__(
        self, clock: clock.FakeClock, delay: float | None, on_the_wire: bool
    ) -> None:
        self._clock = clock
        self._delay = delay
        self._on_the_wire = on_the_wire
        self._pending: list[concurrent.futures.Future[Any]] = []

    def submit(
        self, function: Callable[..., Any], /, *args: Any, **kwargs: Any
    ) -> concurrent.futures.Future[Any]:
        future: concurrent.futures.Future[Any] = concurrent.futures.Future()
        self._pending.append(future)
        started = self._on_the_wire and future.set_running_or_notify_cancel()

        def work() -> None:
            if not started and not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(function(*args, **kwargs))
            except BaseException as error:
                future.set_exception(error)

        if self._delay is None:
            work()
        else:
            self._clock.at(self._delay, work)
        return future

    def shutdown(
        self, wait: bool = True, *, cancel_futures: bool = False
    ) -> None:
        if cancel_futures:
            for future in self._pending:
                future.cancel()
        while wait and not all(item.done() for item in self._pending):
            self._clock.sleep(1)
