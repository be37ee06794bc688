"""Changes to Nova in this process, each behind one name of Nova's own.

The first group makes it fit into one process, the second gives the tests
their switches.
"""

from __future__ import annotations

from collections import abc
import functools
import threading
from typing import Any
import weakref

from nova import context as nova_context
from nova import exception
from nova import servicegroup
from nova.api.openstack import api_version_request
from nova.api.openstack.compute import versions
from nova.compute import resource_tracker
import nova.conf
from nova.scheduler.client import report
from nova.servicegroup.drivers import db as heartbeat
from oslo_db import exception as db_exception
import oslo_messaging
from oslo_messaging import server as messaging_server
from oslo_messaging._drivers import impl_fake

from tests.cloud import hypervisor
from tests.cloud import release

# Only threads that answer the Compute API lose sight of a cell.
api_thread = threading.local()


def fit_into_one_process() -> None:
    # Nova 34 reads the allocations of every guest of a host, one GET each,
    # whenever it updates the host, and uses the answer only when the driver
    # asks for a reshape, which the fake driver never does.
    report.SchedulerReportClient.get_allocations_for_provider_tree = (
        lambda *args: {}
    )
    # A nova-compute counts as up from its first report on; 5 s is long.
    servicegroup.api.INITIAL_REPORTING_DELAY = 0.1


class Heartbeats:
    """Lets a heartbeat be ended for good, at one moment.

    Stopping the timer is not enough: a report that is under way already would
    still be written, after the host was made to look dead.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.ended: weakref.WeakSet = weakref.WeakSet()
        original = heartbeat.DbDriver._report_state

        def report_state(driver: Any, service: Any) -> None:
            with self.lock:
                if service not in self.ended:
                    original(driver, service)

        heartbeat.DbDriver._report_state = report_state

    def end(self, service: Any) -> None:
        with self.lock:
            self.ended.add(service)


class Work:
    """Knows whether any RPC or pooled task is under way in this process.

    :ivar refusing: what has not begun yet shall not begin
    """

    def __init__(self) -> None:
        self.tasks: dict[Any, str] = {}
        self.refusing = False

        def counted_on_incoming(server: Any, incoming: Any) -> None:
            executor = server._work_executor
            method = incoming[0].message.get('method')
            self.watch(
                executor.submit(self.process, server, incoming),
                f'RPC {method} on {server._target.server}',
            )

        messaging_server.MessageHandlingServer._on_incoming = (
            counted_on_incoming
        )
        for module, name, position in release.spawners():
            setattr(
                module, name, self.counted(getattr(module, name), position)
            )

    def counted(self, spawn: abc.Callable, position: int) -> abc.Callable:
        """One of Nova's functions that start work, which we then know of."""

        def counted_spawn(*args: Any, **kwargs: Any) -> Any:
            begun = list(args)
            func = args[position]
            task = object()

            @functools.wraps(func)
            def work(*args: Any, **kwargs: Any) -> Any:
                try:
                    return func(*args, **kwargs)
                finally:
                    self.tasks.pop(task, None)

            begun[position] = work
            self.tasks[task] = f'{spawn.__name__} {func}'
            try:
                spawned = spawn(*begun, **kwargs)
            except BaseException:
                self.tasks.pop(task, None)
                raise
            # It may be cancelled before it begins.
            if hasattr(spawned, 'add_done_callback'):
                spawned.add_done_callback(
                    lambda done: self.tasks.pop(task, None)
                )
            return spawned

        return counted_spawn

    def process(self, server: Any, incoming: Any) -> None:
        if self.refusing:
            failure = oslo_messaging.MessagingTimeout()
            incoming[0].reply(failure=(type(failure), failure, None))
        else:
            server._process_incoming(incoming)

    def watch(self, future: Any, name: str) -> None:
        self.tasks[future] = name
        future.add_done_callback(lambda done: self.tasks.pop(done, None))

    @staticmethod
    def queues() -> abc.Iterator[tuple[str, list]]:
        for exchange in list(
            impl_fake.FakeExchangeManager._exchanges.values()
        ):
            for key, queue in [
                *exchange._server_queues.items(),
                *exchange._topic_queues.items(),
            ]:
                yield key[1], queue

    def refuse_queued(self, host: str) -> None:
        """Answer what waits for a host that does not listen any more."""
        for server, queue in self.queues():
            while queue and server == host:
                reply = queue.pop(0)[2]
                if reply is not None:
                    reply.put((None, oslo_messaging.MessagingTimeout()))

    def pending(self) -> list[str]:
        return list(self.tasks.values()) + [
            'queued RPC {}'.format(message[1].get('method'))
            for _server, queue in self.queues()
            for message in list(queue)
        ]


class Unreachable:
    """The connection to the database of a cell that is down.

    At this level, since Nova meets a down cell in several ways: asking all
    cells at once, reading a list piece by piece, and asking one.
    """

    def __getattr__(self, name: str) -> Any:
        raise db_exception.DBConnectionError('the cell is down')


class Switches:
    """What a test can change about the Compute API as a whole."""

    def __init__(self, machines: hypervisor.Hypervisor) -> None:
        self.newest = api_version_request._MAX_API_VERSION
        self.down = False
        self.cell_uuid = ''
        self.break_cells()
        self.break_claims(machines)

    def reset(self) -> None:
        self.cap(None)
        self.page_size(None)
        self.down = False

    def cap(self, microversion: str | None) -> None:
        """The newest microversion there is, as in an older Nova."""
        version = microversion or self.newest
        api_version_request._MAX_API_VERSION = version
        versions.VERSIONS['v2.1']['version'] = version

    @staticmethod
    def page_size(size: int | None) -> None:
        if size is None:
            nova.conf.CONF.clear_override('max_limit', group='api')
        else:
            nova.conf.CONF.set_override('max_limit', size, group='api')

    def break_cells(self) -> None:
        target = nova_context.set_target_cell

        def set_target_cell(context: Any, cell: Any) -> None:
            target(context, cell)
            if cell is not None and self.is_lost(cell):
                context.db_connection = Unreachable()

        nova_context.set_target_cell = set_target_cell

    def is_lost(self, cell: Any) -> bool:
        return (
            self.down
            and getattr(api_thread, 'is_one', False)
            and cell.uuid == self.cell_uuid
        )

    @staticmethod
    def break_claims(machines: hypervisor.Hypervisor) -> None:
        tracker = resource_tracker.ResourceTracker
        original = tracker.rebuild_claim

        def rebuild_claim(self: Any, *args: Any, **kwargs: Any) -> Any:
            if machines.draining:
                raise hypervisor.Abandoned()
            if machines.take(self.host, 'fail_claims'):
                raise exception.ComputeResourcesUnavailable(
                    reason='injected claim failure'
                )
            return original(self, *args, **kwargs)

        tracker.rebuild_claim = rebuild_claim
