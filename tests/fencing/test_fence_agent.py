"""The driver fence_agent, on agents of ClusterLabs."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from collections.abc import Sequence
import pathlib
import shutil
from typing import Any

import pytest

from osc_instanceha import exceptions
from osc_instanceha.fencing import driver as fencing
from osc_instanceha.fencing import fence_agent as driver
from tests.devices import certificates
from tests.devices import ipmi
from tests.devices import process
from tests.devices import redfish
from tests.devices import silence
from tests.fencing import checks
from tests.fencing import contract
from tests.fencing import counterparts
from tests.fencing import leftovers
from tests.fencing import simulated

USERNAME = 'admin'
PASSWORD = 'c0rrect-h0rse'
NAMES = ('host1', 'host2')
OFF = fencing.PowerState.OFF
ON = fencing.PowerState.ON


def installed(agent: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(
        shutil.which(agent, path='/usr/sbin:/usr/bin') is None,
        reason=f'{agent} is not installed',
    )


class Bmc(simulated.Simulated):
    """A system with a Redfish API, behind fence_redfish."""

    driver = 'fence_agent'
    # fence_redfish does not look at what the answer to its request is.
    modes = frozenset({'ok', 'slow', 'stuck', 'silent'})

    def __init__(self, simulator: process.Simulator, name: str) -> None:
        super().__init__(simulator.machine(name), name)
        self.simulator = simulator

    def options(self, **changes: Any) -> counterparts.Options:
        host, port = self.simulator.told['address'].split('//')[1].split(':')
        return {
            'agent': 'fence_redfish',
            'parameters': {
                'ip': host,
                'ipport': int(port),
                'username': USERNAME,
                'password': PASSWORD,
                'systems_uri': redfish.path(self.name),
                'ssl_insecure': True,
                # It waits itself, too.
                'power_timeout': 1,
                **changes,
            },
        }

    def behave(self, mode: str) -> None:
        self.machine.set_delay(5.0)
        super().behave(mode)

    def secrets(self) -> Sequence[str]:
        return [PASSWORD] + [
            base64.b64encode(f'{USERNAME}:{password}'.encode()).decode()
            for password in (PASSWORD, counterparts.WRONG_SECRET)
        ]

    def wrong_secret(self) -> counterparts.Options:
        return self.options(password=counterparts.WRONG_SECRET)

    def wrong_target(self) -> counterparts.Options:
        return self.options(
            systems_uri=redfish.PATH + counterparts.WRONG_TARGET
        )

    def unreachable(self) -> counterparts.Options:
        return self.options(ipport=9)

    def other(self) -> Bmc:
        return Bmc(self.simulator, NAMES[1])


@pytest.fixture(scope='module')
def simulator(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[process.Simulator]:
    made = certificates.make(tmp_path_factory.mktemp('certificates'))
    with redfish.simulator(
        *NAMES, password=PASSWORD, tls=made.server
    ) as running:
        yield running


@pytest.fixture
def bmc(simulator: process.Simulator) -> Bmc:
    for name in NAMES:
        simulator.machine(name).reset()
    return Bmc(simulator, NAMES[0])


def make(options: counterparts.Options) -> driver.FenceAgent:
    return driver.FenceAgent(fencing.Target('host1'), options)


@installed('fence_redfish')
class TestRedfish(contract.Contract):
    """fence_redfish."""

    @pytest.fixture
    def counterpart(self, bmc: Bmc) -> Bmc:
        return bmc

    def test_a_machine_that_does_not_exist(self, bmc: Bmc) -> None:
        """Without systems_uri it would take the last one."""
        options = bmc.options()
        del options['parameters']['systems_uri']

        with pytest.raises(exceptions.DeviceError, match="'systems_uri'"):
            make(options)

    def test_a_certificate_that_nobody_vouches_for(self, bmc: Bmc) -> None:
        """ssl_insecure=0 would be as good as 1 to it."""
        one = make(bmc.options(ssl_insecure=False))

        with pytest.raises(
            exceptions.DeviceError, match='CERTIFICATE_VERIFY_FAILED'
        ) as raised:
            one.read(checks.TIMEOUT)

        assert not isinstance(raised.value, exceptions.DeviceUnreachable)

    def test_it_goes_to_no_proxy(
        self, bmc: Bmc, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with silence.tcp() as port:
            monkeypatch.setenv('https_proxy', f'http://127.0.0.1:{port}')

            assert make(bmc.options()).read(checks.TIMEOUT).state is ON


@installed('fence_dummy')
class TestDummy:
    """fence_dummy, whose machine is a file."""

    @pytest.fixture
    def machine(self, tmp_path: pathlib.Path) -> pathlib.Path:
        (tmp_path / 'machine').write_text('on')
        return tmp_path / 'machine'

    @pytest.fixture
    def one(self, machine: pathlib.Path) -> driver.FenceAgent:
        return make(
            {
                'agent': 'fence_dummy',
                'parameters': {'type': 'file', 'status_file': str(machine)},
            }
        )

    def test_off_and_on(
        self, machine: pathlib.Path, one: driver.FenceAgent
    ) -> None:
        for state in (OFF, ON):
            one.switch(state, checks.TIMEOUT)

            assert machine.read_text() == state.value
            assert one.read(checks.TIMEOUT) == fencing.Reading(
                state, f'Status: {state.value.upper()}'
            )

    def test_one_that_sleeps_is_given_up(self, machine: pathlib.Path) -> None:
        before = leftovers.Snapshot.take()
        one = make(
            {
                'agent': '/usr/sbin/fence_dummy',
                'parameters': {'status_file': str(machine), 'delay': 60},
            }
        )

        with pytest.raises(exceptions.DeviceUnreachable, match='within 1 s'):
            one.switch(OFF, 1.0)

        assert before.left_over() == []
        assert machine.read_text() == 'on'


@pytest.mark.parametrize(
    'agent',
    [
        pytest.param(name, marks=installed(name))
        for name in ('fence_scsi', 'fence_mpath', 'fence_brocade')
    ],
)
def test_cutting_off_storage_is_no_power_off(agent: str) -> None:
    with pytest.raises(exceptions.DeviceError, match='leaves it running'):
        make({'agent': agent, 'parameters': {}})


@installed('fence_ipmilan')
@installed('ipmitool')
class TestIpmilan:
    """fence_ipmilan, which gives its password to ipmitool for all to see."""

    @pytest.fixture(scope='class')
    def bmc(self) -> Iterator[process.Simulator]:
        with ipmi.simulator('host1', password=PASSWORD) as running:
            yield running

    def options(
        self, bmc: process.Simulator, **changes: Any
    ) -> counterparts.Options:
        return {
            'agent': 'fence_ipmilan',
            'parameters': {
                'ip': '127.0.0.1',
                'ipport': bmc.told['ports']['host1'],
                'username': USERNAME,
                'password': PASSWORD,
                'lanplus': True,
                'cipher': 3,
                **changes,
            },
        }

    def test_off_and_on(self, bmc: process.Simulator) -> None:
        one = make(self.options(bmc))
        for state in (OFF, ON):
            one.switch(state, checks.TIMEOUT)

            assert one.read(checks.TIMEOUT).state is state
            assert bmc.machine('host1').power() == state.value

    def test_a_wrong_password_is_not_worth_another_try(
        self, bmc: process.Simulator
    ) -> None:
        one = make(self.options(bmc, password=counterparts.WRONG_SECRET))

        with pytest.raises(exceptions.DeviceError) as raised:
            one.read(checks.TIMEOUT)

        assert not isinstance(raised.value, exceptions.DeviceUnreachable)
        assert counterparts.WRONG_SECRET not in leftovers.whole_story(
            raised.value
        )

    def test_a_silent_one_is_given_up(self, bmc: process.Simulator) -> None:
        before = leftovers.Snapshot.take()
        with silence.udp() as port:
            one = make(self.options(bmc, ipport=port))

            with pytest.raises(exceptions.DeviceUnreachable):
                one.read(3.0)

        assert before.left_over() == []
