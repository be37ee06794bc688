"""One fencing device of one host: see, ask, and see again.

Invariant 1 begins here. A host is off when its device, asked anew after the
request, says twice in a row that it is; a request that was accepted proves
nothing, and neither does a device that is silent, unsure or late.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
import dataclasses
import datetime
import logging
import time
from typing import Any

from osc_instanceha import exceptions
from osc_instanceha import ports
from osc_instanceha.fencing import deadline
from osc_instanceha.fencing import driver as driver_
from osc_instanceha.fencing import evidence
from osc_instanceha.fencing import loading
from osc_instanceha.fencing import masking
from osc_instanceha.fencing import specification as specification_

LOG = logging.getLogger(__name__)

#: Seconds that a driver may take longer than it was told to.
_GRACE = 1.0

#: Seconds without which asking is not worth while: the last of several tries
#: is the one that people read of.
_LEAST = 2.0

#: Seconds for which a machine has to stay off that nobody has asked to be
#: off: one that is power-cycled by somebody else is off for a while.
_SETTLED = 5.0

#: Seconds between two readings: the first two, then all others.
_QUICK = 0.2
_PAUSE = 1.0


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def _never() -> bool:
    return False


@dataclasses.dataclass
class _Opened:
    """A driver, once it is made, and what must not be shown of it."""

    driver: driver_.Driver | None = None
    vouches: bool = False
    of_machine: bool = False
    secrets: set[str] = dataclasses.field(default_factory=set)
    #: Nobody waits any more for what it does.
    abandoned: bool = False


class Device:
    """A device, through its driver.

    No method raises: what goes wrong is a part of the evidence.

    :param level: of the device, from 1 on
    :param stop: asked before every step; True ends what is going on
    """

    def __init__(
        self,
        specification: specification_.Specification,
        target: driver_.Target,
        *,
        level: int = 1,
        clock: ports.Clock | None = None,
        now: Callable[[], datetime.datetime] = _now,
        stop: Callable[[], bool] = _never,
        find: Callable[[str], type[driver_.Driver]] = loading.find,
    ) -> None:
        self.specification = specification
        self.level = level
        self._target = target
        self._clock = clock or ports.SystemClock()
        self._now = now
        self._stop = stop
        self._find = find
        self._opened = _Opened()
        self._read_at: datetime.datetime | None = None
        self._begin(None)

    def check(self) -> evidence.Evidence:
        """Read the power state; nothing is changed."""
        self._begin(None)
        try:
            self._read(self._clock.monotonic() + self.specification.timeout)
        except exceptions.DeviceError as error:
            return self._seen(problem=str(error))
        reading = self._reading
        if reading.state is driver_.PowerState.UNKNOWN and reading.fresh:
            return self._seen(problem=self._uncertain())
        return self._seen()

    def confirm_off(self) -> evidence.Evidence:
        """See whether it is off, and stays so; nothing is changed.

        One reading is not enough where nobody here has switched it off.
        """
        self._begin(None)
        try:
            self._read(self._clock.monotonic() + self.specification.timeout)
            if self._is(driver_.PowerState.OFF) and not self._already(
                driver_.PowerState.OFF
            ):
                return self._seen(
                    problem=f'it was off, but not for long enough to be '
                    f'believed; now it says: {self._words()}'
                )
        except exceptions.DeviceError as error:
            return self._seen(problem=str(error))
        reading = self._reading
        if reading.state is driver_.PowerState.UNKNOWN and reading.fresh:
            return self._seen(problem=self._uncertain())
        return self._seen()

    def bring(
        self, state: driver_.PowerState, *, patience: float | None = None
    ) -> evidence.Evidence:
        """See it in this power state, after asking for it where necessary.

        :param state: ON or OFF
        :param patience: seconds in which the device may begin to answer;
            its time for one answer by default
        """
        self._begin(None)
        begun = self._clock.monotonic()
        patience = patience or self.specification.timeout
        try:
            self._read(begun + patience)
            if not self._already(state):
                self._begin(state)
                self._ask(state)
        except exceptions.DeviceError as error:
            return self._seen(problem=str(error))
        return self._seen()

    def close(self) -> None:
        """Give back what the driver holds."""
        opened, self._opened = self._opened, _Opened()
        if opened.driver is not None:
            try:
                deadline.within(_GRACE, opened.driver.close)
            except Exception as error:
                # What was read is not undone by it.
                LOG.debug('%s: %s', self.specification.name, type(error))

    def _ask(self, state: driver_.PowerState) -> None:
        """Ask for a state, and return when it is seen.

        :raises DeviceError: if it is not
        """
        limit = self.specification.power_timeout
        until = self._clock.monotonic() + limit
        asked = False
        lost = False
        refused: exceptions.DeviceError | None = None
        trouble: exceptions.DeviceError | None = None
        pause = _QUICK
        while True:
            self._go_on()
            try:
                if not asked:
                    # Again, if it is not known whether it was asked: "be
                    # off" is not a toggle.
                    self._call(
                        'switch', until, lambda d, t: d.switch(state, t)
                    )
                    asked = True
            except exceptions.DeviceUnreachable as error:
                trouble, lost = error, True
            except exceptions.DeviceError as error:
                # Some devices refuse to be switched off when they are off.
                asked, refused = True, error
            try:
                self._read_once(until)
                trouble = None if asked else trouble
                if self._is(state) and self._confirmed(state):
                    return
            except exceptions.DeviceUnreachable as error:
                trouble = error
            # Unless what refuses is busy with a request whose answer is lost.
            if refused is not None and not lost:
                raise refused
            if self._clock.monotonic() + pause >= until:
                break
            self._clock.sleep(pause)
            pause = _PAUSE
        problem = refused or trouble
        if problem is not None:
            raise problem
        raise exceptions.DeviceError(
            f'asked for power {state.value}, but {limit:g} s later it says: '
            f'{self._words()}'
        )

    def _already(self, state: driver_.PowerState) -> bool:
        """Whether it is in this state without being asked for it."""
        try:
            if not self._is(state) or not self._confirmed(state):
                return False
            settled = self._clock.monotonic() + _SETTLED
            while (
                state is driver_.PowerState.OFF
                and self._clock.monotonic() < settled
            ):
                self._go_on()
                self._clock.sleep(_PAUSE)
                self._read_once(
                    self._clock.monotonic() + self.specification.timeout
                )
                if not self._is(state):
                    return False
            return True
        except exceptions.DeviceUnreachable:
            # It has answered before: asking for the state says more.
            return False

    def _confirmed(self, state: driver_.PowerState) -> bool:
        """Whether the next reading says the same.

        A machine that is being reset is off for a moment.
        """
        self._clock.sleep(_QUICK)
        self._read_once(self._clock.monotonic() + self.specification.timeout)
        return self._is(state)

    def _is(self, state: driver_.PowerState) -> bool:
        return self._reading.state is state and self._reading.fresh

    def _read(self, until: float) -> None:
        """Read, and again where there is no answer.

        :param until: monotonic seconds
        :raises DeviceError: if there is none by then
        """
        while True:
            self._go_on()
            try:
                return self._read_once(until)
            except exceptions.DeviceUnreachable:
                if self._clock.monotonic() + _PAUSE + _LEAST > until:
                    raise
            self._clock.sleep(_PAUSE)

    def _read_once(self, until: float) -> None:
        self._reading = driver_.Reading(driver_.PowerState.UNKNOWN)
        self._read_at = None
        reading = self._call('read', until, lambda d, t: d.read(t))
        self._reading = dataclasses.replace(
            reading, detail=self._mask(reading.detail)
        )
        self._read_at = self._now()

    def _call(
        self,
        what: str,
        until: float,
        call: Callable[[driver_.Driver, float], Any],
    ) -> Any:
        """Call the driver, within the time of one answer.

        :raises DeviceError: whatever goes wrong
        """
        timeout = min(
            self.specification.timeout,
            max(until - self._clock.monotonic(), _LEAST),
        )
        opened = self._opened
        begun = time.monotonic()

        def work() -> Any:
            driver = self._open(opened)
            left = timeout - (time.monotonic() - begun)
            # Whoever asked may have given up, and reported so.
            if opened.abandoned or left <= 0:
                raise exceptions.DeviceUnreachable(
                    'it took too long to get ready'
                )
            return call(driver, left)

        try:
            return deadline.within(timeout + _GRACE, work)
        except deadline.Overdue:
            opened.abandoned = True
            # It may still be at it; the next call gets a driver of its own.
            self._opened = _Opened(
                vouches=opened.vouches, of_machine=opened.of_machine
            )
            trouble: exceptions.DeviceError = exceptions.DeviceUnreachable(
                f'no answer within {timeout:.0f} s'
            )
        except exceptions.DeviceUnreachable as error:
            trouble = exceptions.DeviceUnreachable(self._mask(str(error)))
        except exceptions.InstanceHAError as error:
            trouble = exceptions.DeviceError(self._mask(str(error)))
        except Exception as error:
            trouble = exceptions.DeviceError(
                f'the driver {self.specification.driver} failed to {what} '
                f'({type(error).__name__}: {self._mask(str(error))}); this is '
                f'a defect of it'
            )
        # Raised out here, so that it does not carry its cause along, whose
        # words are not masked.
        raise trouble

    def _open(self, opened: _Opened) -> driver_.Driver:
        if opened.driver is None:
            kind = self._find(self.specification.driver)
            opened.vouches = kind.vouches
            opened.of_machine = kind.of_machine
            options = _revealed(self.specification.options, opened.secrets)
            made = kind(self._target, loading.with_defaults(kind, options))
            opened.of_machine = made.of_machine
            opened.driver = made
        return opened.driver

    def _mask(self, text: str) -> str:
        secrets = set(self._opened.secrets)
        if self._opened.driver is not None:
            try:
                secrets |= self._opened.driver.secrets()
            except Exception as error:
                return (
                    f'(its words are withheld: the driver cannot tell what '
                    f'is secret in them, {type(error).__name__})'
                )
        return masking.Mask(secrets)(text)

    def _go_on(self) -> None:
        if self._stop():
            raise exceptions.DeviceError('interrupted')

    def _begin(self, requested: driver_.PowerState | None) -> None:
        if requested is None:
            self._begun = self._clock.monotonic()
            self._reading = driver_.Reading(driver_.PowerState.UNKNOWN)
            self._read_at = None
        self._requested = requested

    def _words(self) -> str:
        words = self._reading.state.value
        if self._reading.detail:
            words += f' ({self._reading.detail})'
        if not self._reading.fresh:
            words += ', from memory'
        return words

    def _uncertain(self) -> str:
        return f'its answer tells no power state: {self._words()}'

    def _seen(self, problem: str = '') -> evidence.Evidence:
        return evidence.Evidence(
            device=self.specification.name,
            driver=self.specification.driver,
            level=self.level,
            requested=self._requested,
            state=self._reading.state,
            detail=self._reading.detail,
            read_at=self._read_at,
            seconds=self._clock.monotonic() - self._begun,
            problem=problem,
            vouched=self._opened.vouches or self._reading.vouched,
            of_machine=self._opened.of_machine,
            fresh=self._reading.fresh,
        )


def _revealed(value: Any, secrets: set[str]) -> Any:
    """The options with secrets as plain text, which are noted on the way."""
    if isinstance(value, Mapping):
        return {key: _revealed(item, secrets) for key, item in value.items()}
    reveal = getattr(value, 'reveal', None)
    if reveal is None:
        return value
    revealed = reveal()
    secrets.add(revealed)
    return revealed
