"""A chassis whose systems are the compute hosts of the embedded cloud.

It has one BMC with a Redfish API, and comes with an instanceha.yaml for it.
"""

from __future__ import annotations

from collections.abc import Iterator
import contextlib
import dataclasses
import importlib.util
import os
import pathlib
import secrets

from tests.cloud import client
from tests.devices import certificates
from tests.devices import machine
from tests.devices import process
from tests.devices import redfish

_TOP = """\
# The fencing devices of the compute hosts.
fencing:
  devices:
    bmc:
      driver: redfish
      address: {address}
      verify: {ca}
      username: admin
      password_file: {password}
  hosts:
"""
_HOST = """\
    {host}: {{device: bmc, system: {system}}}
"""


def why_not() -> str | None:
    """Why there cannot be one here, if there cannot."""
    if importlib.util.find_spec('sushy_tools') is None:
        return 'sushy-tools is not installed'
    return None


@dataclasses.dataclass(frozen=True)
class Chassis:
    """:ivar config: its instanceha.yaml
    :ivar password: of the BMC, for those who look whether it gets out
    """

    config: pathlib.Path
    password: str
    simulator: process.Simulator

    def machine(self, host: str) -> machine.Machine:
        """The machine that this host runs on."""
        return self.simulator.machine(host)


@contextlib.contextmanager
def of(cloud: client.Cloud, folder: pathlib.Path) -> Iterator[Chassis]:
    """A running chassis of all hosts of a cloud.

    :param folder: for the files that belong to it
    """
    password = secrets.token_urlsafe(16)
    secret = folder / 'bmc-password'
    with open(os.open(secret, os.O_CREAT | os.O_WRONLY, 0o600), 'w') as file:
        file.write(password + '\n')
    made = certificates.make(folder)
    with redfish.simulator(
        *cloud.hosts, password=password, tls=made.server, cloud=cloud.state
    ) as simulator:
        text = _TOP.format(
            address=simulator.told['address'],
            ca=made.ca,
            password=secret.name,
        )
        for host in cloud.hosts:
            text += _HOST.format(host=host, system=redfish.path(host))
        config = folder / 'instanceha.yaml'
        config.write_text(text)
        yield Chassis(config, password, simulator)
