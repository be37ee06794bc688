"""The driver pacemaker, on a real cluster with a real power device."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence
import pathlib
from typing import Any
import urllib.parse

import pytest

from osc_instanceha import exceptions
from osc_instanceha.fencing import driver as fencing
from osc_instanceha.fencing import loading
from osc_instanceha.fencing import pacemaker as driver
from tests.cluster import cib
from tests.cluster import cluster as cluster_
from tests.cluster import programs
from tests.devices import certificates
from tests.devices import process
from tests.devices import redfish
from tests.fencing import checks
from tests.fencing import counterparts
from tests.fencing import test_pacemaker

PASSWORD = 'cluster-s3cret'
HOSTS = ('host1', 'host2')

#: Seconds that a slow machine takes: longer than the driver waits for
#: stonith_admin.
SLOW = 9.0

#: Seconds after which Pacemaker ends a device that waits for a stuck machine.
GIVES_UP = 12


#: What the BMC shows. fence_redfish does not look at the answer to a power
#: request, so that a BMC which only refuses that looks stuck.
MODES = {'refuse': 'forbidden', 'error': 'unavailable', 'silent': 'ok'}


class Bench:
    """A cluster, and the machines that its devices switch."""

    def __init__(
        self,
        cluster: cluster_.Cluster,
        machines: process.Simulator,
        program: pathlib.Path,
    ) -> None:
        self.cluster = cluster
        self.machines = machines
        self.program = program
        self._fencer = cluster.run('pgrep', '-x', 'pacemaker-fence').strip()

    def silence(self, silent: bool) -> None:
        """Let the cluster's fencer hang, or go on."""
        self.cluster.run('kill', '-STOP' if silent else '-CONT', self._fencer)

    def reset(self) -> None:
        self.silence(False)
        for name in HOSTS:
            # What is under way ends when the machine obeys.
            self.machines.machine(name).behave('ok')
            cluster_.wait_for(
                lambda name=name: all(
                    event['status'] != 'pending'
                    for event in self.cluster.history(name)
                ),
                'the cluster is idle',
            )
            self.cluster.run('stonith_admin', '--history', name, '--cleanup')
            self.machines.machine(name).reset()


class Member(test_pacemaker.Member):
    """A host whose power is below the cluster's device."""

    def __init__(self, bench: Bench, name: str) -> None:
        self.bench = bench
        self.name = name
        self.machine = bench.machines.machine(name)

    def options(self, **changes: Any) -> counterparts.Options:
        return {'stonith_admin': str(self.bench.program), **changes}

    def secrets(self) -> Sequence[str]:
        return (PASSWORD,)

    def power(self) -> str:
        return self.machine.power()

    def set_power(self, state: str) -> None:
        self.machine.set_power(state)

    def behave(self, mode: str) -> None:
        self.bench.silence(mode == 'silent')
        self.machine.set_delay(SLOW)
        self.machine.behave(MODES.get(mode, mode))

    def requests(self) -> list[str]:
        return self.machine.requests()

    def other(self) -> Member:
        return Member(self.bench, 'host2')


@pytest.fixture(scope='module')
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    reason = programs.missing()
    if reason:
        pytest.skip(f'Pacemaker: {reason}')
    folder = tmp_path_factory.mktemp('cluster')
    made = certificates.make(folder)
    # With TLS: fence_redfish speaks nothing else.
    with redfish.simulator(
        *HOSTS, password=PASSWORD, tls=made.server
    ) as machines:
        url = urllib.parse.urlsplit(machines.told['address'])
        configuration = cib.Configuration()
        for name in HOSTS:
            configuration.device(
                f'power-{name}',
                'fence_redfish',
                ip=url.hostname,
                ipport=url.port,
                ssl_insecure=1,
                username='admin',
                password=PASSWORD,
                systems_uri=redfish.path(name),
                pcmk_host_list=name,
                pcmk_off_timeout=GIVES_UP,
            )
        with cluster_.Cluster(
            folder, configuration, remote=False, ports=[url.port or 0]
        ) as cluster:
            program = cluster.program('stonith_admin', folder)
            yield Bench(cluster, machines, program)


@pytest.fixture
def member(bench: Bench) -> Iterator[Member]:
    bench.reset()
    yield Member(bench, 'host1')
    bench.silence(False)


def make(member: Member) -> driver.Pacemaker:
    return driver.Pacemaker(
        member.target(),
        loading.with_defaults(driver.Pacemaker, member.options()),
    )


class TestPacemaker(test_pacemaker.TestPacemaker):
    """All that the stand-in was tested with."""

    @pytest.fixture
    def counterpart(self, member: Member) -> Member:
        return member

    def test_two_at_once_do_not_disturb_each_other(
        self, counterpart: counterparts.Counterpart, make: checks.Make
    ) -> None:
        other = counterpart.other()
        assert other is not None
        # The agent asks nothing of a machine that is on already.
        other.set_power('off')
        super().test_two_at_once_do_not_disturb_each_other(counterpart, make)


def test_the_history_is_the_proof(member: Member) -> None:
    one = make(member)

    one.switch(test_pacemaker.OFF, checks.TIMEOUT)

    reading = one.read(checks.TIMEOUT)
    assert (reading.state, reading.fresh) == (test_pacemaker.OFF, True)
    assert 'off success by ctl1 at 2' in reading.detail
    assert not reading.vouched


def test_an_earlier_fencing_proves_nothing(member: Member) -> None:
    member.bench.cluster.run('stonith_admin', '--fence', 'host1')
    one = make(member)

    reading = one.read(checks.TIMEOUT)

    assert reading.state is test_pacemaker.UNKNOWN
    assert 'off success' in reading.detail


def test_a_confirmation_by_hand_is_somebodys_word(member: Member) -> None:
    member.behave('refuse')
    one = make(member)
    with pytest.raises(exceptions.DeviceError):
        one.switch(test_pacemaker.OFF, checks.TIMEOUT)

    member.bench.cluster.run('stonith_admin', '--confirm', 'host1')

    reading = one.read(checks.TIMEOUT)
    assert (reading.state, reading.vouched) == (test_pacemaker.OFF, True)
    assert 'confirmed by a human' in reading.detail
    assert member.power() == 'on'


def test_a_confirmation_before_it_proves_nothing(member: Member) -> None:
    member.bench.cluster.run('stonith_admin', '--confirm', 'host1')

    reading = make(member).read(checks.TIMEOUT)

    assert reading.state is fencing.PowerState.UNKNOWN


@pytest.fixture(autouse=True)
def nothing_left() -> None:
    """Not of test_pacemaker: a cluster has processes of its own."""
