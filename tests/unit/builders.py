"""Small ones of everything, and a Nova that keeps its word.

:class:`FakeCompute` is a simulation, not a mock: it has servers, services and
evacuation records of its own, which go on as its clock does, and it objects
(:class:`InvariantBroken`) to what would destroy data on a real cloud.
"""

from __future__ import annotations

import collections
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
import concurrent.futures
import contextlib
import dataclasses
import datetime
import heapq
import itertools
import math
import threading
from typing import Any
from unittest import mock

from osc_instanceha import events
from osc_instanceha import exceptions
from osc_instanceha import model
from osc_instanceha import options as options_
from osc_instanceha import ports
from osc_instanceha import recovery
from osc_instanceha import selection as selection_
from osc_instanceha import side_by_side
from osc_instanceha.fencing import levels

DEAD = 'dead'
SPARE = 'spare'

#: The day on which every fake clock starts.
EPOCH = datetime.datetime(2026, 8, 1, tzinfo=datetime.UTC)

#: When the guests of the servers were spawned.
LAUNCHED = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)

_DONE = model.MigrationStatus.DONE

#: Longer than any living nova-compute is silent.
LONG_AGO = 3600.0

#: Seconds for which a reading of a service record holds (10 s, a quarter,
#: and one for the rounding of its time).
_UNKNOWABLE = 14.0


def flavor(**fields: Any) -> model.Flavor:
    return model.Flavor(
        **{'name': 'm1', 'ephemeral': 0, 'extra_specs': {}, **fields}
    )


def server(server_id: str = 'a', **fields: Any) -> model.Server:
    """A running server of the dead host whose root disk is a volume."""
    return model.Server(
        **{
            'id': server_id,
            'name': f'server-{server_id}',
            'host': DEAD,
            'project_id': 'project',
            'status': 'ACTIVE',
            'vm_state': 'active',
            'task_state': None,
            'power_state': 1,
            'launched_at': LAUNCHED,
            'created': '2026-01-01T00:00:00Z',
            'flavor': flavor(),
            'image_id': None,
            'tags': frozenset(),
            **fields,
        }
    )


def stopped_server(server_id: str = 'a', **fields: Any) -> model.Server:
    return server(
        server_id,
        **{
            'status': 'SHUTOFF',
            'vm_state': 'stopped',
            'power_state': 4,
            **fields,
        },
    )


def service(host: str = DEAD, **fields: Any) -> model.Service:
    """A service that is forced down and has been silent for long."""
    return model.Service(
        **{
            'id': f'service-{host}',
            'host': host,
            'up': False,
            'enabled': False,
            'forced_down': True,
            'updated_at': EPOCH,
            'quiet_for': LONG_AGO,
            **fields,
        }
    )


def living(host: str = SPARE, **fields: Any) -> model.Service:
    return service(
        host,
        **{
            'up': True,
            'enabled': True,
            'forced_down': False,
            'quiet_for': 1.0,
            **fields,
        },
    )


def evacuation(
    record_id: str = 'e1',
    server_id: str = 'a',
    status: model.MigrationStatus = model.MigrationStatus.ACCEPTED,
    **fields: Any,
) -> model.Evacuation:
    return model.Evacuation(
        **{
            'id': record_id,
            'server_id': server_id,
            'status': status,
            'source': DEAD,
            'destination': None,
            'created': EPOCH,
            **fields,
        }
    )


def group(
    *members: str, group_id: str = 'g', policy: str = 'anti-affinity'
) -> model.ServerGroup:
    return model.ServerGroup(
        group_id, f'group-{group_id}', policy, frozenset(members)
    )


def inventory(*servers: model.Server, **fields: Any) -> model.Inventory:
    return model.Inventory(**{'host': DEAD, 'servers': servers, **fields})


class InvariantBroken(AssertionError):
    """The product did what it promises never to do."""


class Killed(BaseException):
    """The process ends here, as by SIGKILL."""


class FakeClock:
    """Time passes only in sleep; what is due then happens.

    :ivar fuse: steps of the world until the process is killed; None: it
        is not
    """

    def __init__(self) -> None:
        self.now = 5000.0
        self.rounds = 0
        self._lock = threading.RLock()
        self.fuse: int | None = None
        self._numbers = itertools.count()
        self._due: list[tuple[float, int, Callable[[], None]]] = []

    def monotonic(self) -> float:
        return self.now

    def step(self) -> None:
        """Something begins or has just happened: a moment to be killed in."""
        if self.fuse is not None:
            if self.fuse == 0:
                raise Killed
            self.fuse -= 1

    def at(self, seconds: float, action: Callable[[], None]) -> None:
        """Let something happen so many seconds from now."""
        due = (self.now + seconds, next(self._numbers), action)
        heapq.heappush(self._due, due)

    def sleep(self, seconds: float) -> None:
        assert seconds > 0, 'a busy loop'
        with self._lock:
            self.rounds += 1
            assert self.rounds < 5000, 'this run would never end'
            end = self.now + seconds
            while self._due and self._due[0][0] <= end:
                moment, _number, action = heapq.heappop(self._due)
                self.now = max(self.now, moment)
                action()
            self.now = end


def in_turn(
    tasks: Sequence[Callable[[], Iterator[events.Event]]],
    stop: Callable[[], None],
) -> Iterator[events.Event]:
    """:func:`~osc_instanceha.side_by_side.run`, in an order that is known."""
    running = collections.deque(task() for task in tasks)
    errors: list[Exception] = []
    try:
        while running:
            task = running.popleft()
            try:
                event = next(task, None)
            except Exception as error:
                errors.append(error)
                continue
            if event is not None:
                running.append(task)
                yield event
    except GeneratorExit:
        stop()
        for task in running:
            collections.deque(task, maxlen=0)
        raise
    if errors:
        raise errors[0]


class FakePool(concurrent.futures.Executor):
    """Sends requests when the clock says so, in order.

    :param delay: seconds that a request is on its way; None: sent at once
    :param on_the_wire: what was submitted cannot be called back
    """

    def __init__(
        self, clock: FakeClock, delay: float | None, on_the_wire: bool
    ) -> None:
        self._clock = clock
        self._delay = delay
        self._on_the_wire = on_the_wire
        self._pending: list[concurrent.futures.Future[Any]] = []

    def submit(
        self, function: Callable[..., Any], /, *args: Any, **kwargs: Any
    ) -> concurrent.futures.Future[Any]:
        future: concurrent.futures.Future[Any] = concurrent.futures.Future()
        self._pending.append(future)
        started = self._on_the_wire and future.set_running_or_notify_cancel()

        def work() -> None:
            if not started and not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(function(*args, **kwargs))
            except BaseException as error:
                future.set_exception(error)

        if self._delay is None:
            work()
        else:
            self._clock.at(self._delay, work)
        return future

    def shutdown(
        self, wait: bool = True, *, cancel_futures: bool = False
    ) -> None:
        if cancel_futures:
            for future in self._pending:
                future.cancel()
        while wait and not all(item.done() for item in self._pending):
            self._clock.sleep(1)


@dataclasses.dataclass(frozen=True)
class Script:
    """What becomes of one evacuate request.

    :ivar begins: whether Nova takes it on
    :ivar ends: the status in which the record ends; None: it never does
    :ivar takes: seconds from beginning to end
    :ivar late: seconds after the answer at which it begins
    """

    answer: ports.Answer = ports.Answer.ACCEPTED
    begins: bool = True
    ends: model.MigrationStatus | None = model.MigrationStatus.DONE
    takes: float = 10.0
    late: float = 0.0
    message: str = ''
    code: int | None = None


GOOD = Script()
NO_HOST = Script(ends=model.MigrationStatus.ERROR, takes=2.0)
BROKE = Script(ends=model.MigrationStatus.FAILED, takes=6.0)
STUCK = Script(ends=None)
LOST_BUT_TAKEN = Script(ports.Answer.UNCERTAIN, message='read timed out')
LOST_AND_LATE = Script(
    ports.Answer.UNCERTAIN, late=60.0, message='read timed out'
)
LOST = Script(ports.Answer.UNCERTAIN, begins=False, message='read timed out')
NOT_SENT = Script(
    ports.Answer.NOT_SENT, begins=False, message='connection refused'
)
ERRED = Script(
    ports.Answer.ERRED, begins=False, message='Unexpected API Error', code=500
)
ERRED_BUT_TAKEN = Script(
    ports.Answer.ERRED, message='Unexpected API Error', code=500
)
REFUSED = Script(
    ports.Answer.REFUSED, begins=False, message='it has a vTPM', code=400
)
HOST_IN_USE = Script(
    ports.Answer.HOST_IN_USE,
    begins=False,
    message=f'Compute service of {DEAD} is still in use.',
    code=400,
)


class FakeCompute:
    """:class:`~osc_instanceha.ports.Compute` that simulates Nova.

    :ivar servers_: the servers, by id, as they are now
    :ivar records: the evacuations, oldest first
    :ivar scripts: what becomes of the requests for a server, in turn
    :ivar requests: the evacuate requests that reached Nova
    :ivar spawned: hosts on which a server's guest was started, by server
    :ivar unanswered: servers of whose last request nobody knows anything
    :ivar lost: servers whose disks were made anew from the image
    :ivar alive: hosts that in truth are running, and since when
    :ivar lifted: when forced down was lifted from a host
    :ivar shared: whether in truth the disks are on shared storage
    :ivar broken: the invariants that were broken
    :ivar page: records that one page of a list of evacuations holds
    :ivar answers_lost: how many answers to a call are lost on the way back
    :ivar refused: errors that a call answers with, in turn
    """

    def __init__(
        self,
        clock: FakeClock,
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
        self.scripts: dict[str, list[Script]] = {}
        self.groups_: tuple[model.ServerGroup, ...] = ()
        self.aggregates_: tuple[model.Aggregate, ...] = ()
        self.stopped_by_owner: set[str] = set()
        self.started_by_owner: set[str] = set()
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.spawned: dict[str, list[str]] = collections.defaultdict(list)
        self.lost: set[str] = set()
        self.unanswered: set[str] = set()
        self.alive: dict[str, float] = {}
        self.lifted = -math.inf
        self.shared = True
        self.stops_itself = False
        self.max_open: int | None = None
        self.broken: list[str] = []
        self.page = 1000
        self.calls: list[tuple[int, str, str]] = []
        self.answers_lost: dict[str, int] = {}
        self.refused: dict[str, list[exceptions.CloudError]] = {}
        self._failing: dict[str, int] = {}
        self._left_when_read: dict[str, int] = {}
        self._numbers = itertools.count(1)

    # What the tests do to it.

    def fail(self, call: str, times: int) -> None:
        """Let a call go unanswered so many times."""
        self._failing[call] = times

    def report(self, host: str = DEAD, every: float = 10.0) -> None:
        """Bring a host to life: its service reports from now on."""
        at_once = self.clock.now == self.began
        self.alive[host] = -math.inf if at_once else self.clock.now
        self._report(host, every)

    def boot(self, host: str = DEAD, every: float = 10.0) -> None:
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

    def die(self, host: str = DEAD) -> None:
        """Take the life of a host: its service reports no more."""
        self.alive.pop(host, None)

    def _report(self, host: str, every: float) -> None:
        if host in self.alive:
            self.touch(host)
            self.clock.at(every, lambda: self._report(host, every))

    def touch(self, host: str = DEAD, **fields: Any) -> None:
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
        script: Script = GOOD,
        *,
        guarded: bool = False,
        target_host: str | None = None,
        stops: bool = False,
    ) -> None:
        """Begin an evacuation, whoever asked for it."""
        if server_id not in self.servers_:
            return
        before = self.servers_[server_id]
        record = evacuation(
            f'e{next(self._numbers)}',
            server_id,
            source=before.host,
            created=self.moment,
        )
        self.records.append(record)
        self.unanswered.discard(server_id)
        self.change(server_id, task_state='rebuilding')

        def claim() -> None:
            self._set(
                record.id,
                model.MigrationStatus.PRE_MIGRATING,
                target_host or SPARE,
            )

        def end() -> None:
            assert script.ends is not None
            if server_id not in self.servers_:
                return
            local = (
                before.image_id is not None or before.flavor.ephemeral > 0
            ) and not self.shared
            if script.ends.failed or (guarded and local):
                self._fail(record.id, before, script.ends, guarded and local)
                return
            if local:
                self.lost.add(server_id)
            self._move(record.id, before, target_host or SPARE, stops)

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
            None if no_host else SPARE,
        )
        self.change(
            before.id,
            status='ERROR',
            vm_state='error',
            task_state=None,
            power_state=before.power_state if no_host else 0,
            fault=model.Fault(words, self.moment),
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
        return EPOCH + datetime.timedelta(seconds=self.clock.now - self.began)

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

    # What the product may ask.

    def _asked(self, call: str, host: str = '') -> None:
        self.clock.step()
        self.calls.append((self.clock.rounds, call, host))
        if self._failing.get(call, 0) > 0:
            self._failing[call] -= 1
            raise exceptions.Unreachable(f'{call} timed out', code=504)
        if self.refused.get(call):
            raise self.refused[call].pop(0)

    def _changed(self, call: str, host: str, **fields: Any) -> model.Service:
        """Change a service record, and answer with it."""
        self.touch(host, **fields)
        self.clock.step()
        if self.answers_lost.get(call, 0) > 0:
            self.answers_lost[call] -= 1
            raise exceptions.Unreachable(f'the answer to {call} was lost')
        return self._shown(self.services_[host])

    def _demand_record(self, service: model.Service) -> None:
        self._demand(
            self.services_[service.host].id == service.id, 'the right record'
        )

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
            raise InvariantBroken(what)

    def _shown(self, item: model.Service) -> model.Service:
        age = self.clock.now - self.updated[item.host]
        moment = self.updated[item.host] - self.began
        unheard = self.clock.now - self.reported[item.host]
        return dataclasses.replace(
            item,
            up=not item.forced_down and unheard < 60,
            updated_at=EPOCH + datetime.timedelta(seconds=moment),
            quiet_for=age,
        )

    def services(self) -> tuple[model.Service, ...]:
        self._asked('services')
        return tuple(self._shown(item) for item in self.services_.values())

    def service(self, host: str) -> model.Service | None:
        self._asked('service', host)
        self._demand(isinstance(host, str) and host, 'a host is named')
        item = self.services_.get(host)
        return None if item is None else self._shown(item)

    def mark_down(self, service: model.Service, reason: str) -> model.Service:
        self._asked('mark_down', service.host)
        self._demand(0 < len(reason) <= 255, 'a reason Nova accepts')
        self._demand_record(service)
        self._demand(
            service.host not in self.alive, 'no living host is marked'
        )
        return self._changed(
            'mark_down',
            service.host,
            forced_down=True,
            enabled=False,
            disabled_reason=reason,
        )

    def lift(self, service: model.Service) -> model.Service:
        """Let go; refused, as Nova does, while a record is done.

        Of one that is open Nova would know nothing.
        """
        self._asked('lift', service.host)
        self._demand_record(service)
        self._demand(
            self._left_when_read.get(service.host) == 0,
            f'8: {service.host} is let go when nothing is known to be left',
        )
        left = self._left(service.host)
        if any(item.status is _DONE for item in left):
            raise exceptions.CloudError(
                'Unable to force up host: evacuations are not completed',
                code=400,
            )
        self._demand(
            not left, f'8: {service.host} is let go with nothing open'
        )
        return self._changed('lift', service.host, forced_down=False)

    def enable(self, service: model.Service) -> model.Service:
        self._asked('enable', service.host)
        self._demand_record(service)
        self._demand(
            not self._left(service.host),
            f'8: {service.host} is enabled when nothing is left',
        )
        self._demand(
            self._shown(self.services_[service.host]).up,
            f'{service.host} is enabled when it is up',
        )
        return self._changed(
            'enable', service.host, enabled=True, disabled_reason=None
        )

    def disable(self, service: model.Service, reason: str) -> model.Service:
        self._asked('disable', service.host)
        self._demand(0 < len(reason) <= 255, 'a reason Nova accepts')
        self._demand_record(service)
        return self._changed(
            'disable', service.host, enabled=False, disabled_reason=reason
        )

    def servers(self, host: str) -> tuple[model.Server, ...]:
        self._asked('servers', host)
        self._demand(host in self.services_, f'{host!r} is a host')
        return tuple(
            item for item in self.servers_.values() if item.host == host
        )

    def server(self, server_id: str) -> model.Server | None:
        self._asked('server')
        return self.servers_.get(server_id)

    def evacuations(
        self, host: str, known: Collection[str] = ()
    ) -> tuple[model.Evacuation, ...]:
        self._asked('evacuations', host)
        self._demand(host in self.services_, f'{host!r} is a host')
        self._left_when_read[host] = len(self._left(host))
        found = [
            item for item in reversed(self.records) if item.source == host
        ]
        for end in range(self.page, len(found), self.page):
            if found[end - 1].id in known:
                return tuple(found[:end])
        return tuple(found)

    def groups(self) -> tuple[model.ServerGroup, ...]:
        self._asked('groups')
        return self.groups_

    def aggregates(self) -> tuple[model.Aggregate, ...]:
        self._asked('aggregates')
        return self.aggregates_

    def hypervisor_types(
        self, hypervisors: Iterable[str]
    ) -> Mapping[str, str]:
        self._asked('hypervisor_types')
        return dict.fromkeys(hypervisors, 'QEMU')

    def hypervisor_host(self, hypervisor: str) -> str | None:
        self._asked('hypervisor_host')
        return None

    def evacuate(
        self,
        server_id: str,
        *,
        guarded: bool,
        target_host: str | None,
        stopped: bool,
    ) -> ports.Posted:
        self._asked('evacuate')
        scripts = self.scripts.get(server_id) or [GOOD]
        script = scripts.pop(0)
        if script.answer is ports.Answer.NOT_SENT:
            return ports.Posted(script.answer, script.message)
        options = {
            'guarded': guarded,
            'target_host': target_host,
            'stopped': stopped,
        }
        self.requests.append((server_id, options))
        number = len(self.requests)
        item = self.servers_.get(server_id)
        if item is None:
            return ports.Posted(
                ports.Answer.REFUSED, 'not found', f'req-{number}', 404
            )
        self._demand_safe(item, guarded, target_host)
        service_ = self.services_[item.host]
        if not service_.forced_down:
            return ports.Posted(
                ports.Answer.HOST_IN_USE,
                f'Compute service of {item.host} is still in use.',
                f'req-{number}',
                400,
            )
        stops = stopped and self.stops_itself and not guarded
        if script.begins:

            def begin() -> None:
                self.begin(
                    server_id,
                    script,
                    guarded=guarded,
                    target_host=target_host,
                    stops=stops,
                )

            if script.late:
                self.clock.at(script.late, begin)
            else:
                begin()
        if script.answer is ports.Answer.UNCERTAIN:
            if server_id not in {
                item.server_id for item in self.open_records()
            }:
                self.unanswered.add(server_id)
            return ports.Posted(script.answer, script.message)
        return ports.Posted(
            script.answer,
            script.message,
            f'req-{number}',
            script.code or 200,
            stops and script.answer is ports.Answer.ACCEPTED,
        )

    def _demand_safe(
        self, item: model.Server, guarded: bool, target_host: str | None
    ) -> None:
        openly = {record.server_id for record in self.open_records()}
        self._demand(
            item.id not in openly,
            f'2: no second request while an evacuation of {item.id} is open',
        )
        self._demand(
            item.id not in self.unanswered,
            f'2: no second request after one for {item.id} was lost',
        )
        self._demand(
            not self.spawned[item.id], f'2: {item.id} is evacuated already'
        )
        # What happened less than a report interval ago nobody can know.
        alive = self.clock.now - self.alive.get(item.host, math.inf)
        self._demand(alive < _UNKNOWABLE, f'1: {item.host} is off')
        lifted = self.clock.now - self.lifted
        self._demand(
            self.services_[item.host].forced_down
            or item.host != DEAD
            or lifted < _UNKNOWABLE,
            f'1: {item.host} is forced down',
        )
        self._demand(
            not (guarded and target_host),
            'no target host below 2.29, where it would be forced',
        )
        self._demand(item.task_state is None, f'{item.id} is left in peace')
        for group_ in self.groups_:
            if item.id in group_.members:
                self._demand(
                    not group_.members & openly,
                    f'one member of {group_.name} at a time',
                )
        if self.max_open is not None:
            self._demand(
                len(openly) < self.max_open,
                f'no more than {self.max_open} are open',
            )

    def stop(self, server_id: str) -> None:
        self._asked('stop')
        item = self.servers_[server_id]
        self._demand(item.host != DEAD, 'nothing is stopped on a dead host')
        if item.vm_state != 'active' or item.task_state is not None:
            raise exceptions.CloudError('it is in another state', code=409)
        self.change(server_id, task_state='powering-off')
        self.clock.at(
            2.0,
            lambda: self.change(
                server_id,
                status='SHUTOFF',
                vm_state='stopped',
                power_state=4,
                task_state=None,
            ),
        )

    def was_stopped(self, server_id: str) -> bool:
        self._asked('was_stopped')
        return server_id in self.stopped_by_owner

    def was_started(self, server_id: str) -> bool:
        self._asked('was_started')
        return server_id in self.started_by_owner

    def failure(
        self, server: model.Server, evacuation: model.Evacuation | None
    ) -> str:
        self._asked('failure')
        assert server.fault is not None, 'Nova has said why'
        return server.fault.message


class FakeImages:
    """:class:`~osc_instanceha.ports.Images` that knows what it is told."""

    def __init__(self) -> None:
        self.known: dict[str, model.ImageFacts] = {}
        self.asked: list[str] = []

    def facts(
        self, servers: Iterable[model.Server]
    ) -> Mapping[str, model.ImageFacts]:
        ids = [item.id for item in servers]
        self.asked += ids
        return {
            item: self.known.get(item, model.ImageFacts(None, 'it is gone'))
            for item in ids
        }


class FakeLock:
    """A lock for each host, as other processes see it."""

    def __init__(self) -> None:
        self.held: set[str] = set()
        self.taken: list[str] = []
        self.lost = False
        self.going_down: frozenset[str] = frozenset()
        #: Looks after which nothing of a killed run can arrive any more.
        self.looks = 0
        #: What is done at a look, while something can.
        self.look: Callable[[int], object] = lambda left: None
        #: What was said of requests on their way, in turn.
        self.said: list[bool] = []

    @contextlib.contextmanager
    def __call__(
        self,
        services: Collection[model.Service],
        stopped: Callable[[], bool] = bool,
    ) -> Iterator[FakeLock]:
        names = [service.host for service in services]
        for name in names:
            if name in self.held:
                raise exceptions.HostLocked(name, 0, 'a test')
        self.held |= set(names)
        self.taken += names
        try:
            yield self
        finally:
            self.held -= set(names)

    def check(self) -> None:
        if self.lost:
            raise exceptions.LockLost(tuple(sorted(self.held)), 'a test')

    def asking(self, service_id: str, on: bool) -> None:
        self.said.append(on)

    def asked(self, service_id: str) -> bool:
        self.looks -= 1
        if self.looks >= 0:
            self.look(self.looks)
        return self.looks >= 0

    @contextlib.contextmanager
    def counting(self) -> Iterator[frozenset[str]]:
        yield self.going_down


class World:
    """A cloud with a dead host and a spare one, and a clock.

    :ivar seen: the events of all runs
    :ivar devices: the fencing devices of a host
    """

    def __init__(
        self,
        *servers: model.Server,
        services: Iterable[model.Service] | None = None,
        delay: float | None = 0.0,
        on_the_wire: bool = False,
    ) -> None:
        self.clock = FakeClock()
        self.compute = FakeCompute(
            self.clock,
            servers,
            (service(), living()) if services is None else services,
        )
        self.images = FakeImages()
        self.lock = FakeLock()
        self.devices: levels.Devices = levels.none
        self.seen: list[events.Event] = []
        self._delay = delay
        self._on_the_wire = on_the_wire

    def pool(self, _threads: int) -> FakePool:
        return FakePool(self.clock, self._delay, self._on_the_wire)

    @contextlib.contextmanager
    def instead_of_threads(self) -> Iterator[None]:
        """Whatever would be done by threads goes by the clock."""
        with (
            mock.patch.object(
                concurrent.futures, 'ThreadPoolExecutor', self.pool
            ),
            mock.patch.object(side_by_side, 'run', in_turn),
        ):
            yield

    def recovery(
        self,
        names: Collection[str] | None = (DEAD,),
        *,
        selection: selection_.Selection | None = None,
        dry_run: bool = False,
        **options: Any,
    ) -> recovery.Recovery:
        return recovery.Recovery(
            None if names is None else list(names),
            compute=self.compute,
            images=self.images,
            lock=self.lock,
            devices=self.devices,
            selection=selection or selection_.Selection(),
            options=options_.Options(**options),
            dry_run=dry_run,
            clock=self.clock,
            who=lambda: ('test@here', 'now'),
        )

    def watch(self, run: recovery.Recovery) -> Iterator[events.Event]:
        """Run it, and look at its books at every event."""
        planned: list[str] = []
        for event in run:
            self.seen.append(event)
            if isinstance(event, events.Planned):
                planned += [step.server.id for step in event.plan.steps]
            assert [item.server_id for item in run.results()] == planned
            self.check(run)
            yield event

    def check(self, run: recovery.Recovery) -> None:
        """Nothing untrue is claimed, and nothing forbidden has happened."""
        assert not self.compute.broken
        for result in run.results():
            item = self.compute.servers_.get(result.server_id)
            if result.outcome is model.Outcome.EVACUATED and item:
                assert item.host != result.host
            if len(self.compute.spawned[result.server_id]) > 1:
                raise InvariantBroken(f'{result.server_id} runs twice')

    def finish(
        self, names: Collection[str] | None = (DEAD,), **options: Any
    ) -> recovery.Recovery:
        """Run to the end."""
        run = self.recovery(names, **options)
        for _event in self.watch(run):
            pass
        self.check(run)
        assert not self.lock.held
        return run

    def of(self, kind: type) -> list[Any]:
        return [event for event in self.seen if isinstance(event, kind)]


def outcomes(run: recovery.Recovery) -> dict[str, str]:
    return {item.server_id: item.outcome.value for item in run.results()}


def reasons(run: recovery.Recovery) -> dict[str, str]:
    return {item.server_id: item.reason for item in run.results()}
