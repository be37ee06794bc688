"""A clock on which time passes only in sleep."""

from __future__ import annotations

from collections.abc import Callable
import heapq
import itertools
import threading


class Killed(BaseException):
    """The process ends here, as by SIGKILL."""


class FakeClock:
    """Time passes only in sleep; what is due then happens.

    :ivar fuse: steps of the world until the process is killed; None: it
        is not
    """

    def __init__(self) -> None:
        self.now = 5000.0
        self.rounds = 0
        self._lock = threading.RLock()
        self.fuse: int | None = None
        self._numbers = itertools.count()
        self._due: list[tuple[float, int, Callable[[], None]]] = []

    def monotonic(self) -> float:
        return self.now

    def step(self) -> None:
        """Something begins or has just happened: a moment to be killed in."""
        if self.fuse is not None:
            if self.fuse == 0:
                raise Killed
            self.fuse -= 1

    def at(self, seconds: float, action: Callable[[], None]) -> None:
        """Let something happen so many seconds from now."""
        due = (self.now + seconds, next(self._numbers), action)
        heapq.heappush(self._due, due)

    def sleep(self, seconds: float) -> None:
        assert seconds > 0, 'a busy loop'
        with self._lock:
            self.rounds += 1
            assert self.rounds < 5000, 'this run would never end'
            end = self.now + seconds
            while self._due and self._due[0][0] <= end:
                moment, _number, action = heapq.heappop(self._due)
                self.now = max(self.now, moment)
                action()
            self.now = end
