"""One cell of the matrix: a command that meets a trouble, and the truth."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import re
from typing import Any

from tests.cloud import client
from tests.cloud import front
from tests.functional import command
from tests.functional.faults import kinds
from tests.functional.faults import troubles

LONGEST_LINE = 400
OPEN = ('accepted', 'pre-migrating')
TRUE = {
    'evacuated': True,
    'failed': False,
    'refused': False,
    'skipped': False,
    'fenced': True,
    'unfenced': True,
    'not marked': False,
}


@dataclasses.dataclass(frozen=True)
class Cell:
    kind: kinds.Kind
    trouble: troubles.Trouble
    lasting: bool

    @property
    def shares(self) -> bool:
        """Whether the passing trouble is met on the same host after it."""
        return (
            self.lasting
            and not self.kind.spends
            and self.trouble is not troubles.EMPTY
        )

    def __str__(self) -> str:
        lasts = 'lasting' if self.lasting else 'passing'
        return f'{self.kind.name}-{self.trouble.name}-{lasts}'


CELLS = [
    Cell(kind, trouble, lasting)
    for kind in kinds.KINDS
    for trouble in troubles.TROUBLES
    if trouble.befalls(kind)
    for lasting in (True, False)
]


@dataclasses.dataclass
class Ran:
    """What came of a cell.

    :ivar done: the command that met the trouble
    :ivar after: what was true when it had ended
    :ivar next: the same command, when all was well again; None where the
        first had recovered the host
    :ivar finally_: what was true then
    :ivar requests: what Nova was sent, by both
    :ivar first: how many of these were sent by the first
    """

    cell: Cell
    done: command.Done
    after: dict[str, Any]
    requests: list[dict[str, Any]]
    first: int
    next: command.Done | None = None
    finally_: dict[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def untouched(self) -> bool:
        """Whether the host is as it was prepared."""
        return not any(
            item['reached'] and item['method'] != 'GET'
            for item in self.requests
        )


def run(
    cell: Cell,
    cloud: client.Cloud,
    host: str,
    server: str | None,
    config: str,
    folder: pathlib.Path,
) -> Ran:
    """Let the command meet the trouble; then let it be well again."""
    args = (*cell.kind.scene.args, host)
    with front.Front(cloud) as stage:
        env = {'OS_CLIENT_CONFIG_FILE': str(folder / 'clouds.yaml')}
        if cell.kind.scene.devices:
            env['OS_INSTANCEHA_CONFIG'] = config
        openstack = command.Openstack(cloud, command.Preloaded, **env)
        slow = cell.trouble.slow
        options = {'api_timeout': troubles.PATIENCE} if slow else {}
        stage.write_clouds(folder / 'clouds.yaml', **options)
        cell.trouble.make(stage, cell.kind, cell.lasting)
        try:
            done = openstack.start(*args).wait(300)
            stage.clear()
            # What was held up arrives now.
            client.wait_for(lambda: not stage.busy, 'requests', 60)
            after = truth(cloud, host, server)
            requests = stage.taps['compute'].requests
            ran = Ran(cell, done, after, requests, len(requests))
            # A lasting trouble that did nothing leaves the host to the cell
            # of the passing one, which is the next run then.
            if done.code and not (ran.untouched and cell.shares):
                ran.next = openstack.start(*args).wait(300)
                ran.finally_ = truth(cloud, host, server)
        finally:
            openstack.stop()
    return ran


def truth(
    cloud: client.Cloud, host: str, server: str | None
) -> dict[str, Any]:
    """What Nova and the hypervisors know, once nothing is under way."""

    def at_rest() -> bool:
        return not server or (
            not cloud.server_row(server)['task_state']
            and not any(
                row['status'] in OPEN for row in cloud.migrations(server)
            )
        )

    client.wait_for(at_rest, 'nothing is under way', 60)
    return {
        'source': host,
        'server': cloud.server_row(server) if server else None,
        'migrations': [
            row['status']
            for row in (cloud.migrations(server) if server else ())
        ],
        'service': cloud.service(host),
        'running': cloud.running(server) if server else [],
        'spawns': cloud.spawns(server) if server else 0,
        'ran_twice': server in cloud.ran_twice(),
    }


def problems(ran: Ran) -> list[str]:
    """Everything about it that is not as it has to be."""
    found = [*_words(ran), *_report(ran), *_twice(ran)]
    scene = ran.cell.kind.scene
    last = ran.next or ran.done
    if last.code == 0 and (wrong := scene.wrong(ran.finally_ or ran.after)):
        found.append(f'exit code 0, but {wrong}')
    if ran.next is not None and ran.next.code != 0:
        found.append(f'the next run: {ran.next}')
    if not ran.cell.lasting and not rides_out(ran):
        found.append('not ridden out')
    if ran.cell.lasting and ran.done.code == 0 and not recovers(ran):
        found.append('exit code 0')
    return found


def rides_out(ran: Ran) -> bool:
    """Whether a passing trouble did no harm."""
    if ran.done.code == 0:
        return True
    # A request that may or may not have been carried out is not repeated.
    return ran.cell.kind.name == 'POST evacuate' and ran.done.code == 6


def recovers(ran: Ran) -> bool:
    return not ran.cell.kind.scene.wrong(ran.after)


def _twice(ran: Ran) -> list[str]:
    found = []
    seen = ran.finally_ or ran.after
    if seen['ran_twice'] or len(seen['running']) > 1:
        found.append('it ran twice')
    if seen['spawns'] > 2:
        found.append(f'{seen["spawns"]} spawns')
    if len(seen['migrations']) > 1:
        found.append(f'migrations {seen["migrations"]}')
    return found


def _report(ran: Ran) -> list[str]:
    """Whether what was said is true."""
    done, after = ran.done, ran.after
    if done.code == 1:
        changes = [
            item
            for item in ran.requests[: ran.first]
            if item['method'] != 'GET' and item['reached']
        ]
        return [f'exit code 1 after {changes}'] if changes else []
    if done.code not in (0, 3, 4, 5, 6):
        return [f'exit code {done.code}']
    try:
        rows = done.rows
    except ValueError:
        return [f'no JSON: {done.stdout!r}']
    found = []
    if len(rows) != 1:
        return [f'{len(rows)} rows']
    outcome = rows[0]['Outcome']
    is_true = TRUE.get(outcome)
    well = not ran.cell.kind.scene.wrong(after)
    moved = after['server'] and after['server']['host'] != after['source']
    if is_true and not well:
        found.append(f'{outcome}, but it is not')
    if is_true is False and (moved if after['server'] else well):
        found.append(f'{outcome}, but it is done')
    if (done.code == 0) != bool(is_true):
        found.append(f'{outcome} and exit code {done.code}')
    if (done.code == 6) != (outcome == 'unknown'):
        found.append(f'{outcome} and exit code {done.code}')
    return found


def _words(ran: Ran) -> list[str]:
    """Whether a person can do something with the messages."""
    done = ran.done
    text = done.stderr + done.stdout
    found = []
    if 'Traceback' in text:
        found.append('a traceback')
    if re.search(r'<!DOCTYPE|</?(html|body|head|h1|title)\b', text):
        found.append('an HTML dump')
    too_long = [
        line for line in done.stderr.splitlines() if len(line) > LONGEST_LINE
    ]
    if too_long:
        found.append(f'a long line: {too_long[0]}')
    if done.code == 0:
        return found
    reasons = [
        row.get('Reason') or '' for row in _rows(done)
    ] or done.stderr.strip().splitlines()[-1:]
    said = ' '.join(reasons)
    if not re.search(ran.cell.kind.said, text):
        found.append('it does not name what could not be reached')
    if not re.search('again|see to it|credentials .* are needed', said):
        found.append(f'no cure: {said}')
    return found


def _rows(done: command.Done) -> list[dict[str, Any]]:
    return json.loads(done.stdout) if done.stdout.strip() else []
