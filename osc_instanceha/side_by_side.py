"""Several hosts at once, watched as one run."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
import concurrent.futures
import queue

from osc_instanceha import events

#: Hosts that are worked on at once. Their devices are waited for most of the
#: time, so there may be many.
MOST = 64


def run(
    tasks: Sequence[Callable[[], Iterator[events.Event]]],
    stop: Callable[[], None],
) -> Iterator[events.Event]:
    """Run generators in threads, and yield their events as they come.

    :param stop: called when nobody listens any more; the tasks should end
        soon after it, and are waited for
    :raises Exception: what a task raises, when all of them have ended
    """
    if not tasks:
        return
    told: queue.SimpleQueue[events.Event | None] = queue.SimpleQueue()

    def work(task: Callable[[], Iterator[events.Event]]) -> None:
        try:
            for event in task():
                told.put(event)
        finally:
            told.put(None)

    pool = concurrent.futures.ThreadPoolExecutor(min(len(tasks), MOST))
    futures = [pool.submit(work, task) for task in tasks]
    running = len(tasks)
    try:
        while running:
            event = told.get()
            if event is None:
                running -= 1
            else:
                yield event
    finally:
        if running:
            stop()
        pool.shutdown(wait=True, cancel_futures=bool(running))
    for future in futures:
        future.result()
