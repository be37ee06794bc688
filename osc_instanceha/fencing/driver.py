"""What a fencing driver is.

A driver speaks to one device about one host: it reads the power state and
asks for another one. It decides nothing. That a host counts as off only by a
fresh reading, how long that may take and what is tried next is kept in
:mod:`~osc_instanceha.fencing.device`, once for all of them.

A driver is a subclass of :class:`Driver` that is named by an entry point in
the namespace ``osc_instanceha.fencing``.
"""

from __future__ import annotations

import abc
from collections.abc import Mapping
import dataclasses
import enum
from typing import Any
from typing import ClassVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from keystoneauth1 import session as ksa_session


class PowerState(enum.Enum):
    ON = 'on'
    OFF = 'off'
    #: Neither is certain: switching, not told, not understood (invariant 3).
    UNKNOWN = 'unknown'


class Kind(enum.Enum):
    """The type of an option's value, as instanceha.yaml has it."""

    STRING = 'string'
    INTEGER = 'integer'
    BOOLEAN = 'boolean'
    #: A boolean, or the path of a file.
    BOOLEAN_OR_PATH = 'boolean or path'
    #: Strings, numbers or booleans by name; the names are the device's.
    MAPPING = 'mapping'


@dataclasses.dataclass(frozen=True)
class Option:
    """One option of a driver.

    :ivar name: as in instanceha.yaml
    :ivar help: one sentence without a full stop
    :ivar secret: its value is masked wherever it might appear; besides the
        name itself, ``<name>_file`` and ``<name>_env`` are understood
    :ivar choices: the only values, where there are just a few
    :ivar names_target: with the other options marked so, it says which
        machine or plug is switched; no two hosts may have all of them alike
    """

    name: str
    help: str
    kind: Kind = Kind.STRING
    required: bool = False
    default: Any = None
    secret: bool = False
    choices: tuple[str, ...] = ()
    names_target: bool = False


@dataclasses.dataclass(frozen=True)
class Reading:
    """What a device says right now.

    :ivar detail: its own words, for people
    :ivar fresh: False for a state that the device only remembers: it proves
        nothing
    :ivar vouched: somebody has told the device, it has not measured
    """

    state: PowerState
    detail: str = ''
    fresh: bool = True
    vouched: bool = False


@dataclasses.dataclass(frozen=True)
class Target:
    """Whom a driver is made for.

    :ivar host: compute host name
    :ivar session: of the cloud that the host belongs to, for drivers that
        ask a service of it; None where there is none
    :ivar region_name: of that cloud
    :ivar interface: of that cloud
    """

    host: str
    session: ksa_session.Session | None = None
    region_name: str | None = None
    interface: str | None = None


class Driver(abc.ABC):
    """Speaks to one device about one host.

    Every method is called with the seconds that it may take, and has to end
    by then, by returning or by raising; whatever it has started (processes,
    sockets) has to end too. It may be called from any thread, but not from
    two at once.

    :cvar summary: what it is for, one line without a full stop
    :cvar options: in the order in which a person would write them
    :cvar extra: the extra of this package that brings its library, if any
    :cvar vouches: its reading is somebody's word and no measurement, so the
        host is also listened to before it is believed
    :cvar of_machine: its "on" means that the machine itself runs, not just
        that a plug has power; a driver may set it for one device
    :param options: checked against :attr:`options`, with the defaults
        filled in and secrets as plain text
    :raises MissingLibrary: if its library is not installed
    :raises DeviceError: if the options cannot be right
    """

    summary: ClassVar[str]
    options: ClassVar[tuple[Option, ...]]
    extra: ClassVar[str | None] = None
    vouches: ClassVar[bool] = False
    of_machine: bool = False

    def __init__(self, target: Target, options: Mapping[str, Any]) -> None:
        self.target = target
        self.values = options

    @abc.abstractmethod
    def read(self, timeout: float) -> Reading:
        """The power state, asked for now.

        :raises DeviceUnreachable: if there is no answer; asking again may
            help
        :raises DeviceError: if the answer is no: asking again does not help
        """

    @abc.abstractmethod
    def switch(self, state: PowerState, timeout: float) -> None:
        """Ask the device, once, for power on or off at once (no shutdown).

        Returning means that it was asked, not that anything has happened.

        :param state: ON or OFF
        :raises DeviceUnreachable: if it is not known whether it was asked
        :raises DeviceError: if it refuses
        """

    def secrets(self) -> frozenset[str]:
        """Texts, beside those of secret options, that nobody may see."""
        return frozenset()

    def close(self) -> None:  # noqa: B027
        """Give back what it holds; never raises."""
