"""The cable between the machines: a bridge in a network of its own."""

from __future__ import annotations

import pathlib
import subprocess

from tests.cluster import machine

#: Of the addresses of the machines.
PREFIX = '10.77.0.'


class Network:
    """A bridge, on a machine that has nothing else."""

    def __init__(self, folder: pathlib.Path) -> None:
        self._switch = machine.Machine('switch', folder / 'switch')
        self._switch.run('ip', 'link', 'add', 'br0', 'type', 'bridge')
        self._switch.run('ip', 'link', 'set', 'br0', 'up')

    def connect(self, made: machine.Machine, number: int) -> str:
        """Give a machine an address, and return it."""
        address = f'{PREFIX}{number}'
        port = f'port{number}'
        subprocess.run(
            [
                'ip',
                'link',
                'add',
                port,
                'netns',
                str(self._switch.pid),
                'type',
                'veth',
                'peer',
                'name',
                'eth0',
                'netns',
                str(made.pid),
            ],
            check=True,
        )
        self._switch.run('ip', 'link', 'set', port, 'master', 'br0', 'up')
        made.run('ip', 'addr', 'add', f'{address}/24', 'dev', 'eth0')
        made.run('ip', 'link', 'set', 'eth0', 'up')
        return address

    def unplug(self, number: int) -> None:
        """Take the cable of the machine of this number out of the switch."""
        self._switch.run('ip', 'link', 'set', f'port{number}', 'down')

    def kill(self) -> None:
        self._switch.kill()
