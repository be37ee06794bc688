"""What the commands have to do, and whether it was done, once and for all.

Three things are compared: what a run reported, what Nova's database says, and
how often and where each guest was spawned.
"""

from __future__ import annotations

import abc
from concurrent import futures
import dataclasses
from typing import Any

from tests.cloud import client
from tests.functional import command
from tests.functional import rack as rack_

HOST = 'host1'
REASON = 'instanceha: fenced by a test'


@dataclasses.dataclass
class Verdict:
    """What is wrong; nothing should be.

    :ivar doubles: servers that were spawned too often, or ran twice
    :ivar lost: servers that are not where, or as, they should be; the host
    :ivar false: rows and exit codes that are not true
    """

    doubles: list[str] = dataclasses.field(default_factory=list)
    lost: list[str] = dataclasses.field(default_factory=list)
    false: list[str] = dataclasses.field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.doubles or self.lost or self.false)


class Scene(abc.ABC):
    """A cloud in which a command has something to do."""

    args: tuple[str, ...]

    def __init__(
        self,
        cloud: client.Cloud,
        rack: rack_.Rack,
        openstack: command.Openstack,
    ) -> None:
        self.cloud = cloud
        self.rack = rack
        self.openstack = openstack
        self.spawns: dict[str, int] = {}

    def prepare(self) -> None:
        """Start over: a new cloud, up to where the command comes in."""
        self.cloud.reset()
        self.rack.reset()
        self.make()
        self.spawns = {
            server: len(runs)
            for server, runs in self.cloud.control('GET', 'guests')[
                'spawns'
            ].items()
        }
        self.cloud.forget_requests()

    @abc.abstractmethod
    def make(self) -> None: ...

    def lock_for(self, seconds: int) -> None:
        """How long what killed runs have announced counts from now on."""
        self.openstack.env.update(self.cloud.env())
        self.openstack.env['OS_INSTANCEHA_LOCK'] += f'?timeout={seconds}'

    def start(self) -> command.Running:
        return self.openstack.start(*self.args)

    @abc.abstractmethod
    def judge(self, done: command.Done, began: float) -> Verdict:
        """Compare what a run said with what is so, when all is over.

        :param began: the time at which it was started
        """

    def judge_guests(self, verdict: Verdict, moved: set[str]) -> None:
        """Each of these was spawned once more, and no other at all."""
        guests = self.cloud.control('GET', 'guests')
        verdict.doubles += [
            f'{item} ran twice' for item in guests['ran_twice']
        ]
        for server, before in self.spawns.items():
            more = len(guests['spawns'][server]) - before
            if more > (server in moved):
                verdict.doubles.append(f'{server}: {more} more spawns')
            if more < (server in moved):
                verdict.lost.append(f'{server} was not spawned again')


class Evacuate(Scene):
    """Servers of every sort on a host that is dead and marked.

    ``failed`` was stopped when an earlier evacuation of it failed: Nova
    starts it and does not stop it, so that the command has to. ``stays``
    is not selected.
    """

    args = (
        'host',
        'evacuate',
        '-f',
        'json',
        '--report-interval',
        command.REPORT_INTERVAL,
        '--tag',
        'ha',
        '--image-property',
        'ha_policy=gold',
        '--shared-storage',
        HOST,
    )
    states = {
        'volume': 'active',
        'image': 'active',
        'stopped': 'stopped',
        'failed': 'stopped',
    }

    def make(self) -> None:
        sorts: dict[str, dict[str, Any]] = {
            'volume': {'volume_backed': True, 'tags': ['ha']},
            'image': {'tags': ['ha']},
            'stopped': {
                'volume_backed': True,
                'stopped': True,
                'tags': ['ha'],
            },
            'failed': {'volume_backed': True, 'stopped': True, 'tags': ['ha']},
            'stays': {'volume_backed': True},
        }
        with futures.ThreadPoolExecutor(len(sorts)) as pool:
            made = pool.map(
                lambda name: self.cloud.create_server(
                    name, host=HOST, image='watchdog', **sorts[name]
                ),
                sorts,
            )
            self.names = dict(zip(made, sorts, strict=True))
        self.ids = {name: server for server, name in self.names.items()}
        for host in self.cloud.hosts:
            self.cloud.shared_storage(host)
        self.lose()
        # No host was found for it, at the first attempt.
        self.cloud.set_server(
            self.ids['failed'], vm_state='error', power_state=0
        )
        self.cloud.add_migration(self.ids['failed'], status='error')

    def lose(self) -> None:
        # Its device is asked too, and would speak against it.
        self.rack.machine(HOST).set_power('off')
        command.lose(self.cloud, HOST)

    def judge(self, done: command.Done, began: float) -> Verdict:
        verdict = Verdict()
        moved = {self.ids[name] for name in self.states}
        self.judge_guests(verdict, moved)
        for server, name in self.names.items():
            self.judge_server(verdict, server, name)
        if done.code != 0:
            verdict.false.append(f'exit code {done.code}: {done.stderr}')
            return verdict
        rows = done.rows
        told = [row['Server ID'] for row in rows]
        due = self.due(began)
        if len(told) != len(set(told)) or not due <= set(told):
            verdict.false.append(f'rows for {told}, not for {due}')
        verdict.false += [str(row) for row in rows if not self.is_true(row)]
        return verdict

    def due(self, began: float) -> set[str]:
        """What a run must account for: what it asked for, and what is left.

        What others had asked for may have moved before it read the host.
        """
        asked = {
            request['path'].split('/')[-2]
            for request in command.evacuate_posts(self.cloud)
            if request['time'] >= began and request['status'] == 200
        }
        return asked | {
            server
            for server in self.names
            if command.on(self.cloud, server) == HOST
        }

    def judge_server(self, verdict: Verdict, server: str, name: str) -> None:
        row = self.cloud.server_row(server)
        done = [
            migration['status']
            for migration in self.cloud.migrations(server)
            if migration['status'] != 'error'
        ]
        if name == 'stays':
            if row['host'] != HOST or done:
                verdict.doubles.append(f'{name} has left, by {done}')
            return
        if (row['host'] == HOST) or row['task_state'] or 'done' not in done:
            verdict.lost.append(f'{name} is on {row["host"]}, by {done}')
        if row['vm_state'] != self.states[name]:
            verdict.lost.append(f'{name} is {row["vm_state"]}')
        runs = self.cloud.running(server)
        if runs != ([row['host']] if self.states[name] == 'active' else []):
            verdict.lost.append(f'{name} runs on {runs}')
        if len(done) > 1:
            verdict.doubles.append(f'{name} was evacuated by {done}')

    def is_true(self, row: dict[str, Any]) -> bool:
        host = command.on(self.cloud, row['Server ID'])
        match row['Outcome']:
            case 'evacuated':
                return row['Host'] == HOST != host == row['Destination']
            case 'skipped' if row['Name'] == 'stays':
                return host == HOST and 'not selected' in row['Reason']
        return False


class EvacuateAndFence(Evacuate):
    """The same on a host of which the guests still run."""

    args = (*Evacuate.args, '--fence')

    def lose(self) -> None:
        self.cloud.crash(HOST, guests_survive=True)

    def judge(self, done: command.Done, began: float) -> Verdict:
        verdict = super().judge(done, began)
        service = self.cloud.service(HOST)
        if not service['forced_down'] or service['status'] != 'disabled':
            verdict.lost.append(f'{HOST} is not marked: {service}')
        if self.rack.machine(HOST).power() != 'off':
            verdict.lost.append(f'{HOST} is on')
        return verdict


class Unfence(Scene):
    """A host that was fenced and evacuated, and is whole again."""

    args = ('host', 'unfence', '-f', 'json', HOST)

    def make(self) -> None:
        self.server = self.cloud.create_server(
            'db', host=HOST, volume_backed=True
        )
        self.rack.machine(HOST).set_power('off')
        response = self.cloud.set_service(
            HOST, forced_down=True, status='disabled', disabled_reason=REASON
        )
        assert response.ok, response.text
        assert self.cloud.evacuate(self.server).ok
        assert self.cloud.wait_evacuated(self.server)['status'] == 'done'

    def judge(self, done: command.Done, began: float) -> Verdict:
        verdict = Verdict()
        self.judge_guests(verdict, set())
        host = command.on(self.cloud, self.server)
        if self.cloud.running(self.server) != [host] or host == HOST:
            verdict.lost.append(f'db is on {host}')
        statuses = {row['status'] for row in self.cloud.migrations()}
        if statuses != {'completed'}:
            verdict.lost.append(f'evacuations are {statuses}')
        service = self.cloud.service(HOST)
        facts = service['state'], service['status'], service['forced_down']
        if facts != ('up', 'enabled', False):
            verdict.lost.append(f'{HOST} is {facts}')
        if self.rack.machine(HOST).power() != 'on':
            verdict.lost.append(f'{HOST} is off')
        if done.code != 0:
            verdict.false.append(f'exit code {done.code}: {done.stderr}')
            return verdict
        told = [
            (row['Host'], row['Outcome'], row['Forced Down'], row['Status'])
            for row in done.rows
        ]
        if told != [(HOST, 'unfenced', False, 'enabled')]:
            verdict.false.append(f'it says {told}')
        return verdict


SCENES: dict[str, type[Scene]] = {
    'evacuate': Evacuate,
    'evacuate-fence': EvacuateAndFence,
    'unfence': Unfence,
}
