"""What every fencing driver has to keep, shown on its real counterpart.

A module of tests makes the counterpart of its driver, and inherits::

    @pytest.fixture
    def counterpart() -> Iterator[counterparts.Counterpart]:
        ...

    class TestRedfish(contract.Contract):
        pass

The driver is called directly. What is made of its answers (checking first,
polling, trying again) belongs to osc_instanceha.fencing.device.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
from concurrent import futures
import logging
import threading
from typing import Any

import pytest

from osc_instanceha import exceptions
from osc_instanceha.fencing import driver as fencing
from osc_instanceha.fencing import loading
from tests.fencing import checks
from tests.fencing import counterparts
from tests.fencing import leftovers


class Contract:
    """Tests of a driver that need nothing but its counterpart."""

    @pytest.fixture
    def make(
        self, counterpart: counterparts.Counterpart
    ) -> Iterator[checks.Make]:
        """Makes drivers, and closes them when the test is over."""
        kind = loading.find(counterpart.driver)
        made = []

        def make_one(
            options: Mapping[str, Any] | None = None,
            machine: counterparts.Counterpart = counterpart,
        ) -> fencing.Driver:
            if options is None:
                options = machine.options()
            made.append(
                kind(machine.target(), loading.with_defaults(kind, options))
            )
            return made[-1]

        yield make_one
        for driver in made:
            driver.close()

    def test_reads_what_the_machine_is(
        self, counterpart: counterparts.Counterpart, make: checks.Make
    ) -> None:
        driver = make()
        for state in ('on', 'off', 'on'):
            counterpart.set_power(state)

            reading = driver.read(checks.TIMEOUT)

            assert reading.state is fencing.PowerState(state)
            assert reading.fresh or not counterpart.reads_fresh

    def test_reads_again_and_again(
        self, counterpart: counterparts.Counterpart, make: checks.Make
    ) -> None:
        counterpart.set_power('on')
        driver = make()

        states = {driver.read(checks.TIMEOUT).state for _ in range(10)}

        assert states == {fencing.PowerState.ON}
        assert counterpart.requests() == []

    def test_switches_off(
        self, counterpart: counterparts.Counterpart, make: checks.Make
    ) -> None:
        checks.can_switch(counterpart, 'off')
        counterpart.set_power('on')
        driver = make()

        driver.switch(fencing.PowerState.OFF, checks.TIMEOUT)

        assert checks.seen(driver, fencing.PowerState.OFF).fresh
        assert counterpart.power() == 'off'
        assert counterpart.requests() == ['off']

    def test_switches_on(
        self, counterpart: counterparts.Counterpart, make: checks.Make
    ) -> None:
        checks.can_switch(counterpart, 'on')
        counterpart.set_power('off')
        driver = make()

        driver.switch(fencing.PowerState.ON, checks.TIMEOUT)

        assert checks.seen(driver, fencing.PowerState.ON).fresh
        assert counterpart.power() == 'on'
        assert counterpart.requests() == ['on']

    def test_accepted_is_not_off(
        self, counterpart: counterparts.Counterpart, make: checks.Make
    ) -> None:
        checks.can_show(counterpart, 'slow')
        driver = make()

        driver.switch(fencing.PowerState.OFF, checks.TIMEOUT)
        reading = driver.read(checks.TIMEOUT)

        # The machine is looked at last: it cannot come on again by itself.
        assert counterpart.power() == 'on'
        assert reading.state is not fencing.PowerState.OFF
        checks.seen(driver, fencing.PowerState.OFF)
        assert counterpart.power() == 'off'
        assert counterpart.requests() == ['off']

    def test_what_is_stuck_stays_on(
        self, counterpart: counterparts.Counterpart, make: checks.Make
    ) -> None:
        checks.can_show(counterpart, 'stuck')
        driver = make()

        driver.switch(fencing.PowerState.OFF, checks.TIMEOUT)
        readings = [driver.read(checks.TIMEOUT) for _ in range(3)]

        assert [
            reading
            for reading in readings
            if reading.state is fencing.PowerState.OFF and reading.fresh
        ] == []
        assert counterpart.power() == 'on'

    @pytest.mark.parametrize('mode', ['refuse', 'error'])
    def test_a_request_that_fails_is_told(
        self,
        counterpart: counterparts.Counterpart,
        make: checks.Make,
        mode: str,
    ) -> None:
        checks.can_show(counterpart, mode)
        driver = make()

        with pytest.raises(exceptions.DeviceError) as raised:
            driver.switch(fencing.PowerState.OFF, checks.TIMEOUT)

        if mode == 'refuse':
            assert not isinstance(raised.value, exceptions.DeviceUnreachable)
        checks.one_line_without_secrets(raised.value, counterpart)
        assert counterpart.power() == 'on'

    @pytest.mark.parametrize('call', ['read', 'switch'])
    def test_a_silent_device_is_given_up(
        self,
        counterpart: counterparts.Counterpart,
        make: checks.Make,
        call: str,
    ) -> None:
        checks.can_show(counterpart, 'silent')
        before = leftovers.Snapshot.take()
        driver = make()

        checks.gives_up(driver, call, counterpart)

        assert before.left_over() == []

    def test_one_that_fell_silent_is_given_up_and_can_come_back(
        self, counterpart: counterparts.Counterpart, make: checks.Make
    ) -> None:
        checks.can_show(counterpart, 'silent', 'ok')
        counterpart.behave('ok')
        driver = make()
        # Whatever session a driver keeps, it has now.
        assert driver.read(checks.TIMEOUT).state is fencing.PowerState.ON

        counterpart.behave('silent')
        checks.gives_up(driver, 'read', counterpart)
        counterpart.behave('ok')

        checks.seen(driver, fencing.PowerState.ON)

    @pytest.mark.parametrize('call', ['read', 'switch'])
    def test_an_unreachable_device_is_given_up(
        self,
        counterpart: counterparts.Counterpart,
        make: checks.Make,
        call: str,
    ) -> None:
        options = counterpart.unreachable()
        if options is None:
            pytest.skip('it is not behind a network')
        before = leftovers.Snapshot.take()

        checks.gives_up(make(options), call, counterpart)

        assert before.left_over() == []
        assert counterpart.requests() == []

    @pytest.mark.parametrize('call', ['read', 'switch'])
    def test_a_wrong_secret_is_not_worth_another_try(
        self,
        counterpart: counterparts.Counterpart,
        make: checks.Make,
        call: str,
    ) -> None:
        options = counterpart.wrong_secret()
        if options is None:
            pytest.skip('it has no secret')
        counterpart.set_power('on')
        driver = make(options)

        with pytest.raises(exceptions.DeviceError) as raised:
            checks.CALLS[call](driver, checks.TIMEOUT)

        # Asked again and again, a device locks the account.
        assert not isinstance(raised.value, exceptions.DeviceUnreachable)
        checks.one_line_without_secrets(raised.value, counterpart)
        assert counterpart.power() == 'on'
        assert counterpart.requests() == []

    @pytest.mark.parametrize('call', ['read', 'switch'])
    def test_a_wrong_target_is_named(
        self,
        counterpart: counterparts.Counterpart,
        make: checks.Make,
        call: str,
    ) -> None:
        options = counterpart.wrong_target()
        if options is None:
            pytest.skip('it names no machine beside its address')
        driver = make(options)

        with pytest.raises(
            exceptions.DeviceError, match=counterparts.WRONG_TARGET
        ) as raised:
            checks.CALLS[call](driver, checks.TIMEOUT)

        assert not isinstance(raised.value, exceptions.DeviceUnreachable)
        checks.one_line_without_secrets(raised.value, counterpart)
        assert counterpart.requests() == []

    def test_two_at_once_do_not_disturb_each_other(
        self, counterpart: counterparts.Counterpart, make: checks.Make
    ) -> None:
        other = counterpart.other()
        if other is None:
            pytest.skip('there is just one machine')
        counterpart.set_power('on')
        other.set_power('on')
        drivers = make(), make(machine=other)
        together = threading.Barrier(2, timeout=checks.PATIENCE)

        def read(driver: fencing.Driver) -> list[fencing.PowerState]:
            together.wait()
            return [driver.read(checks.TIMEOUT).state for _ in range(5)]

        def read_then_switch(
            driver: fencing.Driver,
        ) -> list[fencing.PowerState]:
            states = read(driver)
            if 'off' in counterpart.switches:
                driver.switch(fencing.PowerState.OFF, checks.TIMEOUT)
                checks.seen(driver, fencing.PowerState.OFF)
            return states

        with futures.ThreadPoolExecutor(2) as pool:
            first = pool.submit(read_then_switch, drivers[0])
            second = pool.submit(read, drivers[1])

        on = [fencing.PowerState.ON] * 5
        assert first.result() == on
        assert second.result() == on
        assert other.power() == 'on'
        assert other.requests() == []

    def test_closing_leaves_nothing_behind(
        self, counterpart: counterparts.Counterpart, make: checks.Make
    ) -> None:
        before = leftovers.Snapshot.take()
        driver = make()
        driver.read(checks.TIMEOUT)

        driver.close()
        driver.close()

        assert before.left_over() == []

    def test_one_never_used_can_be_closed(self, make: checks.Make) -> None:
        before = leftovers.Snapshot.take()

        make().close()

        assert before.left_over() == []

    def test_no_process_shows_a_secret(
        self, counterpart: counterparts.Counterpart, make: checks.Make
    ) -> None:
        with leftovers.Watch() as watch:
            checks.use_it_up(counterpart, make)

        assert [
            secret
            for secret in (*counterpart.secrets(), counterparts.WRONG_SECRET)
            if secret in watch.text()
        ] == []

    def test_no_log_shows_a_secret(
        self,
        counterpart: counterparts.Counterpart,
        make: checks.Make,
        caplog: pytest.LogCaptureFixture,
        capfd: pytest.CaptureFixture[str],
    ) -> None:
        with caplog.at_level(logging.DEBUG):
            checks.use_it_up(counterpart, make)

        stdout, stderr = capfd.readouterr()
        told = [record.getMessage() for record in caplog.records]
        told += [str(vars(record)) for record in caplog.records]
        told += [caplog.text, stdout, stderr]
        assert [
            secret
            for secret in (*counterpart.secrets(), counterparts.WRONG_SECRET)
            if any(secret in text for text in told)
        ] == []
