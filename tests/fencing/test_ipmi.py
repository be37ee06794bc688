"""The driver ipmi, on pyghmi's BMC and on OpenIPMI's."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time
from typing import Any

import psutil
import pytest

from osc_instanceha import exceptions
from osc_instanceha.fencing import driver as fencing
from osc_instanceha.fencing import ipmi as driver
from osc_instanceha.fencing import loading
from tests.devices import ipmi
from tests.devices import ipmi_sim
from tests.devices import process
from tests.devices import silence
from tests.fencing import checks
from tests.fencing import contract
from tests.fencing import counterparts
from tests.fencing import leftovers
from tests.fencing import simulated

USERNAME = 'admin'
PASSWORD = 'c0rrect-h0rse'
NAMES = ('host1', 'host2')


class Bmc(simulated.Simulated):
    """One of pyghmi's BMCs."""

    driver = 'ipmi'

    def __init__(self, simulator: process.Simulator, name: str) -> None:
        super().__init__(simulator.machine(name), name)
        self.simulator = simulator
        self.port = simulator.told['ports'][name]

    def options(self, **changes: Any) -> counterparts.Options:
        return {
            'address': '127.0.0.1',
            'port': self.port,
            'username': USERNAME,
            'password': PASSWORD,
            **changes,
        }

    def secrets(self) -> Sequence[str]:
        return [PASSWORD]

    def wrong_secret(self) -> counterparts.Options:
        return self.options(password=counterparts.WRONG_SECRET)

    def wrong_target(self) -> None:
        """A BMC has one machine."""

    def unreachable(self) -> counterparts.Options:
        return self.options(port=9)

    def other(self) -> Bmc | None:
        return Bmc(self.simulator, NAMES[1])


class Other(Bmc):
    """OpenIPMI's BMC."""

    modes = ipmi_sim.IpmiSim.MODES

    def __init__(self, simulator: ipmi_sim.IpmiSim) -> None:
        simulated.Simulated.__init__(self, simulator, 'host1')
        self.port = simulator.port

    def other(self) -> None:
        """It is a process of its own, which costs a second."""


@pytest.fixture(scope='module')
def simulator() -> Iterator[process.Simulator]:
    with ipmi.simulator(*NAMES, password=PASSWORD) as running:
        yield running


@pytest.fixture
def bmc(simulator: process.Simulator) -> Bmc:
    for name in NAMES:
        simulator.machine(name).reset()
    return Bmc(simulator, NAMES[0])


@pytest.fixture(scope='module')
def openipmi(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[ipmi_sim.IpmiSim]:
    reason = ipmi_sim.why_not()
    if reason:
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp('ipmi_sim')
    with ipmi_sim.IpmiSim(folder, USERNAME, PASSWORD) as running:
        yield running


class TestPyghmi(contract.Contract):
    """On the BMC that pyghmi brings."""

    @pytest.fixture
    def counterpart(self, bmc: Bmc) -> Bmc:
        return bmc


class TestOpenIpmi(contract.Contract):
    """On one that others have written."""

    @pytest.fixture
    def counterpart(self, openipmi: ipmi_sim.IpmiSim) -> Other:
        openipmi.reset()
        return Other(openipmi)


@pytest.fixture
def make() -> Iterator[Any]:
    made = []

    def make_one(options: counterparts.Options) -> driver.Ipmi:
        values = loading.with_defaults(driver.Ipmi, options)
        made.append(driver.Ipmi(fencing.Target('host1'), values))
        return made[-1]

    yield make_one
    for one in made:
        one.close()


def children() -> list[psutil.Process]:
    return [
        child
        for child in psutil.Process().children()
        if any(
            argument.endswith('ipmi_session') for argument in child.cmdline()
        )
    ]


def test_one_session_serves_many_readings(bmc: Bmc, make: Any) -> None:
    made = make(bmc.options())
    made.read(checks.TIMEOUT)
    first = children()
    made.read(checks.TIMEOUT)
    made.switch(fencing.PowerState.OFF, checks.TIMEOUT)

    assert children() == first
    assert len(first) == 1


def test_a_session_too_old_is_opened_again(
    bmc: Bmc, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make(bmc.options())
    made.read(checks.TIMEOUT)
    first = children()

    monkeypatch.setattr(driver, '_IDLE', -1.0)
    made.read(checks.TIMEOUT)

    assert children() != first
    assert len(children()) == 1


def test_a_session_that_was_killed_is_opened_again(
    bmc: Bmc, make: Any
) -> None:
    made = make(bmc.options())
    made.read(checks.TIMEOUT)
    (child,) = children()
    child.kill()

    with pytest.raises(exceptions.DeviceUnreachable, match='signal 9'):
        made.read(checks.TIMEOUT)

    assert made.read(checks.TIMEOUT).state is fencing.PowerState.ON


def test_a_session_that_hangs_is_killed(bmc: Bmc, make: Any) -> None:
    made = make(bmc.options())
    made.read(checks.TIMEOUT)
    (child,) = children()
    before = leftovers.Snapshot(
        frozenset(threading.enumerate()),
        frozenset(psutil.Process().children()) - {child},
    )
    child.send_signal(signal.SIGSTOP)

    checks.gives_up(made, 'read', bmc)

    assert before.left_over() == []


def test_a_bmc_that_answers_garbage_may_come_to_its_senses(
    bmc: Bmc, make: Any
) -> None:
    bmc.behave('garbage')
    made = make(bmc.options())
    checks.gives_up(made, 'read', bmc)

    bmc.behave('ok')

    assert made.read(checks.TIMEOUT).state is fencing.PowerState.ON


def test_a_port_that_never_answers_is_given_up(bmc: Bmc, make: Any) -> None:
    with silence.udp() as port:
        checks.gives_up(make(bmc.options(port=port)), 'read', bmc)


def test_a_name_that_there_is_not(bmc: Bmc, make: Any) -> None:
    made = make(bmc.options(address='bmc.invalid'))

    with pytest.raises(exceptions.DeviceError, match='resolved'):
        made.read(checks.TIMEOUT)


def test_an_unknown_user_is_not_worth_another_try(bmc: Bmc, make: Any) -> None:
    made = make(bmc.options(username='nobody'))

    with pytest.raises(exceptions.DeviceError, match='user') as raised:
        made.read(checks.TIMEOUT)

    assert not isinstance(raised.value, exceptions.DeviceUnreachable)


class TestProtected:
    """A BMC with Kg, whose user is no administrator."""

    KG = 'k3y-of-the-bmc'

    @pytest.fixture(scope='class')
    def protected(self) -> Iterator[Bmc]:
        with ipmi.simulator(
            'host1', password=PASSWORD, kg=self.KG, privilege=3
        ) as running:
            yield Bmc(running, 'host1')

    @pytest.mark.parametrize('hexadecimal', [False, True])
    def test_with_its_key(
        self, protected: Bmc, make: Any, hexadecimal: bool
    ) -> None:
        kg = '0x' + self.KG.encode().hex() if hexadecimal else self.KG
        made = make(protected.options(kg=kg, privilege='operator'))

        made.switch(fencing.PowerState.OFF, checks.TIMEOUT)

        assert protected.power() == 'off'

    @pytest.mark.parametrize(
        ('changes', 'words'),
        [
            ({}, 'privilege administrator'),
            ({'privilege': 'operator'}, 'Kg'),
            ({'privilege': 'operator', 'kg': 'an0ther-key'}, 'Kg'),
        ],
    )
    def test_without(
        self, protected: Bmc, make: Any, changes: dict[str, str], words: str
    ) -> None:
        made = make(protected.options(**changes))

        with pytest.raises(exceptions.DeviceError, match=words) as raised:
            made.read(checks.TIMEOUT)

        assert not isinstance(raised.value, exceptions.DeviceUnreachable)
        assert 'an0ther-key' not in leftovers.whole_story(raised.value)


@pytest.mark.parametrize(
    ('changes', 'words'),
    [
        ({'password': 's3cret' * 4}, 'password is longer than the 20 bytes'),
        ({'username': 'a' * 17}, 'username is longer than the 16 bytes'),
        ({'kg': '0xs3cret'}, 'no hexadecimal digits'),
        ({'kg': '0x' + 'ab' * 21}, 'kg is longer than the 20 bytes'),
    ],
)
def test_options_that_cannot_be_right(
    bmc: Bmc, make: Any, changes: dict[str, str], words: str
) -> None:
    with pytest.raises(exceptions.DeviceError, match=words) as raised:
        make(bmc.options(**changes))

    assert 's3cret' not in leftovers.whole_story(raised.value)


def test_the_current_folder_is_not_imported_from(
    bmc: Bmc,
    make: Any,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: pathlib.Path,
) -> None:
    for name in ('json', 'pyghmi', 'osc_instanceha'):
        (tmp_path / f'{name}.py').write_text('raise SystemExit("hostile")')
    monkeypatch.chdir(tmp_path)

    reading = make(bmc.options()).read(checks.TIMEOUT)

    assert reading.state is fencing.PowerState.ON


def test_passwords_of_the_environment_stay_here(
    bmc: Bmc, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('OS_PASSWORD', 'an0ther-s3cret')
    made = make(bmc.options())
    made.read(checks.TIMEOUT)

    (child,) = children()
    assert 'OS_PASSWORD' not in child.environ()


def test_no_child_outlives_a_parent_that_was_killed(bmc: Bmc) -> None:
    script = f'''\
from osc_instanceha.fencing import driver, ipmi, loading
options = loading.with_defaults(ipmi.Ipmi, {bmc.options()})
made = ipmi.Ipmi(driver.Target('host1'), options)
made.read({checks.TIMEOUT})
print('ready', flush=True)
input()
'''
    with subprocess.Popen(
        [sys.executable, '-c', script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as parent:
        assert parent.stdout.readline() == 'ready\n'
        (child,) = psutil.Process(parent.pid).children()
        os.kill(parent.pid, signal.SIGKILL)

    deadline = time.monotonic() + 5
    while child.is_running() and child.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_child_that_cannot_start_says_why(
    bmc: Bmc,
    make: Any,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: pathlib.Path,
) -> None:
    (tmp_path / 'pyghmi').mkdir()
    (tmp_path / 'pyghmi/__init__.py').write_text('raise SystemExit("broken")')
    monkeypatch.setenv('PYTHONPATH', str(tmp_path))

    with pytest.raises(exceptions.DeviceError, match='broken') as raised:
        make(bmc.options()).read(checks.TIMEOUT)

    assert not isinstance(raised.value, exceptions.DeviceUnreachable)
