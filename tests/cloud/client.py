"""The cloud as tests see it.

    with client.Cloud.launch(hosts=4) as cloud:
        server = cloud.create_server('web', host='host1')
        cloud.crash('host1')

Everything a test does to the cloud beside the public APIs is a method of
:class:`Cloud`.  None of them leaves a trace in :meth:`Cloud.requests` but
those that make and change servers; :meth:`Cloud.forget_requests` after the
preparations.
"""

from __future__ import annotations

from collections import abc
import dataclasses
import json
import pathlib
import subprocess
import sys
import tempfile
from types import TracebackType
from typing import Any

import requests

from tests.cloud import apis
from tests.cloud import servers

ROOT = pathlib.Path(__file__).resolve().parents[2]
DESCRIPTION = 'cloud.json'
# The services that record their requests, by the name of their URL.
SERVICES = (
    'compute',
    'identity',
    'image',
    'block-storage',
    'network',
    'placement',
)


@dataclasses.dataclass(frozen=True)
class Run:
    """A time in which a host ran a guest; ``ended`` is None while it does."""

    host: str
    started: float
    ended: float | None


CloudError = apis.CloudError
NotFound = apis.NotFound
wait_for = apis.wait_for


class Cloud(servers.Servers):
    """A running cloud, by the directory it keeps its state in.

    :ivar state: that directory
    :ivar hosts: the names of the compute hosts
    :ivar nova: the version of Nova
    :ivar clouds: the clouds.yaml, with clouds ``embedded`` (the operator) and
        ``embedded-tenant`` (a member of project ``tenant``, nothing more)
    :ivar urls: the addresses of the services
    :ivar log: nova.log
    """

    def __init__(self, state: str | pathlib.Path) -> None:
        self.state = pathlib.Path(state)
        description = json.loads((self.state / DESCRIPTION).read_text())
        super().__init__(description['auth_url'], description['microversion'])
        self.nova: str = description['nova']
        self.hosts: list[str] = description['hosts']
        self.clouds = pathlib.Path(description['clouds'])
        self.urls: dict[str, str] = description['urls']
        self.log = pathlib.Path(description['log'])
        self.process: subprocess.Popen | None = None
        self.http = requests.Session()
        self.http.trust_env = False  # no proxy between here and loopback

    @property
    def evacuates_only_at_rest(self) -> bool:
        """Whether Nova refuses to evacuate a server that has a task_state.

        It did up to 23.2.1, 24.1 and 25.0: the point release decides, and no
        microversion shows it.
        """
        return self.nova.startswith('25.0.')

    # -- start and stop

    @classmethod
    def launch(
        cls,
        hosts: int = 3,
        report_interval: int = 2,
        state: str | pathlib.Path | None = None,
    ) -> Cloud:
        """Start a cloud in processes of its own; they end with this one."""
        command = [
            sys.executable,
            '-W',
            'ignore',
            '-m',
            'tests.cloud',
            '--hosts',
            str(hosts),
            '--quiet-ready',
            '--report-interval',
            str(report_interval),
        ]
        if state:
            command += ['--state', str(state)]
        with tempfile.TemporaryFile('w+') as errors:
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                text=True,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
            )
            assert process.stdout
            line = process.stdout.readline()
            if not line.startswith('READY '):
                process.wait()
                errors.seek(0)
                raise CloudError(errors.read())
        cloud = cls(line.removeprefix('READY ').strip())
        cloud.process = process
        return cloud

    def stop(self) -> None:
        """Stop the cloud, if this handle started it."""
        if self.process:
            self.process.terminate()
            self.process.wait()
            for stream in (self.process.stdin, self.process.stdout):
                if stream:
                    stream.close()

    def __enter__(self) -> Cloud:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def env(self, cloud: str = 'embedded') -> dict[str, str]:
        """The environment variables that point a client at this cloud."""
        return {
            'OS_INSTANCEHA_LOCK': f'file://{self.state}/instanceha-locks',
            'OS_CLIENT_CONFIG_FILE': str(self.clouds),
            'OS_CLOUD': cloud,
            'TESTS_CLOUD': str(self.state),
        }

    def control(
        self,
        method: str,
        path: str,
        body: Any = None,
        service: str = 'compute',
    ) -> Any:
        response = self.http.request(
            method, f'{self.urls[service]}/control/{path}', json=body
        )
        if response.status_code != 200:
            error = NotFound if response.status_code == 404 else CloudError
            raise error(
                '{} {}: {}'.format(method, path, response.json().get('error'))
            )
        return response.json()

    def reset(self) -> dict[str, float]:
        """Back to a new cloud, whatever goes on; return what took how long.

        All that was made is gone, every host is up, enabled and healthy, and
        no fault, rule, cap or record is left.
        """
        self.clear()  # first, lest a fault delay what has to end
        took = self.control('POST', 'reset')
        self.clear()
        return took

    def clear(self) -> None:
        """No faults, and no record of requests."""
        for service in SERVICES:
            self.control('POST', 'clear', service=service)

    # -- hosts

    def crash(self, host: str, guests_survive: bool = False) -> None:
        """nova-compute goes silent at once, and Nova sees it as down.

        The guests of the host end, as when its power fails, unless they are
        to survive (a broken network, a hung nova-compute).  What nova-compute
        had in hand stays as it is in Nova's records.
        """
        self.control(
            'POST', f'hosts/{host}/crash', {'guests_survive': guests_survive}
        )

    def start(self, host: str) -> None:
        """Start a new nova-compute on a crashed host.

        It does what a starting nova-compute does (cleans away the evacuated
        guests).  Guests that are left are not running.
        """
        self.control('POST', f'hosts/{host}/start')

    def is_crashed(self, host: str) -> bool:
        return self.control('GET', 'hosts')[host]['crashed']

    def spawn(
        self,
        host: str,
        *,
        delay: float | None = None,
        fail: int | None = None,
        fail_claims: int | None = None,
    ) -> None:
        """Make spawns on a host slow (seconds), or let the next ones fail.

        :param fail: how many spawns fail
        :param fail_claims: how many evacuations to this host fail when they
            claim their resources, before anything is spawned
        """
        rule = {'delay': delay, 'fail': fail, 'fail_claims': fail_claims}
        self.set_rule(
            host,
            **{
                name: value
                for name, value in rule.items()
                if value is not None
            },
        )

    def set_rule(self, host: str, **fields: Any) -> None:
        self.control('PUT', f'hosts/{host}/rule', fields)

    def hold(self, *hosts: str) -> None:
        """Spawns on these hosts (default: all) wait until released."""
        for host in hosts or self.hosts:
            self.set_rule(host, hold=True)

    def release(self, *hosts: str) -> None:
        for host in hosts or self.hosts:
            self.set_rule(host, hold=False)

    def held(self) -> dict[str, list[str]]:
        """The servers whose spawn is held now, by host."""
        return {
            host: state['held']
            for host, state in self.control('GET', 'hosts').items()
        }

    def wait_held(self, server: str, timeout: float = 30) -> str:
        """Wait until a server's spawn is held; return the host."""
        return wait_for(
            lambda: next(
                (
                    host
                    for host, servers in self.held().items()
                    if server in servers
                ),
                None,
            ),
            f'spawn of {server} held',
            timeout,
        )

    def shared_storage(self, host: str, on: bool = True) -> None:
        """Whether the disks of all servers are to be found on this host."""
        self.set_rule(host, shared_storage=on)

    # -- the Compute API as a whole

    def faults(
        self, *rules: abc.Mapping[str, Any], service: str = 'compute'
    ) -> None:
        """Replace the fault rules of a service; see :class:`tap.Fault`."""
        self.control('PUT', 'faults', rules, service)

    def release_requests(self, service: str = 'compute') -> None:
        """End the delays and holds of a service's faults."""
        self.control('POST', 'release', service=service)

    def requests(
        self,
        service: str = 'compute',
        match: str = '',
        method: str | None = None,
    ) -> list[dict[str, Any]]:
        """What a service was asked, oldest first.

        Each has method, path, query, body, microversion, agent, time, status
        (None while it is under way, or when the connection was cut), reached
        (the service itself was asked), injected (a fault answered), held,
        seconds and request_id.

        :param match: only those with this in their path or body
        :param method: only those of this method
        """
        return [
            entry
            for entry in self.control('GET', 'requests', service=service)
            if match in entry['path'] + ' ' + entry['body']
            and method in (None, entry['method'])
        ]

    def forget_requests(self) -> None:
        for service in SERVICES:
            self.control('DELETE', 'requests', service=service)

    def cap(self, microversion: str | None) -> None:
        """Let Nova be one whose newest microversion is this."""
        self.control('PUT', 'cap', microversion)

    def page_size(self, size: int | None) -> None:
        """Set [api]max_limit."""
        self.control('PUT', 'page-size', size)

    def cell_down(self, down: bool = True) -> None:
        """cell1, which has every host, does not answer the Compute API."""
        self.control('PUT', 'cell-down', down)

    # -- the truth about guests

    def guests(self) -> dict[str, list[Run]]:
        """When each server's guest ran, and where."""
        return {
            uuid: [Run(**run) for run in runs]
            for uuid, runs in self.control('GET', 'guests')['runs'].items()
        }

    def running(self, server: str) -> list[str]:
        """The hosts that run a server's guest now."""
        return [
            run.host
            for run in self.guests().get(server, ())
            if run.ended is None
        ]

    def ran_twice(self) -> list[str]:
        """The servers that ever ran on two hosts at the same time."""
        return self.control('GET', 'guests')['ran_twice']

    def spawns(self, server: str) -> int:
        """How often a hypervisor has spawned a server."""
        return len(self.control('GET', 'guests')['spawns'].get(server, ()))

    # -- Nova's database

    def server_row(self, server: str) -> dict[str, Any]:
        """A server as Nova's database has it: host, node, vm_state, ..."""
        return self.control('GET', f'servers/{server}')

    def set_server(self, server: str, **fields: Any) -> None:
        """Write columns of a server's row."""
        self.control('PATCH', f'servers/{server}', fields)

    def set_service_row(self, host: str, **fields: Any) -> None:
        """Write columns of the row of a host's nova-compute."""
        self.control('PATCH', f'hosts/{host}/service', fields)

    def migrations(self, server: str | None = None) -> list[dict[str, Any]]:
        """The migration rows, oldest first, of one server or of all."""
        return [
            row
            for row in self.control('GET', 'migrations')
            if server in (None, row['instance_uuid'])
        ]

    def add_migration(self, server: str, **fields: Any) -> int:
        """Plant an evacuation's row, such as a stuck one; return its id."""
        row = self.server_row(server)
        return self.control(
            'POST',
            'migrations',
            {
                'instance_uuid': server,
                'migration_type': 'evacuation',
                'status': 'accepted',
                'source_compute': row['host'],
                'source_node': row['node'],
                **fields,
            },
        )['id']

    def set_migration(self, migration: int, **fields: Any) -> None:
        """Write columns of a migration's row."""
        self.control('PATCH', f'migrations/{migration}', fields)
