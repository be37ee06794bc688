"""Running ``openstack host fence`` on a real Nova, and its times."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import json
import pathlib
import time
from typing import Any

from benchmarks import kinds
from tests.cloud import client
from tests.functional import command


class Broken(Exception):
    """Something did not do what was to be timed."""


@dataclasses.dataclass(frozen=True)
class Fenced:
    """One command that has ended.

    :ivar command: seconds from its start to its end
    :ivar device: seconds from the first word to the device until the host
        was seen off twice, all that has to be loaded for it included; of the
        slowest host
    """

    code: int
    rows: Sequence[Mapping[str, Any]]
    command: float
    device: float


class Bench:
    """A cloud whose hosts are all silent, and the command.

    :param folder: for the configuration
    """

    def __init__(self, cloud: client.Cloud, folder: pathlib.Path) -> None:
        self.hosts: Sequence[str] = cloud.hosts
        self._cloud = cloud
        self._folder = folder
        self._openstack = command.Openstack(cloud)
        for host in self.hosts:
            cloud.crash(host)

    def fence(
        self, kind: kinds.Kind, ports: Mapping[str, int], hosts: Iterable[str]
    ) -> Fenced:
        """Fence these hosts, which are as if nobody had done so before.

        :param ports: where their devices listen
        """
        hosts = list(hosts)
        for host in hosts:
            self._cloud.set_service_row(
                host, forced_down=False, disabled=False, disabled_reason=None
            )
        self._openstack.env['OS_INSTANCEHA_CONFIG'] = self._config(kind, ports)
        began = time.monotonic()
        done = self._openstack('host', 'fence', '-f', 'json', *hosts)
        took = time.monotonic() - began
        try:
            rows = done.rows
        except json.JSONDecodeError:
            raise Broken(done.stderr) from None
        return Fenced(
            done.code,
            rows,
            took,
            max(item['seconds'] for row in rows for item in row['Evidence']),
        )

    def start_up(self) -> float:
        """Seconds that the command takes to do nothing."""
        began = time.monotonic()
        done = self._openstack('host', 'fence', '--help')
        if done.code:
            raise Broken(done.stderr)
        return time.monotonic() - began

    def _config(self, kind: kinds.Kind, ports: Mapping[str, int]) -> str:
        secret = self._folder / 'password'
        secret.touch(0o600)
        secret.write_text(kinds.PASSWORD)
        devices = {
            host: {
                'driver': kind.driver,
                'username': kinds.USERNAME,
                'password_file': str(secret),
                **kind.options(host, port),
            }
            for host, port in ports.items()
        }
        # JSON is YAML.
        path = self._folder / 'instanceha.yaml'
        path.write_text(json.dumps({'fencing': {'hosts': devices}}))
        return str(path)


def require_off(fenced: Fenced, simulator: Any) -> Fenced:
    """See that everything was done, by the machines' own word.

    :raises Broken: if it was not
    """
    for row in fenced.rows:
        if row['Outcome'] != 'fenced':
            raise Broken('{Host}: {Outcome}: {Reason}'.format(**row))
        if simulator.machine(row['Host']).power() != 'off':
            raise Broken('{Host} is on'.format(**row))
    return fenced
