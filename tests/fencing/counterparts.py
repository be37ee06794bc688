"""What a test needs of the other side of a fencing driver."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from typing import Protocol

from osc_instanceha.fencing import driver as fencing

#: A secret that no counterpart has; not longer than IPMI allows.
WRONG_SECRET = 'wr0ng-s3cret'

#: A part of the name of a machine that no counterpart has.
WRONG_TARGET = 'no-such-machine'

Options = dict[str, Any]


class Counterpart(Protocol):
    """One machine behind one fencing device, and what a test does to it.

    :ivar driver: name of the driver that it is a counterpart of
    :ivar modes: of :meth:`behave`, those that it can show
    :ivar switches: power states that it can be asked for
    :ivar reads_fresh: whether a reading is one of the machine also where
        nothing was asked for before
    """

    driver: str
    modes: frozenset[str]
    switches: frozenset[str]
    reads_fresh: bool

    def target(self) -> fencing.Target: ...

    def options(self, **changes: Any) -> Options:
        """What makes the driver reach it; secrets are plain text."""

    def secrets(self) -> Sequence[str]:
        """Texts that nobody may see, of :meth:`options` and all others."""

    def power(self) -> str:
        """'on' or 'off': what the machine is, by the simulator's word."""

    def set_power(self, state: str) -> None:
        """Switch the machine, not through the device."""

    def behave(self, mode: str) -> None:
        """How it does from now on.

        ``ok``; ``slow``: switches after some seconds; ``stuck``: accepts,
        and nothing happens; ``refuse``: says no to power requests;
        ``error``: breaks on them; ``silent``: no answer to anything.
        """

    def requests(self) -> list[str]:
        """The power requests that it got, in order, as 'on' or 'off'."""

    def wrong_secret(self) -> Options | None:
        """Options with :data:`WRONG_SECRET`; None without secrets."""

    def wrong_target(self) -> Options | None:
        """Options with :data:`WRONG_TARGET`; None where none is named."""

    def unreachable(self) -> Options | None:
        """Options of a device that is not there; None where it is local."""

    def other(self) -> Counterpart | None:
        """Another machine with a device of its own; None if impossible."""
