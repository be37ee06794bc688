"""Running the openstack command as a person or a monitor does."""

from __future__ import annotations

import abc
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
from typing import Any

from tests.cloud import client
from tests.functional import preloaded

OPENSTACK = pathlib.Path(sys.executable).with_name('openstack')

# The cloud reports every two seconds; what is to be found dead need not be
# listened to for longer than it takes to see that.
REPORT_INTERVAL = '1'

#: What a run says that has waited in vain for another one on host1.
LOCKED = r'Another run \(.+, process \d+, since .+\) works on host1'


@dataclasses.dataclass(frozen=True)
class Done:
    """A command that has ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def rows(self) -> list[dict[str, Any]]:
        """What ``-f json`` put on stdout: that, and nothing else."""
        return json.loads(self.stdout)

    def row(self, server: str) -> dict[str, Any]:
        (row,) = [row for row in self.rows if row['Server ID'] == server]
        return row

    def outcomes(self) -> dict[str, str]:
        """What became of each server, by its name."""
        return {row['Name']: row['Outcome'] for row in self.rows}

    def actions(self) -> dict[str, str]:
        """What a dry run would do with each server, by its name."""
        return {row['Name']: row['Action'] for row in self.rows}


def _hear_ctrl_c() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)


class Running(abc.ABC):
    """A command that is still going on."""

    pid: int

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self.stdout = pathlib.Path(self._folder.name, 'stdout')
        self.stderr = pathlib.Path(self._folder.name, 'stderr')

    def heard(self) -> str:
        """What it has written on stderr so far."""
        return self.stderr.read_text()

    def send(self, number: int) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    @abc.abstractmethod
    def end(self, timeout: float) -> int | None:
        """Wait for its end: the exit code, or None if that takes longer."""

    def wait(self, timeout: float = 120) -> Done:
        code = self.end(timeout)
        if code is None:
            raise TimeoutError(f'it goes on: {self.heard()}')
        return Done(code, self.stdout.read_text(), self.heard())

    def stop(self) -> None:
        """End it, and forget what it wrote."""
        if self.end(0) is None:
            self.send(signal.SIGKILL)
            self.end(10)
        self._folder.cleanup()


class Program(Running):
    """The installed program itself."""

    def __init__(self, args: Sequence[str], env: Mapping[str, str]) -> None:
        super().__init__()
        with self.stdout.open('wb') as out, self.stderr.open('wb') as err:
            self._process = subprocess.Popen(
                [str(OPENSTACK), *args],
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                # A shell in the background hands down that Ctrl-C is ignored.
                preexec_fn=_hear_ctrl_c,
            )
        self.pid = self._process.pid

    def end(self, timeout: float) -> int | None:
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return None


class Preloaded(Running):
    """The same code, without the time for its imports."""

    def __init__(self, args: Sequence[str], env: Mapping[str, str]) -> None:
        super().__init__()
        self.stdout.touch()
        self.stderr.touch()
        self._process = preloaded.start(args, env, self.stdout, self.stderr)
        assert self._process.pid is not None
        self.pid = self._process.pid

    def end(self, timeout: float) -> int | None:
        self._process.join(timeout)
        return self._process.exitcode


class Openstack:
    """The command, with the environment of a cloud's operator.

    :param kind: how it is run
    """

    def __init__(
        self,
        cloud: client.Cloud,
        kind: Callable[[Sequence[str], Mapping[str, str]], Running] = Program,
        **env: str,
    ) -> None:
        self._kind = kind
        clean = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith('OS_')
        }
        self.env = {**clean, **cloud.env(), **env}
        self._started: list[Running] = []

    def start(self, *args: str) -> Running:
        running = self._kind(args, self.env)
        self._started.append(running)
        return running

    def stop(self) -> None:
        """End what a failed test has left running: it holds locks."""
        for running in self._started:
            running.stop()

    def __call__(self, *args: str) -> Done:
        return self.start(*args).wait()

    def start_evacuate(self, *args: str) -> Running:
        return self.start(*self._evacuate(args))

    def evacuate(self, *args: str) -> Done:
        """host evacuate, as JSON, with what the test bed needs."""
        return self(*self._evacuate(args))

    def _evacuate(self, args: tuple[str, ...]) -> list[str]:
        command = ['host', 'evacuate', '-f', 'json']
        if '--report-interval' not in args:
            command += ['--report-interval', REPORT_INTERVAL]
        # Global options go before the command.
        split = next(
            (n for n, arg in enumerate(args) if not arg.startswith('--os-')),
            len(args),
        )
        return [*args[:split], *command, *args[split:]]


def lose(cloud: client.Cloud, host: str = 'host1') -> None:
    """The host lost its power long ago, and whoever fenced it marked it.

    Long ago, so that nobody has to listen whether it is silent.
    """
    cloud.crash(host)
    response = cloud.set_service(host, forced_down=True)
    assert response.ok, response.text
    cloud.set_service_row(host, updated_at='2020-01-01 00:00:00.000000')


def make_oldest(cloud: client.Cloud, server: str) -> str:
    """Let a server be the one that comes first; returns its id."""
    cloud.set_server(server, created_at='2020-01-01 00:00:00.000000')
    return server


def evacuate_posts(
    cloud: client.Cloud, server: str = ''
) -> list[dict[str, Any]]:
    """The evacuate requests that Nova has received, for one server or all."""
    return [
        request
        for request in cloud.requests(method='POST', match='"evacuate"')
        if server in request['path']
    ]


def changes(cloud: client.Cloud) -> list[str]:
    """Every request that could have changed anything in Nova."""
    return [
        '{method} {path} {body}'.format(**request)
        for request in cloud.requests()
        if request['method'] != 'GET'
    ]


def on(cloud: client.Cloud, server: str) -> str:
    """The host that a server is on, by Nova's database."""
    return cloud.server_row(server)['host']


def state(cloud: client.Cloud, server: str) -> str:
    """The vm_state of a server, by Nova's database."""
    return cloud.server_row(server)['vm_state']
