"""The driver redfish, on sushy-tools' emulator."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from collections.abc import Sequence
import gc
import logging
import pathlib
import time
from typing import Any

import pytest
import requests

from osc_instanceha import exceptions
from osc_instanceha.fencing import driver as fencing
from osc_instanceha.fencing import redfish as driver
from tests.devices import certificates
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
UNKNOWN = fencing.PowerState.UNKNOWN


class Bmc(simulated.Simulated):
    """One system of the emulator."""

    driver = 'redfish'

    def __init__(
        self, simulator: process.Simulator, name: str, **options: Any
    ) -> None:
        super().__init__(simulator.machine(name), name)
        self.simulator = simulator
        self._options = options

    def options(self, **changes: Any) -> counterparts.Options:
        return {
            'address': self.simulator.told['address'],
            'system': redfish.path(self.name),
            'username': USERNAME,
            'password': PASSWORD,
            **self._options,
            **changes,
        }

    def secrets(self) -> Sequence[str]:
        return [PASSWORD] + [
            base64.b64encode(f'{USERNAME}:{password}'.encode()).decode()
            for password in (PASSWORD, counterparts.WRONG_SECRET)
        ]

    def wrong_secret(self) -> counterparts.Options:
        return self.options(password=counterparts.WRONG_SECRET)

    def wrong_target(self) -> counterparts.Options:
        return self.options(system=redfish.PATH + counterparts.WRONG_TARGET)

    def unreachable(self) -> counterparts.Options:
        return self.options(address='http://127.0.0.1:9')

    def other(self) -> Bmc:
        return Bmc(self.simulator, NAMES[1], **self._options)


@pytest.fixture(scope='module')
def simulator() -> Iterator[process.Simulator]:
    with redfish.simulator(*NAMES, password=PASSWORD) as running:
        yield running


@pytest.fixture(scope='module')
def certified(
    tmp_path_factory: pytest.TempPathFactory,
) -> certificates.Certificates:
    return certificates.make(tmp_path_factory.mktemp('certificates'))


@pytest.fixture(scope='module')
def encrypted(
    certified: certificates.Certificates, simulator: process.Simulator
) -> Iterator[process.Simulator]:
    """One with TLS, which can also redirect to the one without."""
    with redfish.simulator(
        *NAMES,
        password=PASSWORD,
        tls=certified.server,
        elsewhere=simulator.told['address'],
    ) as running:
        yield running


def as_new(running: process.Simulator) -> process.Simulator:
    for name in NAMES:
        running.machine(name).reset()
    running.device().end_sessions()
    return running


@pytest.fixture
def bmc(simulator: process.Simulator) -> Bmc:
    return Bmc(as_new(simulator), NAMES[0])


@pytest.fixture
def tls(
    encrypted: process.Simulator, certified: certificates.Certificates
) -> Bmc:
    return Bmc(as_new(encrypted), NAMES[0], verify=str(certified.ca))


class TestBasic(contract.Contract):
    """Basic authentication, without TLS."""

    @pytest.fixture
    def counterpart(self, bmc: Bmc) -> Bmc:
        return bmc


class TestSession(contract.Contract):
    """Session authentication, with TLS."""

    @pytest.fixture
    def counterpart(
        self, encrypted: process.Simulator, tls: Bmc
    ) -> Iterator[Bmc]:
        yield Bmc(encrypted, NAMES[0], auth='session', **tls._options)
        # However the test ended, all have logged out; but for those whose
        # device fell silent meanwhile.
        if tls.machine.mode() != 'silent':
            assert encrypted.device().sessions() == 0

    def test_a_session_that_was_ended_is_opened_again(
        self, counterpart: Bmc, make: checks.Make
    ) -> None:
        made = make()
        made.read(checks.TIMEOUT)
        counterpart.simulator.device().end_sessions()

        assert made.read(checks.TIMEOUT).state is ON

    def test_failures_take_no_more_sessions(
        self, counterpart: Bmc, make: checks.Make
    ) -> None:
        made = make(counterpart.wrong_target())
        for _ in range(3):
            with pytest.raises(exceptions.DeviceError):
                made.read(checks.TIMEOUT)

        device = counterpart.simulator.device()
        assert device.sessions() == 1
        assert device.opened() == 1

    def test_who_cannot_log_out_gives_up_for_good(
        self, counterpart: Bmc, make: checks.Make
    ) -> None:
        made = make()
        made.read(checks.TIMEOUT)
        device = counterpart.simulator.device()
        before = len(device.seen())
        counterpart.behave('silent')
        start = time.monotonic()

        made.close()
        # sushy would try it again here, and take another time-out for it.
        gc.collect()

        assert time.monotonic() - start < checks.SHORT + checks.GRACE
        (asked,) = device.seen()[before:]
        assert asked.startswith('DELETE ')

    def test_the_token_is_a_secret(self, make: checks.Make) -> None:
        made = make()
        before = made.secrets()
        made.read(checks.TIMEOUT)

        (token,) = made.secrets() - before
        assert len(token) == 32


@pytest.fixture
def make(bmc: Bmc) -> Iterator[checks.Make]:
    made = []

    def make_one(options: Any = None, machine: Bmc = bmc) -> driver.Redfish:
        defaults = {
            option.name: option.default for option in driver.Redfish.options
        }
        made.append(
            driver.Redfish(
                machine.target(),
                {**defaults, **(options or machine.options())},
            )
        )
        return made[-1]

    yield make_one
    for one in made:
        one.close()


def test_every_reading_costs_one_request(bmc: Bmc, make: checks.Make) -> None:
    made = make()
    made.read(checks.TIMEOUT)
    before = len(bmc.simulator.device().seen())

    for _ in range(3):
        made.read(checks.TIMEOUT)

    assert (
        bmc.simulator.device().seen()[before:]
        == [f'GET {redfish.path(bmc.name)}'] * 3
    )


@pytest.mark.parametrize(
    ('asked', 'word'), [('off', 'PoweringOff'), ('on', 'PoweringOn')]
)
def test_on_the_way_is_unknown(
    bmc: Bmc, make: checks.Make, asked: str, word: str
) -> None:
    bmc.set_power('on' if asked == 'off' else 'off')
    bmc.behave('switching')
    made = make()

    made.switch(fencing.PowerState(asked), checks.TIMEOUT)

    reading = made.read(checks.TIMEOUT)
    assert (reading.state, reading.detail) == (UNKNOWN, f'PowerState {word}')
    checks.seen(made, fencing.PowerState(asked))


def test_no_word_is_unknown(bmc: Bmc, make: checks.Make) -> None:
    bmc.behave('wordless')

    reading = make().read(checks.TIMEOUT)

    assert (reading.state, reading.detail) == (UNKNOWN, 'PowerState None')


@pytest.mark.parametrize('mode', ['garbage', 'strange', 'unavailable'])
def test_what_is_no_answer_may_be_one_next_time(
    bmc: Bmc, make: checks.Make, mode: str
) -> None:
    made = make()
    bmc.behave(mode)
    with pytest.raises(exceptions.DeviceUnreachable) as raised:
        made.read(checks.TIMEOUT)
    checks.one_line_without_secrets(raised.value, bmc)

    bmc.behave('ok')

    assert made.read(checks.TIMEOUT).state is ON


def test_a_user_that_may_not_is_told_so(bmc: Bmc, make: checks.Make) -> None:
    bmc.behave('forbidden')

    with pytest.raises(exceptions.DeviceError, match='may not') as raised:
        make().read(checks.TIMEOUT)

    assert not isinstance(raised.value, exceptions.DeviceUnreachable)


def test_a_body_that_never_ends_is_given_up(
    bmc: Bmc, make: checks.Make
) -> None:
    bmc.behave('drip')
    before = leftovers.Snapshot.take()

    checks.gives_up(make(), 'read', bmc)

    assert before.left_over() == []


@pytest.mark.parametrize(
    ('start', 'drop'),
    [
        pytest.param(b'', b'H', id='status'),
        pytest.param(b'HTTP/1.1 200 OK\r\n', b'a: b\r\n', id='headers'),
        pytest.param(b'', b'\0', id='nonsense'),
    ],
)
@pytest.mark.parametrize('scheme', ['http', 'https'])
def test_a_head_that_never_ends_is_given_up(
    bmc: Bmc, make: checks.Make, start: bytes, drop: bytes, scheme: str
) -> None:
    with silence.dripping(start, drop) as port:
        before = leftovers.Snapshot.take()
        made = make(bmc.options(address=f'{scheme}://127.0.0.1:{port}'))

        checks.gives_up(made, 'read', bmc)

        assert before.left_over() == []


@pytest.mark.parametrize('device', [silence.tcp, silence.hole])
@pytest.mark.parametrize('scheme', ['http', 'https'])
def test_a_port_that_never_answers_is_given_up(
    bmc: Bmc, make: checks.Make, scheme: str, device: Any
) -> None:
    with device() as port:
        made = make(bmc.options(address=f'{scheme}://127.0.0.1:{port}'))

        checks.gives_up(made, 'read', bmc)


class TestCertificate:
    """Who the device is."""

    def refused(self, make: checks.Make, tls: Bmc, **options: Any) -> str:
        with pytest.raises(exceptions.DeviceError) as raised:
            make(tls.options(**options), tls).read(checks.TIMEOUT)
        assert not isinstance(raised.value, exceptions.DeviceUnreachable)
        return str(raised.value)

    def test_of_a_known_ca(self, tls: Bmc, make: checks.Make) -> None:
        assert make(machine=tls).read(checks.TIMEOUT).state is ON

    def test_of_an_unknown_ca(self, tls: Bmc, make: checks.Make) -> None:
        assert 'verify' in self.refused(make, tls, verify=True)

    def test_not_looked_at(self, tls: Bmc, make: checks.Make) -> None:
        made = make(tls.options(verify=False), tls)

        assert made.read(checks.TIMEOUT).state is ON

    def test_of_another_machine(self, tls: Bmc, make: checks.Make) -> None:
        address = tls.options()['address'].replace('127.0.0.1', 'localhost')

        told = self.refused(make, tls, address=address)

        assert 'localhost' in told

    @pytest.mark.parametrize('verify', [True, False, 'the path'])
    def test_the_environment_decides_only_where_the_file_does_not(
        self,
        tls: Bmc,
        make: checks.Make,
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: pathlib.Path,
        verify: bool | str,
    ) -> None:
        ca = tls.options()['verify']
        others = certificates.make(tmp_path)
        monkeypatch.setenv(
            'REQUESTS_CA_BUNDLE', ca if verify is True else str(others.ca)
        )
        options = tls.options(verify=ca if verify == 'the path' else verify)

        assert make(options, tls).read(checks.TIMEOUT).state is ON

    def test_a_file_that_is_not_there(
        self, tls: Bmc, make: checks.Make
    ) -> None:
        assert '/no/ca' in self.refused(make, tls, verify='/no/ca')


class TestElsewhere:
    """The password goes nowhere but to the address."""

    @pytest.mark.parametrize('auth', ['basic', 'session'])
    def test_not_where_it_is_redirected_to(
        self, tls: Bmc, bmc: Bmc, make: checks.Make, auth: str
    ) -> None:
        tls.behave('elsewhere')
        there = bmc.options()['address']
        before = bmc.simulator.device().seen()

        with pytest.raises(exceptions.DeviceError, match=there) as raised:
            make(tls.options(auth=auth), tls).read(checks.TIMEOUT)

        assert not isinstance(raised.value, exceptions.DeviceUnreachable)
        assert bmc.simulator.device().seen() == before

    def test_not_to_a_proxy(
        self, bmc: Bmc, make: checks.Make, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with silence.tcp() as port:
            for name in ('http_proxy', 'https_proxy', 'all_proxy'):
                monkeypatch.setenv(name, f'http://127.0.0.1:{port}')
            monkeypatch.delenv('no_proxy', raising=False)
            monkeypatch.delenv('NO_PROXY', raising=False)
            # It would be used otherwise.
            assert requests.utils.get_environ_proxies(bmc.options()['address'])

            assert make().read(checks.TIMEOUT).state is ON


@pytest.mark.parametrize(
    ('changes', 'cure'),
    [
        ({'address': '192.0.2.10'}, 'https://'),
        ({'address': 'ftp://192.0.2.10'}, 'https://'),
        ({'address': 'https://'}, 'https://'),
        ({'address': 'https://me:s3cret@192.0.2.10'}, 'options of their own'),
        ({'system': '1'}, '/redfish/v1/Systems/1'),
    ],
)
def test_options_that_cannot_be_right(
    bmc: Bmc, make: checks.Make, changes: dict[str, Any], cure: str
) -> None:
    with pytest.raises(exceptions.DeviceError, match=cure) as raised:
        make(bmc.options(**changes))
    assert 's3cret' not in str(raised.value)


def test_a_password_beyond_ascii(make: checks.Make) -> None:
    password = 'Grüße-漢字'
    with redfish.simulator('host1', password=password) as running:
        bmc = Bmc(running, 'host1', password=password)

        assert make(machine=bmc).read(checks.TIMEOUT).state is ON


@pytest.mark.parametrize('auth', ['basic', 'session'])
def test_it_is_quiet(
    tls: Bmc, make: checks.Make, caplog: pytest.LogCaptureFixture, auth: str
) -> None:
    """What is raised is not told a second time by a warning."""
    for changes in (
        {'password': counterparts.WRONG_SECRET},
        {'verify': True},
        {'address': 'https://127.0.0.1:9'},
    ):
        with pytest.raises(exceptions.DeviceError):
            make(tls.options(auth=auth, **changes), tls).read(checks.TIMEOUT)

    assert [
        record.getMessage()
        for record in caplog.records
        if record.levelno >= logging.WARNING
    ] == []
