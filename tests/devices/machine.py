"""A machine that fencing devices switch, and how it misbehaves."""

from __future__ import annotations

import threading
import time


class Refused(Exception):
    """The device says no."""


class Broken(Exception):
    """The device fails."""


class Machine:
    """One machine, by name.

    :ivar delay: seconds until it is switched in the mode ``slow``
    """

    #: What every simulator can show; some can show more.
    MODES = frozenset({'ok', 'slow', 'stuck', 'refuse', 'error', 'silent'})

    def __init__(self, name: str) -> None:
        self.name = name
        self.delay = 2.0
        self._mode = 'ok'
        self._boots = True
        self._power = 'on'
        self._pending: tuple[str, float] | None = None
        self._requests: list[str] = []
        self._lock = threading.Lock()

    def power(self) -> str:
        with self._lock:
            if self._pending and time.monotonic() >= self._pending[1]:
                self._power, self._pending = self._pending[0], None
            return self._power

    def set_power(self, state: str) -> None:
        """Switch it by hand."""
        with self._lock:
            self._power, self._pending = state, None

    def boot(self, starts: bool) -> None:
        """Whether what runs on it starts when it is switched on."""
        self._boots = starts

    def mode(self) -> str:
        return self._mode

    def behave(self, mode: str) -> None:
        self._mode = mode

    def set_delay(self, seconds: float) -> None:
        self.delay = seconds

    def requests(self) -> list[str]:
        """Every power request that has come in."""
        return list(self._requests)

    def is_pending(self) -> bool:
        """Whether it is about to be switched."""
        self.power()
        return self._pending is not None

    def ask(self, state: str) -> None:
        """What a device does with a power request.

        :raises Refused: in the mode ``refuse``
        :raises Broken: in the mode ``error``
        """
        with self._lock:
            self._requests.append(state)
        match self._mode:
            case 'refuse':
                raise Refused('not now')
            case 'error':
                raise Broken('broken')
            case 'slow' | 'switching':
                with self._lock:
                    self._pending = (state, time.monotonic() + self.delay)
            case 'stuck':
                pass
            case _:
                self.set_power(state)

    def reset(self) -> None:
        """As if nothing had happened."""
        self.set_power('on')
        self.behave('ok')
        self.boot(True)
        self.set_delay(2.0)
        self._requests.clear()
