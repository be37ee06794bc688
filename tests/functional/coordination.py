"""Coordination services of a distribution, in the foreground, on loopback."""

from __future__ import annotations

import abc
import pathlib
import shutil
import socket
import subprocess
from typing import Any

import pytest
import requests

from tests.cloud import client

#: Seconds; short, since tests wait for its end.
LEASE = 10


def free_port() -> int:
    with socket.socket() as made:
        made.bind(('127.0.0.1', 0))
        port: int = made.getsockname()[1]
        return port


class Service(abc.ABC):
    """A service with a folder and a port of its own.

    :ivar url: what tooz calls it, with leases that end soon
    """

    program: str
    package: str
    scheme: str

    def __init__(self, folder: pathlib.Path, lease: int = LEASE) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = (
            f'{self.scheme}://127.0.0.1:{self.port}'
            f'?lock_timeout={lease}&membership_timeout={lease}'
        )
        self._process: subprocess.Popen[bytes] | None = None

    @abc.abstractmethod
    def command(self) -> list[str]: ...

    @abc.abstractmethod
    def ready(self) -> bool: ...

    def start(self) -> None:
        """Start it, or start it again with what it knew.

        Skips the test where the program is not installed.
        """
        if shutil.which(self.program) is None:
            pytest.skip(
                f'{self.program} is not installed: apt-get install '
                f'{self.package}'
            )
        self.folder.mkdir(exist_ok=True)
        with self.folder.with_suffix('.log').open('ab') as log:
            self._process = subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
            )
        client.wait_for(self.ready, f'{self.program} ready', 60)

    def kill(self) -> None:
        """It dies, as when its machine does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def __enter__(self) -> Service:
        self.start()
        return self

    def __exit__(self, *_exception: Any) -> None:
        self.kill()


class Etcd(Service):
    program = 'etcd'
    package = 'etcd-server'
    scheme = 'etcd3+http'

    def __init__(self, folder: pathlib.Path, lease: int = LEASE) -> None:
        super().__init__(folder, lease)
        self._peers = free_port()

    def command(self) -> list[str]:
        clients = f'http://127.0.0.1:{self.port}'
        peers = f'http://127.0.0.1:{self._peers}'
        return [
            self.program,
            f'--data-dir={self.folder}/data',
            f'--listen-client-urls={clients}',
            f'--advertise-client-urls={clients}',
            f'--listen-peer-urls={peers}',
            f'--initial-advertise-peer-urls={peers}',
            f'--initial-cluster=default={peers}',
        ]

    def ready(self) -> bool:
        try:
            return requests.get(
                f'http://127.0.0.1:{self.port}/health', timeout=5
            ).ok
        except requests.RequestException:
            return False


class Redis(Service):
    program = 'redis-server'
    package = 'redis-server'
    scheme = 'redis'

    def command(self) -> list[str]:
        return [
            self.program,
            *('--bind', '127.0.0.1'),
            *('--port', str(self.port)),
            *('--dir', str(self.folder)),
            # What it has promised it knows also when it starts again.
            *('--appendonly', 'yes'),
            *('--appendfsync', 'always'),
        ]

    def ready(self) -> bool:
        try:
            with socket.create_connection(('127.0.0.1', self.port), 5) as made:
                made.sendall(b'PING\r\n')
                return made.recv(7) == b'+PONG\r\n'
        except OSError:
            return False


KINDS: dict[str, type[Service]] = {'etcd': Etcd, 'redis': Redis}
