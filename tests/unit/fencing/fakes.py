"""Machines, and devices that switch them, each with a character of its own.

A :class:`FakeMachine` is on or off in truth; a :class:`FakeDevice` reads and
switches it as well, or as badly, as it is told; a :class:`FakeDriver` is what
the product speaks to. All of it goes by a fake clock.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
import contextlib
import dataclasses
import threading
from typing import Any
from typing import ClassVar

from osc_instanceha import exceptions
from osc_instanceha.fencing import driver
from tests.unit import builders

ON, OFF = driver.PowerState.ON, driver.PowerState.OFF
UNKNOWN = driver.PowerState.UNKNOWN

#: What nobody may ever see.
SECRET = "tr0ub4dor & 3/'ü'"


class FakeSecret:
    """A :class:`~osc_instanceha.fencing.specification.Secret`.

    :param text: None for one that is not where it should be
    """

    def __init__(self, text: str | None = SECRET) -> None:
        self._text = text
        self.revealed = 0

    def reveal(self) -> str:
        self.revealed += 1
        if self._text is None:
            raise exceptions.DeviceError('/etc/secret: no such file')
        return self._text

    def __repr__(self) -> str:
        return 'FakeSecret()'


class FakeMachine:
    """A machine with a switch and power supplies.

    :ivar switched_on: what its switch says
    :ivar plugs: whether each supply has power
    :ivar started: called when it begins to run
    :ivar stopped: called when it ends
    :ivar history: when it began (True) and ended (False) to run
    """

    def __init__(
        self, clock: builders.FakeClock, *, plugs: int = 1, on: bool = True
    ) -> None:
        self.clock = clock
        self.switched_on = on
        self.plugs = [True] * plugs
        self.powered_at = clock.now
        self.started: Callable[[], None] = lambda: None
        self.stopped: Callable[[], None] = lambda: None
        self.history: list[tuple[float, bool]] = []

    @property
    def powered(self) -> bool:
        return any(self.plugs)

    @property
    def running(self) -> bool:
        return self.powered and self.switched_on

    def turn(self, on: bool, plug: int | None = None) -> None:
        """Turn a plug, or the switch, on or off."""
        running, powered = self.running, self.powered
        if plug is None:
            # A machine without power has no switch to be turned.
            self.switched_on = on if powered else self.switched_on
        else:
            self.plugs[plug] = on
        if self.powered and not powered:
            self.powered_at = self.clock.now
        if self.running is not running:
            self.history.append((self.clock.now, self.running))
            (self.started if self.running else self.stopped)()


@dataclasses.dataclass(eq=False)
class FakeDevice:
    """A device as it is in truth.

    :ivar plug: which plug it switches; None for the machine's switch
    :ivar takes: seconds from a request to its effect
    :ivar answers_in: seconds that each answer takes
    :ivar stuck: it accepts requests, and nothing happens
    :ivar refuses: words with which it refuses requests
    :ivar silent: it does not answer
    :ivar unsure: it says no power state
    :ivar fresh: False if it says what it remembers
    :ivar returns_in: seconds after which a machine that it has switched off
        is on again, as in a reset
    :ivar lost: how many answers to requests are lost
    :ivar arrives: whether requests whose answers are lost have an effect
    :ivar boots_in: seconds until it answers once the machine has power; it
        has power of its own if it is None
    :ivar says: what it says in place of the truth, reading by reading
    :ivar error: what the driver raises in place of reading, or switching
    :ivar hangs: what the driver waits for before it does anything
    :ivar detail: its words
    :ivar asked: the states that were asked for
    :ivar reads: how often it was read
    :ivar timeouts: the seconds that it was given
    :ivar drivers: those that were made for it
    :ivar shared: by how many threads at once a driver was used too many
    :ivar before_switch: called before a request
    """

    clock: builders.FakeClock
    machine: FakeMachine
    plug: int | None = None
    takes: float = 0.0
    answers_in: float = 0.0
    stuck: bool = False
    refuses: str = ''
    silent: bool = False
    unsure: bool = False
    fresh: bool = True
    returns_in: float | None = None
    lost: int = 0
    arrives: bool = True
    boots_in: float | None = None
    says: list[driver.Reading | Exception] = dataclasses.field(
        default_factory=list
    )
    error: Exception | None = None
    hangs: threading.Event | None = None
    detail: str = ''
    asked: list[driver.PowerState] = dataclasses.field(default_factory=list)
    reads: int = 0
    timeouts: list[float] = dataclasses.field(default_factory=list)
    drivers: list[FakeDriver] = dataclasses.field(default_factory=list)
    shared: int = 0
    before_switch: Callable[[driver.PowerState], None] = lambda state: None

    @property
    def dead(self) -> bool:
        """Whether it cannot answer now."""
        if self.silent:
            return True
        return self.boots_in is not None and (
            not self.machine.powered
            or self.clock.now < self.machine.powered_at + self.boots_in
        )

    def answer(self, timeout: float) -> None:
        self.clock.step()
        self.timeouts.append(timeout)
        if self.hangs is not None:
            self.hangs.wait(30)
        if self.error is not None:
            raise self.error
        takes = timeout if self.dead else self.answers_in
        if takes:
            self.clock.sleep(min(takes, timeout))
        if self.dead or self.answers_in > timeout:
            raise exceptions.DeviceUnreachable('no route to host')

    def read(self, timeout: float) -> driver.Reading:
        self.reads += 1
        self.answer(timeout)
        if self.says:
            said = self.says.pop(0)
            if isinstance(said, Exception):
                raise said
            return said
        on = (
            self.machine.running
            if self.plug is None
            else self.machine.plugs[self.plug]
        )
        state = UNKNOWN if self.unsure else ON if on else OFF
        return driver.Reading(state, self.detail, self.fresh)

    def switch(self, state: driver.PowerState, timeout: float) -> None:
        self.before_switch(state)
        self.asked.append(state)
        self.answer(timeout)
        if self.refuses:
            raise exceptions.DeviceError(self.refuses)
        lost = self.lost > 0
        self.lost -= lost
        if not self.stuck and (self.arrives or not lost):
            self._effect(self.takes, state is ON)
            if self.returns_in is not None and state is OFF:
                self._effect(self.takes + self.returns_in, True)
        self.clock.step()
        if lost:
            raise exceptions.DeviceUnreachable('the answer was lost')

    def _effect(self, seconds: float, on: bool) -> None:
        if seconds:
            self.clock.at(seconds, lambda: self.machine.turn(on, self.plug))
        else:
            self.machine.turn(on, self.plug)


class FakeDriver(driver.Driver):
    """Speaks to a :class:`FakeDevice`, of a machine's own switch."""

    summary: ClassVar[str] = 'A device that is none'
    of_machine: ClassVar[bool] = True
    options: ClassVar[tuple[driver.Option, ...]] = (
        driver.Option('device', 'The fake device', required=True),
        driver.Option('password', 'A secret', secret=True),
        driver.Option('more', 'Others', kind=driver.Kind.MAPPING),
    )

    def __init__(self, target: driver.Target, options: Any) -> None:
        super().__init__(target, options)
        self.device: FakeDevice = options['device']
        self.device.drivers.append(self)
        self.closed = 0
        self._in_use = threading.Lock()

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        if not self._in_use.acquire(blocking=False):
            self.device.shared += 1
            raise AssertionError('a driver is used by two threads at once')
        try:
            yield
        finally:
            self._in_use.release()

    def read(self, timeout: float) -> driver.Reading:
        with self._alone():
            return self.device.read(timeout)

    def switch(self, state: driver.PowerState, timeout: float) -> None:
        with self._alone():
            self.device.switch(state, timeout)

    def close(self) -> None:
        self.closed += 1


class FakePlug(FakeDriver):
    """Of a plug: that it has power says little of the machine."""

    of_machine: ClassVar[bool] = False


class FakeWord(FakeDriver):
    """Somebody's word: always off, whatever the machine does."""

    vouches: ClassVar[bool] = True
    of_machine: ClassVar[bool] = False

    def read(self, timeout: float) -> driver.Reading:
        return driver.Reading(OFF, 'as somebody says')

    def switch(self, state: driver.PowerState, timeout: float) -> None:
        if state is ON:
            raise exceptions.DeviceError('a person has to do that')


#: By the names that specifications use.
DRIVERS: dict[str, type[driver.Driver]] = {
    'bmc': FakeDriver,
    'pdu': FakePlug,
    'word': FakeWord,
}


def find(name: str) -> type[driver.Driver]:
    """:func:`~osc_instanceha.fencing.loading.find`."""
    if name not in DRIVERS:
        raise exceptions.DriverNotFound(name, tuple(DRIVERS))
    return DRIVERS[name]
