"""The kinds of fencing devices: our driver, and the agent for the same."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
import pathlib
from typing import Any
from typing import Protocol

from tests.devices import certificates
from tests.devices import ipmi
from tests.devices import process
from tests.devices import redfish

ADDRESS = '127.0.0.1'
USERNAME = 'admin'
PASSWORD = 'bench-s3cr3t'  # noqa: S105 - of simulators


class Kind(Protocol):
    """:ivar driver: ours
    :ivar agent: ClusterLabs'
    """

    driver: str
    agent: str

    def simulator(self, hosts: Sequence[str]) -> process.Simulator:
        """The devices of these hosts; a context manager."""

    def port(self, simulator: process.Simulator, host: str) -> int:
        """Where the device of this host listens."""

    def options(self, host: str, port: int) -> Mapping[str, Any]:
        """What our driver is told."""

    def parameters(self, host: str, port: int) -> Mapping[str, Any]:
        """What the agent is told."""


class Redfish:
    """One BMC over TLS, with a system for each host.

    Our driver verifies its certificate; the agent does not have to.
    """

    driver = 'redfish'
    agent = 'fence_redfish'

    def __init__(self, folder: pathlib.Path) -> None:
        self._certificates = certificates.make(folder)

    def simulator(self, hosts: Sequence[str]) -> process.Simulator:
        return redfish.simulator(
            *hosts, password=PASSWORD, tls=self._certificates.server
        )

    def port(self, simulator: process.Simulator, host: str) -> int:
        return int(simulator.told['address'].rpartition(':')[2])

    def options(self, host: str, port: int) -> Mapping[str, Any]:
        return {
            'address': f'https://{ADDRESS}:{port}',
            'system': redfish.path(host),
            'verify': str(self._certificates.ca),
        }

    def parameters(self, host: str, port: int) -> Mapping[str, Any]:
        return {
            'ip': ADDRESS,
            'ipport': port,
            'systems_uri': redfish.path(host),
            'ssl_insecure': 1,
        }


class Ipmi:
    """A BMC for each host.

    The agent is told the one cipher suite that they have, so that it does
    not have to look for it.
    """

    driver = 'ipmi'
    agent = 'fence_ipmilan'

    def simulator(self, hosts: Sequence[str]) -> process.Simulator:
        return ipmi.simulator(*hosts, password=PASSWORD)

    def port(self, simulator: process.Simulator, host: str) -> int:
        port: int = simulator.told['ports'][host]
        return port

    def options(self, host: str, port: int) -> Mapping[str, Any]:
        return {'address': ADDRESS, 'port': port}

    def parameters(self, host: str, port: int) -> Mapping[str, Any]:
        return {'ip': ADDRESS, 'ipport': port, 'lanplus': 1, 'cipher': 3}
