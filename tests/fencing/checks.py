"""The steps and checks that the contract of fencing drivers is made of."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
import time
from typing import Any

import pytest

from osc_instanceha import exceptions
from osc_instanceha.fencing import driver as fencing
from tests.fencing import counterparts
from tests.fencing import leftovers

#: Seconds for one answer of a device that answers.
TIMEOUT = 12.0

#: Seconds for one answer of a device that never does.
SHORT = 2.0

#: Seconds by which a call may end later than it was told to.
GRACE = 1.0

#: Seconds until what was asked for must have been seen.
PATIENCE = 30.0

Make = Callable[..., fencing.Driver]

CALLS: Mapping[str, Callable[[fencing.Driver, float], Any]] = {
    'read': lambda driver, timeout: driver.read(timeout),
    'switch': lambda driver, timeout: driver.switch(
        fencing.PowerState.OFF, timeout
    ),
}


def can_switch(counterpart: counterparts.Counterpart, state: str) -> None:
    """Skip the test if it cannot be asked for that."""
    if state not in counterpart.switches:
        pytest.skip(f'it cannot be switched {state}')


def can_show(
    counterpart: counterparts.Counterpart, mode: str, *more: str
) -> None:
    """Let a machine that is on behave so, or skip the test."""
    if not {mode, *more} <= counterpart.modes:
        pytest.skip(f'it cannot be {mode}')
    counterpart.set_power('on')
    counterpart.behave(mode)


def seen(driver: fencing.Driver, state: fencing.PowerState) -> fencing.Reading:
    """Read until it is there; the reading that says so."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            reading = driver.read(TIMEOUT)
        except exceptions.DeviceUnreachable:
            if time.monotonic() > deadline:
                raise
        else:
            if reading.state is state:
                return reading
            assert time.monotonic() < deadline, f'not {state} but {reading}'
        time.sleep(0.1)


def gives_up(
    driver: fencing.Driver, call: str, counterpart: counterparts.Counterpart
) -> None:
    """The call ends in time, and says that there was no answer."""
    start = time.monotonic()
    with pytest.raises(exceptions.DeviceUnreachable) as raised:
        CALLS[call](driver, SHORT)
    # That it ends by then is what the driver promises.
    assert time.monotonic() - start < SHORT + GRACE
    one_line_without_secrets(raised.value, counterpart)


def one_line_without_secrets(
    error: BaseException, counterpart: counterparts.Counterpart
) -> None:
    """What is told of an error is fit for a person and a log."""
    message = str(error)
    assert message and '\n' not in message
    told = leftovers.whole_story(error)
    for secret in (*counterpart.secrets(), counterparts.WRONG_SECRET):
        assert secret not in told


def use_it_up(counterpart: counterparts.Counterpart, make: Make) -> None:
    """Everything in which a secret is needed, or wrong."""
    driver = make()
    driver.read(TIMEOUT)
    if 'off' in counterpart.switches:
        driver.switch(fencing.PowerState.OFF, TIMEOUT)
        driver.read(TIMEOUT)
    driver.close()
    wrong = counterpart.wrong_secret()
    if wrong is not None:
        with pytest.raises(exceptions.DeviceError):
            make(wrong).read(TIMEOUT)
    nowhere = counterpart.unreachable()
    if nowhere is not None:
        with pytest.raises(exceptions.DeviceError):
            make(nowhere).read(SHORT)
