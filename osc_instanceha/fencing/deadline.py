"""A hard limit for calls into libraries that have none of their own."""

from __future__ import annotations

from collections.abc import Callable
import concurrent.futures
import threading
from typing import TypeVar

T = TypeVar('T')


class Overdue(Exception):
    """The call has not ended in time; what it does is not known."""


def within(seconds: float, call: Callable[[], T]) -> T:
    """Make a call that may take so many seconds and no more.

    The thread of a call that is overdue is left to itself: it keeps nobody
    from ending, and what it still finds out is dropped.

    :raises Overdue: if it takes longer
    :raises Exception: what the call raises
    """
    future: concurrent.futures.Future[T] = concurrent.futures.Future()

    def run() -> None:
        try:
            result = call()
        except BaseException as error:
            future.set_exception(error)
        else:
            future.set_result(result)

    # Not a pool: its threads are waited for when the interpreter ends.
    threading.Thread(target=run, name='fencing', daemon=True).start()
    try:
        return future.result(seconds)
    except concurrent.futures.TimeoutError:
        if future.done():
            # Just now, or the call itself has raised it.
            return future.result()
        raise Overdue from None
