"""A real Pacemaker cluster that watches host1 of the embedded cloud.

The remote node cmp1 is the cluster's name for host1. Its power is below the
Redfish BMC of the rack: what Pacemaker switches off there dies in Nova.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
import contextlib
import pathlib
import sys
import urllib.parse

import pytest

from tests.cloud import client
from tests.cluster import cib
from tests.cluster import cluster as cluster_
from tests.cluster import programs
from tests.devices import certificates
from tests.devices import redfish
from tests.functional import rack as rack_

BIN = pathlib.Path(sys.executable).parent
AGENT = programs.ROOT / 'share' / 'ocf' / 'evacuate'

TAG = 'automatic-recovery'

#: Of the summary at the end.
TIMES: list[str] = []

Make = Callable[..., cluster_.Cluster]


@pytest.fixture(autouse=True, scope='session')
def possible() -> None:
    reason = programs.missing()
    if reason:
        pytest.skip(f'Pacemaker: {reason}')


@pytest.fixture(scope='session')
def certified(
    tmp_path_factory: pytest.TempPathFactory,
) -> certificates.Certificates:
    return certificates.make(tmp_path_factory.mktemp('certificates'))


@pytest.fixture(scope='session')
def _rack(
    embedded: client.Cloud, certified: certificates.Certificates
) -> Iterator[rack_.Rack]:
    """With TLS: fence_redfish speaks nothing else."""
    with rack_.running(embedded, tls=certified.server) as running:
        yield running


class Plan:
    """What the cluster is configured with."""

    def __init__(
        self,
        cloud: client.Cloud,
        rack: rack_.Rack,
        ca: pathlib.Path,
        folder: pathlib.Path,
    ) -> None:
        self.cloud = cloud
        self.rack = rack
        self.config = rack.write(
            folder,
            '\n'.join(
                f'{name}: {rack.device(name, verify=ca)}'
                for name in cloud.hosts
            ),
            # Where a cloud has several controllers, the lock is a service of
            # theirs; here they share their files.
            lock=f'file://{folder}/locks',
            evacuate=f'{{selection: {{tags: [{TAG}]}}, report_interval: 1}}',
        )
        self.files = {
            'cloud': 'embedded',
            'clouds_file': cloud.clouds,
            'config': self.config,
        }
        self.cib = cib.Configuration()

    def power(
        self, name: str, machine: str, node: str, **more: object
    ) -> None:
        """The device that cuts the power of a machine."""
        url = urllib.parse.urlsplit(self.rack.address)
        self.cib.device(
            name,
            'fence_redfish',
            ip=url.hostname,
            ipport=url.port,
            ssl_insecure=1,
            username='admin',
            # The cluster's own secret, where Pacemaker keeps it.
            password=rack_.PASSWORD,
            systems_uri=redfish.path(machine),
            pcmk_host_list=node,
            **more,
        )

    def nova(self, name: str, **more: object) -> None:
        self.cib.device(
            name,
            'fence_instanceha',
            pcmk_host_map='cmp1:host1',
            **self.files,
            **more,
        )

    def recovery(self) -> None:
        self.cib.resource(
            'recovery',
            'ocf:osc-instanceha:evacuate',
            {
                **self.files,
                'interval': '1',
                'binary': str(BIN / 'osc-instanceha-recovery'),
            },
            monitor='5s',
            timeout='20s',
        )
        self.cib.location('recovery', 'cmp1', '-INFINITY')

    @property
    def ports(self) -> list[int]:
        urls = [*self.cloud.urls.values(), self.rack.address]
        found = {urllib.parse.urlsplit(url).port for url in urls}
        return sorted(port for port in found if port)


@pytest.fixture
def plan(
    cloud: client.Cloud,
    rack: rack_.Rack,
    certified: certificates.Certificates,
    tmp_path: pathlib.Path,
) -> Plan:
    return Plan(cloud, rack, certified.ca, tmp_path)


@pytest.fixture
def start(plan: Plan, tmp_path: pathlib.Path) -> Iterator[Make]:
    """Starts the cluster as it is planned."""
    with contextlib.ExitStack() as stack:

        def make(controllers: int = 1) -> cluster_.Cluster:
            made = cluster_.Cluster(
                tmp_path / 'cluster',
                plan.cib,
                controllers=controllers,
                ports=plan.ports,
                sbin={'fence_instanceha': BIN / 'fence_instanceha'},
                ocf={'osc-instanceha/evacuate': AGENT},
            )
            stack.enter_context(made)
            stack.callback(tell, made)
            return made

        yield make


@pytest.fixture
def cluster(plan: Plan, start: Make) -> cluster_.Cluster:
    """One controller; first the power of host1, then Nova."""
    plan.power('power', 'host1', 'cmp1')
    plan.nova('nova')
    plan.cib.level('cmp1', 1, 'power', 'nova')
    plan.recovery()
    return start()


def tell(cluster: cluster_.Cluster) -> None:
    """What happened there, for whoever reads of a failed test."""
    for name, machine in cluster.machines.items():
        if not machine.alive:
            continue
        for path in (
            '/var/log/osc-instanceha-recovery.log',
            '/var/log/pacemaker/pacemaker.log',
        ):
            with contextlib.suppress(OSError):
                lines = cluster.log(name, path).splitlines()
                if path.endswith('pacemaker.log'):
                    lines = [
                        line
                        for line in lines
                        if 'fence' in line or 'recovery' in line
                    ]
                print(f'\n--- {name}:{path}')
                print('\n'.join(lines[-60:]))


def pytest_terminal_summary(terminalreporter: object) -> None:
    if TIMES:
        terminalreporter.section('from the kill to the last server')
        for line in TIMES:
            terminalreporter.write_line(line)
