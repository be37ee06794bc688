"""The sign of life of a program that goes on: a file that it renews.

Whoever supervises it reads who writes it, and how old it is; a program that
hangs has a process, but no fresh sign.
"""

from __future__ import annotations

import os
import time

from osc_instanceha import ports


class Sign:
    """Renews a file: process ID, and seconds since the machine was booted.

    The second is what /proc/uptime counts, which no change of the clock
    touches, and a shell can read.

    :param path: None for nobody who reads it
    """

    def __init__(self, path: str | None) -> None:
        self._path = path

    def give(self) -> None:
        if self._path is None:
            return
        now = time.clock_gettime(time.CLOCK_BOOTTIME)
        new = f'{self._path}.new'
        with open(new, 'w') as file:
            file.write(f'{os.getpid()} {now:.0f}\n')
        # Nobody sees half of it.
        os.replace(new, self._path)

    def withdraw(self) -> None:
        if self._path is not None and os.path.exists(self._path):
            os.unlink(self._path)


class Clock(ports.SystemClock):
    """Gives a sign whenever somebody waits by it."""

    def __init__(self, sign: Sign) -> None:
        self._sign = sign

    def sleep(self, seconds: float) -> None:
        self._sign.give()
        super().sleep(seconds)
