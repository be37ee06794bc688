"""The driver manual, whose counterpart is a person's word."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from osc_instanceha import exceptions
from osc_instanceha.fencing import driver as fencing
from osc_instanceha.fencing import manual as driver
from tests.fencing import checks
from tests.fencing import contract
from tests.fencing import counterparts

OFF = fencing.PowerState.OFF
ON = fencing.PowerState.ON


class Person:
    """Somebody who has seen the host off."""

    driver = 'manual'
    modes: frozenset[str] = frozenset()
    switches = frozenset({'off'})
    reads_fresh = True

    def target(self) -> fencing.Target:
        return fencing.Target('host1')

    def options(self, **changes: object) -> counterparts.Options:
        return {'vouched': True, **changes}

    def secrets(self) -> Sequence[str]:
        return ()

    def power(self) -> str:
        return 'off'

    def set_power(self, state: str) -> None:
        """Whatever it is, nobody measures it."""

    def behave(self, mode: str) -> None:
        raise AssertionError(mode)

    def requests(self) -> list[str]:
        return []

    def wrong_secret(self) -> None:
        return None

    def wrong_target(self) -> None:
        return None

    def unreachable(self) -> None:
        return None

    def other(self) -> None:
        return None


class TestManual(contract.Contract):
    """Somebody vouches."""

    @pytest.fixture
    def counterpart(self) -> Person:
        return Person()

    def test_reads_what_the_machine_is(
        self, counterpart: counterparts.Counterpart, make: checks.Make
    ) -> None:
        reading = make().read(checks.TIMEOUT)

        assert (reading.state, reading.fresh) == (OFF, True)
        assert reading.detail == 'vouched for by the caller'

    def test_reads_again_and_again(
        self, counterpart: counterparts.Counterpart, make: checks.Make
    ) -> None:
        one = make()

        assert {one.read(checks.TIMEOUT).state for _ in range(3)} == {OFF}

    def test_switches_off(
        self, counterpart: counterparts.Counterpart, make: checks.Make
    ) -> None:
        one = make()
        one.switch(OFF, checks.TIMEOUT)

        assert one.read(checks.TIMEOUT).state is OFF


def test_it_is_a_word_and_no_measurement() -> None:
    assert driver.Manual.vouches


@pytest.mark.parametrize('call', ['read', 'switch'])
def test_without_a_word_a_person_has_to_come(call: str) -> None:
    one = driver.Manual(fencing.Target('host1'), {'vouched': False})

    with pytest.raises(
        exceptions.DeviceError,
        match="'openstack host fence --confirm-off host1'",
    ) as raised:
        checks.CALLS[call](one, checks.TIMEOUT)

    assert not isinstance(raised.value, exceptions.DeviceUnreachable)


@pytest.mark.parametrize('vouched', [True, False])
def test_nothing_can_switch_it_on(vouched: bool) -> None:
    one = driver.Manual(fencing.Target('host1'), {'vouched': vouched})

    with pytest.raises(
        exceptions.DeviceError,
        match="'openstack host unfence --no-power-on host1'",
    ):
        one.switch(ON, checks.TIMEOUT)
