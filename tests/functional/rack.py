"""The fencing devices of the embedded cloud's hosts."""

from __future__ import annotations

from collections.abc import Iterator
import contextlib
import pathlib
from typing import Any

from tests.cloud import client
from tests.devices import process
from tests.devices import redfish

PASSWORD = 'rack-s3cr3t'

#: Seconds that a test waits for what will not happen.
POWER_TIMEOUT = 4


class Rack:
    """A chassis with one Redfish BMC whose systems are the hosts.

    Beside ``hostN`` there is ``hostN-b``, a second device without a machine
    below it.

    :ivar config: the path of an instanceha.yaml for it
    """

    def __init__(
        self, simulator: process.Simulator, cloud: client.Cloud
    ) -> None:
        self._simulator = simulator
        self._cloud = cloud
        self.address: str = simulator.told['address']

    def machine(self, name: str) -> Any:
        """See :class:`tests.devices.machine.Machine`."""
        return self._simulator.machine(name)

    def requests(self, *names: str) -> list[str]:
        """The power requests for these machines, or for all hosts."""
        return [
            f'{name} {request}'
            for name in names or self._cloud.hosts
            for request in self.machine(name).requests()
        ]

    def reset(self) -> None:
        for name in self._cloud.hosts:
            self.machine(name).reset()
            self.machine(f'{name}-b').reset()

    def write(self, folder: pathlib.Path, hosts: str = '', **top: str) -> str:
        """Write an instanceha.yaml; returns its path.

        :param hosts: YAML of ``fencing.hosts``; every host has the device
            ``bmc``, if it is empty
        :param top: YAML of other keys
        """
        if not hosts:
            hosts = '\n'.join(
                f'{name}: {self.device(name)}' for name in self._cloud.hosts
            )
        text = ''.join(f'{key}: {value}\n' for key, value in top.items())
        text += 'fencing:\n  devices:\n    bmc:\n'
        for key, value in {
            'driver': 'redfish',
            'address': self.address,
            'username': 'admin',
            'password_file': str(folder / 'password'),
            'power_timeout': POWER_TIMEOUT,
            'timeout': 2,
        }.items():
            text += f'      {key}: {value}\n'
        text += '  hosts:\n'
        text += ''.join(f'    {line}\n' for line in hosts.splitlines())
        secret = folder / 'password'
        secret.write_text(PASSWORD + '\n')
        secret.chmod(0o600)
        path = folder / 'instanceha.yaml'
        path.write_text(text)
        return str(path)

    @staticmethod
    def device(name: str, **changes: Any) -> str:
        """One device in YAML's short form."""
        options = {'device': 'bmc', 'system': redfish.path(name), **changes}
        inner = ', '.join(f'{key}: {value}' for key, value in options.items())
        return f'{{{inner}}}'


@contextlib.contextmanager
def running(cloud: client.Cloud, **options: Any) -> Iterator[Rack]:
    """A rack for the hosts of a cloud.

    :param options: of :func:`tests.devices.redfish.simulator`
    """
    names = [*cloud.hosts, *(f'{name}-b' for name in cloud.hosts)]
    with redfish.simulator(
        *names, password=PASSWORD, cloud=cloud.state, **options
    ) as simulator:
        yield Rack(simulator, cloud)
