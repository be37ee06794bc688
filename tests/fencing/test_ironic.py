"""The driver ironic, on a real Ironic."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from collections.abc import Sequence
import itertools
import os
import pathlib
from typing import Any

from keystoneauth1 import http_basic
from keystoneauth1 import session as ksa_session
import pytest
import yaml

from osc_instanceha import exceptions
from osc_instanceha.fencing import driver as fencing
from osc_instanceha.fencing import ironic as driver
from osc_instanceha.fencing import loading
from tests.devices import ironic as ironic_
from tests.devices import process
from tests.devices import redfish
from tests.fencing import checks
from tests.fencing import contract
from tests.fencing import counterparts
from tests.fencing import simulated

PASSWORD = 'c0rrect-h0rse'
BMC_PASSWORD = 'b4ttery-st4ple'
OFF = fencing.PowerState.OFF
ON = fencing.PowerState.ON
UNKNOWN = fencing.PowerState.UNKNOWN

#: A node for each test: what one has left behind is none of the next one's.
NAMES = [f'host{number}' for number in range(1, 100)]


class Node(simulated.Simulated):
    """A machine with a BMC that Ironic manages."""

    driver = 'ironic'
    # Ironic says no later than in its answer: see the tests below.
    modes = frozenset({'ok', 'slow', 'stuck', 'silent'})
    reads_fresh = False

    def __init__(
        self,
        ironic: ironic_.Ironic,
        bmc: process.Simulator,
        names: Iterator[str],
    ) -> None:
        name = next(names)
        super().__init__(bmc.machine(name), name)
        self.ironic = ironic
        self._bmc = bmc
        self._names = names
        ironic.add(
            name,
            'redfish',
            redfish_address=bmc.told['address'],
            redfish_system_id=redfish.path(name),
            redfish_username='admin',
            redfish_password=BMC_PASSWORD,
            redfish_auth_type='basic',
        )

    def target(self) -> fencing.Target:
        return fencing.Target(self.name, session(self.ironic))

    def options(self, **changes: Any) -> counterparts.Options:
        return {'node': self.name, **changes}

    def secrets(self) -> Sequence[str]:
        return [BMC_PASSWORD, PASSWORD] + [
            base64.b64encode(f'{ironic_.USERNAME}:{word}'.encode()).decode()
            for word in (PASSWORD, counterparts.WRONG_SECRET)
        ]

    def set_power(self, state: str) -> None:
        self.machine.set_power(state)
        self.ironic.set_power(self.name, state)

    def behave(self, mode: str) -> None:
        if mode == 'silent':
            self.ironic.fall_silent()
        else:
            self.ironic.answer()
            super().behave(mode)

    def wrong_secret(self) -> counterparts.Options:
        return self.options(cloud='wrong')

    def wrong_target(self) -> counterparts.Options:
        return self.options(node=counterparts.WRONG_TARGET)

    def unreachable(self) -> counterparts.Options:
        return self.options(cloud='nowhere')

    def other(self) -> Node:
        return Node(self.ironic, self._bmc, self._names)


def session(ironic: ironic_.Ironic) -> ksa_session.Session:
    return ksa_session.Session(
        http_basic.HTTPBasicAuth(
            endpoint=ironic.address,
            username=ironic_.USERNAME,
            password=PASSWORD,
        )
    )


@pytest.fixture(scope='module')
def bmc() -> Iterator[process.Simulator]:
    with redfish.simulator(*NAMES, password=BMC_PASSWORD) as running:
        yield running


@pytest.fixture(scope='module')
def ironic(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[ironic_.Ironic]:
    cache = os.environ.get('IRONIC_VENV') or process.ROOT / '.tox' / 'ironic'
    programs = ironic_.installed(pathlib.Path(cache))
    folder = tmp_path_factory.mktemp('ironic')
    with ironic_.Ironic(programs, folder, PASSWORD) as running:
        yield running


@pytest.fixture(scope='module')
def names() -> Iterator[str]:
    return iter(NAMES)


@pytest.fixture(autouse=True)
def clouds(
    ironic: ironic_.Ironic,
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A clouds.yaml: the right Ironic, a wrong password, a wrong address."""

    def cloud(address: str, password: str) -> dict[str, Any]:
        return {
            'auth_type': 'http_basic',
            'auth': {
                'endpoint': address,
                'username': ironic_.USERNAME,
                'password': password,
            },
        }

    path = tmp_path / 'clouds.yaml'
    path.write_text(
        yaml.safe_dump(
            {
                'clouds': {
                    'undercloud': cloud(ironic.address, PASSWORD),
                    'wrong': cloud(ironic.address, counterparts.WRONG_SECRET),
                    'nowhere': cloud('http://127.0.0.1:9', PASSWORD),
                }
            }
        )
    )
    monkeypatch.setenv('OS_CLIENT_CONFIG_FILE', str(path))


@pytest.fixture
def node(
    ironic: ironic_.Ironic, bmc: process.Simulator, names: Iterator[str]
) -> Iterator[Node]:
    yield Node(ironic, bmc, names)
    ironic.answer()


@pytest.fixture
def made(node: Node) -> Iterator[driver.Ironic]:
    one = make(node)
    yield one
    one.close()


def make(counterpart: Node, **options: Any) -> driver.Ironic:
    return driver.Ironic(
        counterpart.target(),
        loading.with_defaults(driver.Ironic, counterpart.options(**options)),
    )


class TestIronic(contract.Contract):
    """The hardware type redfish."""

    @pytest.fixture
    def counterpart(self, node: Node) -> Node:
        return node


def test_what_ironic_remembers_proves_nothing(
    node: Node, made: driver.Ironic
) -> None:
    node.set_power('off')
    # Somebody pushes the button, and Ironic has not looked since.
    node.machine.set_power('on')

    reading = made.read(checks.TIMEOUT)

    assert (reading.state, reading.fresh) == (OFF, False)


def test_a_request_looks_at_the_machine_first(
    node: Node, made: driver.Ironic
) -> None:
    node.set_power('off')
    node.machine.set_power('on')

    made.switch(OFF, checks.TIMEOUT)

    assert checks.seen(made, OFF).fresh
    assert node.requests() == ['off']


@pytest.mark.parametrize('mode', ['refuse', 'error'])
def test_what_goes_wrong_later_is_told_in_ironics_words(
    node: Node, made: driver.Ironic, mode: str
) -> None:
    node.behave(mode)
    made.switch(OFF, checks.TIMEOUT)

    with pytest.raises(exceptions.DeviceError, match='power off') as raised:
        checks.seen(made, OFF)

    checks.one_line_without_secrets(raised.value, node)
    assert node.power() == 'on'


def test_what_is_stuck_is_given_up_by_ironic(
    node: Node, made: driver.Ironic
) -> None:
    node.behave('stuck')
    made.switch(OFF, checks.TIMEOUT)
    reading = made.read(checks.TIMEOUT)
    assert (reading.state, reading.fresh) == (UNKNOWN, True)
    assert 'on its way to power off' in reading.detail

    with pytest.raises(exceptions.DeviceError, match='power off'):
        checks.seen(made, OFF)


def test_a_busy_node_may_be_asked_again(
    node: Node, made: driver.Ironic
) -> None:
    late = make(node)
    late.switch(ON, checks.TIMEOUT)
    assert checks.seen(late, ON).fresh
    node.machine.set_delay(5.0)
    node.behave('slow')
    made.switch(OFF, checks.TIMEOUT)
    # Ironic itself tries for three seconds.
    with pytest.raises(exceptions.DeviceUnreachable, match='busy'):
        late.switch(OFF, checks.TIMEOUT)

    # What it asked for before no longer counts.
    assert not late.read(checks.TIMEOUT).fresh
    late.close()
    checks.seen(made, OFF)
    assert node.requests() == ['off']


def test_maintenance_is_told(node: Node, made: driver.Ironic) -> None:
    node.ironic.set_maintenance(node.name, 'new disks')

    assert 'maintenance: new disks' in made.read(checks.TIMEOUT).detail

    made.switch(OFF, checks.TIMEOUT)
    assert checks.seen(made, OFF).fresh


def test_an_ironic_of_another_cloud(node: Node) -> None:
    one = driver.Ironic(
        fencing.Target(node.name),
        node.options(cloud='undercloud'),
    )

    assert one.read(checks.TIMEOUT).state is ON
    one.close()


@pytest.mark.parametrize(
    ('cloud', 'words'), [(None, 'cloud'), ('unheard-of', 'unheard-of')]
)
def test_no_cloud_to_ask(cloud: str | None, words: str) -> None:
    with pytest.raises(exceptions.DeviceError, match=words):
        driver.Ironic(
            fencing.Target('host1'), {'node': 'host1', 'cloud': cloud}
        )


def test_a_name_is_no_path(node: Node) -> None:
    one = make(node, node=f'{node.name}/../{node.name}')

    with pytest.raises(exceptions.DeviceError, match='Expected UUID or name'):
        one.read(checks.TIMEOUT)
    one.close()


class TestFakeHardware:
    """Hardware that Ironic only pretends."""

    @pytest.fixture
    def fake(
        self, ironic: ironic_.Ironic, counter: Iterator[int]
    ) -> Iterator[driver.Ironic]:
        name = f'fake{next(counter)}'
        ironic.add(name, 'fake-hardware')
        one = driver.Ironic(
            fencing.Target(name, session(ironic)),
            {'node': name, 'cloud': None},
        )
        yield one
        one.close()

    @pytest.fixture(scope='class')
    def counter(self) -> Iterator[int]:
        return itertools.count(1)

    def test_off_and_on(self, fake: driver.Ironic) -> None:
        for state in (OFF, ON):
            fake.switch(state, checks.TIMEOUT)

            assert checks.seen(fake, state).fresh

    def test_a_power_state_that_was_never_read_is_unknown(
        self, fake: driver.Ironic
    ) -> None:
        # Fake hardware says so until it is switched.
        reading = fake.read(checks.TIMEOUT)

        assert (reading.state, reading.fresh) == (UNKNOWN, False)
