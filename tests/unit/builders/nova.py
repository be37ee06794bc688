"""The inside of the simulated Nova: what it has, and what goes on in it."""

from __future__ import annotations

import collections
from collections.abc import Callable
from collections.abc import Iterable
import dataclasses
import datetime
import itertools
import math
from typing import Any

from osc_instanceha import exceptions
from osc_instanceha import model
from tests.unit.builders import clock as clock_
from tests.unit.builders import data
from tests.unit.builders import scripts as scripts_

_DONE = model.MigrationStatus.DONE


class InvariantBroken(AssertionError):
    """The product did what it promises never to do."""


class Nova:
    """What there is and goes on in a cloud, and what a test does to it.

    :ivar servers_: the servers, by id, as they are now
    :ivar records: the evacuations, oldest first
    :ivar scripts: what becomes of the requests for a server, in turn
    :ivar requests: the evacuate requests that reached Nova
    :ivar spawned: hosts on which a server's guest was started, by server
    :ivar unanswered: servers of whose last request nobody knows anything
    :ivar objects: whether what must never be done ends the test at once; if
        not, it is done, as Nova does it
    :ivar unwanted: servers that their owners want to be left where they are
    :ivar lost: servers whose disks were made anew from the image
    :ivar alive: hosts that in truth are running, and since when
    :ivar lifted: when forced down was lifted from a host
    :ivar shared: whether in truth the disks are on shared storage
    :ivar broken: the invariants that were broken
    :ivar page: records that one page of a list of evacuations holds
    :ivar answers_lost: how many answers to a call are lost on the way back
    :ivar faults: says of each call what error it ends in
    :ivar refused: errors that a call answers with, in turn
    """

    def __init__(
        self,
        clock: clock_.FakeClock,
        servers: Iterable[model.Server] = (),
        services: Iterable[model.Service] = (),
    ) -> None:
        self.clock = clock
        self.began = clock.now
        self.servers_ = {item.id: item for item in servers}
        self.services_ = {item.host: item for item in services}
        self.updated = {
            item.host: clock.now - (item.quiet_for or 0.0)
            for item in self.services_.values()
        }
        #: When nova-compute last reported; a PUT does not move that.
        self.reported = dict(self.updated)
        self.records: list[model.Evacuation] = []
        self.scripts: dict[str, list[scripts_.Script]] = {}
        self.groups_: tuple[model.ServerGroup, ...] = ()
        self.aggregates_: tuple[model.Aggregate, ...] = ()
        self.stopped_by_owner: set[str] = set()
        self.started_by_owner: set[str] = set()
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.spawned: dict[str, list[str]] = collections.defaultdict(list)
        self.lost: set[str] = set()
        self.unwanted: set[str] = set()
        self.unanswered: set[str] = set()
        self.alive: dict[str, float] = {}
        self.lifted = -math.inf
        self.shared = True
        self.stops_itself = False
        self.objects = True
        #: Seconds for which a reading of a service record holds (10 s, a
        #: quarter, and one for the rounding of its time).
        self.unknowable = 14.0
        #: Seconds for which a list of servers holds, likewise.
        self.fresh = 5.0
        self._changed_at: dict[str, float] = {}
        self.max_open: int | None = None
        self.broken: list[str] = []
        self.page = 1000
        self.calls: list[tuple[int, str, str]] = []
        self.answers_lost: dict[str, int] = {}
        self.refused: dict[str, list[exceptions.CloudError]] = {}
        self.faults: Callable[[str], exceptions.CloudError | None] | None
        self.faults = None
        self._failing: dict[str, int] = {}
        self._left_when_read: dict[str, int] = {}
        self._numbers = itertools.count(1)
        #: The record of each server that Nova works for; it looks at none.
        self._current: dict[str, str] = {}

    # What the tests do to it.

    def fail(self, call: str, times: int) -> None:
        """Let a call go unanswered so many times."""
        self._failing[call] = times

    def report(self, host: str = data.DEAD, every: float = 10.0) -> None:
        """Bring a host to life: its service reports from now on."""
        at_once = self.clock.now == self.began
        self.alive[host] = -math.inf if at_once else self.clock.now
        self._report(host, every)

    def boot(self, host: str = data.DEAD, every: float = 10.0) -> None:
        """Start nova-compute: it destroys what was evacuated, then reports.

        What is evacuated just now loses the disks that it depends on.
        """
        self._demand(
            not [item for item in self.open_records() if item.source == host],
            f'8: nova-compute of {host} starts while no evacuation is open',
        )
        for item in self.records:
            if item.source == host and item.status is _DONE:
                self._set(
                    item.id, model.MigrationStatus.COMPLETED, item.destination
                )
        self.report(host, every)

    def die(self, host: str = data.DEAD) -> None:
        """Take the life of a host: its service reports no more."""
        self.alive.pop(host, None)

    def _report(self, host: str, every: float) -> None:
        if host in self.alive:
            self.touch(host)
            self.clock.at(every, lambda: self._report(host, every))

    def touch(self, host: str = data.DEAD, **fields: Any) -> None:
        """Change a service record, as a report or a PUT of anybody's does."""
        self.updated[host] = self.clock.now
        if not fields:
            self.reported[host] = self.clock.now
        if fields.get('forced_down') is False:
            self.lifted = self.clock.now
        self.services_[host] = dataclasses.replace(
            self.services_[host], **fields
        )

    def change(self, server_id: str, **fields: Any) -> None:
        self._changed_at[server_id] = self.clock.now
        self.servers_[server_id] = dataclasses.replace(
            self.servers_[server_id], **fields
        )

    def delete(self, server_id: str) -> None:
        """Delete a server; Nova takes its records away with it."""
        del self.servers_[server_id]
        self.records = [
            record for record in self.records if record.server_id != server_id
        ]

    def begin(
        self,
        server_id: str,
        script: scripts_.Script = scripts_.GOOD,
        *,
        guarded: bool = False,
        target_host: str | None = None,
        stops: bool = False,
    ) -> None:
        """Begin an evacuation, whoever asked for it."""
        if server_id not in self.servers_:
            return
        before = self.servers_[server_id]
        record = data.evacuation(
            f'e{next(self._numbers)}',
            server_id,
            source=before.host,
            created=self.moment,
        )
        self.records.append(record)
        self._current[server_id] = record.id
        self.unanswered.discard(server_id)
        self.change(server_id, task_state='rebuilding')

        def claim() -> None:
            self._set(
                record.id,
                model.MigrationStatus.PRE_MIGRATING,
                target_host or data.SPARE,
            )

        def end() -> None:
            assert script.ends is not None
            if server_id not in self.servers_:
                return
            if self._current[server_id] != record.id:
                self._overtaken(record.id, before, target_host or data.SPARE)
                return
            if not script.claimed:
                self._set(record.id, script.ends, data.SPARE)
                self.change(server_id, task_state=None)
                return
            local = (
                before.image_id is not None or before.flavor.ephemeral > 0
            ) and not self.shared
            if script.ends.failed or (guarded and local):
                self._fail(record.id, before, script.ends, guarded and local)
                return
            if local:
                self.lost.add(server_id)
            self._move(record.id, before, target_host or data.SPARE, stops)

        if script.ends is not None:
            if not script.ends.failed:
                self.clock.at(script.takes / 2, claim)
            self.clock.at(script.takes, end)

    def _set(
        self,
        record_id: str,
        status: model.MigrationStatus,
        destination: str | None = None,
    ) -> None:
        self.records = [
            dataclasses.replace(item, status=status, destination=destination)
            if item.id == record_id
            else item
            for item in self.records
        ]

    def _fail(
        self,
        record_id: str,
        before: model.Server,
        status: model.MigrationStatus,
        missing: bool,
    ) -> None:
        failed = model.MigrationStatus.FAILED
        no_host = status is model.MigrationStatus.ERROR
        if missing:
            words = 'Invalid state of instance files on shared storage'
        elif no_host:
            words = 'No valid host was found.'
        else:
            words = 'the spawn failed'
        self._set(
            record_id,
            status if status.failed else failed,
            None if no_host else data.SPARE,
        )
        self.change(
            before.id,
            status='ERROR',
            vm_state='error',
            task_state=None,
            power_state=before.power_state if no_host else 0,
            fault=model.Fault(words, self.moment),
        )

    def _overtaken(
        self, record_id: str, before: model.Server, host: str
    ) -> None:
        """A second request was accepted meanwhile (bug 1978983).

        The guest is there when Nova finds that the server's task state is
        another's, and nothing ever destroys it.
        """
        self.spawned[before.id].append(host)
        self._set(record_id, model.MigrationStatus.FAILED, host)
        self.change(
            before.id,
            status='ERROR',
            vm_state='error',
            launched_at=self.moment,
            fault=model.Fault('Conflict updating instance', self.moment),
        )

    def _move(
        self, record_id: str, before: model.Server, host: str, stops: bool
    ) -> None:
        self.spawned[before.id].append(host)
        self._set(record_id, model.MigrationStatus.DONE, host)
        # Nova stops what was stopped, and what was in ERROR never.
        stopped = before.vm_state == 'stopped' or (
            stops and before.vm_state != 'error'
        )
        self.change(
            before.id,
            host=host,
            launched_at=self.moment,
            status='SHUTOFF' if stopped else 'ACTIVE',
            vm_state='stopped' if stopped else 'active',
            power_state=4 if stopped else 1,
            task_state=None,
        )

    @property
    def moment(self) -> datetime.datetime:
        """What the clocks of the cloud show."""
        return data.EPOCH + datetime.timedelta(
            seconds=self.clock.now - self.began
        )

    def open_records(self) -> list[model.Evacuation]:
        return [item for item in self.records if item.status.open]

    def count(self, call: str) -> int:
        return sum(name == call for _round, name, _host in self.calls)

    def list_calls_a_round(self) -> dict[tuple[int, str], int]:
        """List calls for one host between two sleeps, by round and host."""
        return collections.Counter(
            (number, host)
            for number, name, host in self.calls
            if name in ('servers', 'evacuations', 'service', 'services')
        )

    @property
    def changes(self) -> list[str]:
        """The calls that change something."""
        changing = (
            'evacuate',
            'mark_down',
            'lift',
            'enable',
            'disable',
            'stop',
        )
        return [name for _round, name, _host in self.calls if name in changing]

    def _left(self, host: str) -> list[model.Evacuation]:
        """What keeps a host from going back: open, or not cleaned up."""
        return [
            item
            for item in self.records
            if item.source == host
            and (item.status.open or item.status is _DONE)
        ]

    def _demand(self, holds: object, what: str) -> None:
        if not holds:
            self.broken.append(what)
            if self.objects:
                raise InvariantBroken(what)
