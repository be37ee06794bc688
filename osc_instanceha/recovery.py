"""The recovery of hosts, as a run that can be watched.

A run keeps nothing: Nova is the record, and another run goes on where this
one was stopped, at any point.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
import concurrent.futures
import contextlib
import datetime
import getpass
import os
import platform

from osc_instanceha import events
from osc_instanceha import exceptions
from osc_instanceha import host_recovery
from osc_instanceha import hosts
from osc_instanceha import inventory
from osc_instanceha import model
from osc_instanceha import options as options_
from osc_instanceha import plan
from osc_instanceha import ports
from osc_instanceha import proof
from osc_instanceha import selection as selection_

#: Seconds between two looks at the cloud: the least while things move, the
#: most while they do not.
_SHORTEST = 0.5
_LONGEST = 5.0

#: No more than this part of the time is spent on looking.
_LOOKING = 0.5

#: Threads that send requests; more would need more connections than the
#: session keeps.
MOST_THREADS = 20

#: Takes the locks of these hosts.
Lock = Callable[[Sequence[str]], contextlib.AbstractContextManager[None]]


def whoever() -> tuple[str, str]:
    """Who runs this, and what time it is: for people who read records."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        # A user without a name, as in a container.
        user = f'uid {os.getuid()}'
    now = datetime.datetime.now(datetime.UTC)
    return f'{user}@{platform.node()}', now.strftime('%Y-%m-%dT%H:%M:%SZ')


class Recovery:
    """Evacuates hosts. Iterate over it to run it, once; it yields events.

    Closing the iterator early starts nothing more; :meth:`results` is
    complete and true at any moment.

    :param host_names: exact compute host names; None: every host that is
        forced down
    :param lock: held from before Nova is read until the end (invariant 9)
    """

    def __init__(
        self,
        host_names: Sequence[str] | None,
        *,
        compute: ports.Compute,
        images: ports.Images,
        lock: Lock,
        selection: selection_.Selection,
        options: options_.Options,
        dry_run: bool = False,
        clock: ports.Clock | None = None,
        who: Callable[[], tuple[str, str]] = whoever,
    ) -> None:
        self._names = host_names
        self._compute = compute
        self._images = images
        self._lock = lock
        self._selection = selection
        self._options = options
        self._dry_run = dry_run
        self._clock = clock or ports.SystemClock()
        self._who = who
        self._hosts: list[host_recovery.HostRecovery] = []
        self._plans: list[plan.Plan] = []
        #: Hosts whose cell does not answer, so that it is not known whether
        #: they are forced down; only where no hosts were named.
        self.unseen: tuple[str, ...] = ()

    def results(self) -> tuple[model.ServerResult, ...]:
        """One result for every server of every host (invariant 4)."""
        return tuple(
            result for host in self._hosts for result in host.results()
        )

    @property
    def plans(self) -> tuple[plan.Plan, ...]:
        """What was decided at the start, host by host."""
        return tuple(self._plans)

    @property
    def refusals(self) -> tuple[exceptions.HostNotProvenOff, ...]:
        """The hosts that were not proven off, or turned out to be alive."""
        return tuple(
            host.proof.refusal
            for host in self._hosts
            if host.proof.refusal is not None
        )

    def __iter__(self) -> Iterator[events.Event]:
        """Run.

        :raises InvalidInput: if a host or the target host is no good
        :raises TooManyHostsDown: if the caller's limit refuses
        :raises HostLocked: if another run works on one of the hosts
        :raises CloudError: if Nova cannot be read; nothing was changed then
        """
        names = self._check(self._compute.services())
        with contextlib.ExitStack() as stack:
            if not self._dry_run:
                stack.enter_context(self._lock(sorted(names)))
            pool = concurrent.futures.ThreadPoolExecutor(
                min(self._options.max_in_flight, MOST_THREADS)
            )
            # A request that is still queued when a run is given up must
            # never be sent.
            stack.callback(pool.shutdown, wait=False, cancel_futures=True)
            yield from self._read(names, pool)
            for name in self.unseen:
                yield events.Trouble(name, hosts.unseen(name))
            if self._dry_run:
                yield from self._prove_only()
            else:
                yield from self._run()

    def read_plans(self) -> tuple[plan.Plan, ...]:
        """Decide on every server, and go no further.

        :raises InstanceHAError: as :meth:`__iter__`
        """
        names = self._check(self._compute.services())
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            for _event in self._read(names, pool):
                pass
        return self.plans

    def _check(self, services: tuple[model.Service, ...]) -> list[str]:
        """The hosts to recover; raises before anything is changed."""
        names = self._names
        if names is None:
            names = hosts.fenced(services)
            self.unseen = tuple(
                service.host for service in services if not service.complete
            )
        found = hosts.find(names, services, self._compute.hypervisor_host)
        target = self._options.target_host
        if target is not None:
            what = '--target-host'
            (service,) = hosts.find(
                [target], services, self._compute.hypervisor_host, what=what
            )
            hosts.check_target(target, names, service)
        hosts.check_limit(self._options.max_hosts_down, names, services)
        return [service.host for service in found]

    def _read(
        self, names: list[str], pool: concurrent.futures.Executor
    ) -> Iterator[events.Event]:
        if not names:
            return
        # Once more, under the lock: another run may have ended just now.
        services = self._compute.services()
        if self._names is None:
            # Only what is locked: a host fenced since waits for the next run.
            names = [name for name in self._check(services) if name in names]
        found = hosts.find(names, services, self._compute.hypervisor_host)
        surroundings = inventory.read_surroundings(self._compute)
        for service in found:
            host = host_recovery.HostRecovery(
                proof.Proof(
                    service,
                    compute=self._compute,
                    clock=self._clock,
                    options=self._options,
                    who=self._who,
                ),
                compute=self._compute,
                images=self._images,
                clock=self._clock,
                pool=pool,
                room=self._room,
                selection=self._selection,
                options=self._options,
            )
            made = host.read(surroundings)
            self._hosts.append(host)
            self._plans.append(made)
            yield events.Planned(made)
        for host in self._hosts:
            yield from host.proof.check_fenced()

    def _room(self) -> int:
        return self._options.max_in_flight - sum(
            host.in_flight for host in self._hosts
        )

    def _run(self) -> Iterator[events.Event]:
        started = self._clock.monotonic()
        pause = _SHORTEST
        for host in self._hosts:
            yield from host.announce()
        while not all(host.ended for host in self._hosts):
            begun = self._clock.monotonic()
            moved = False
            for host in self._hosts:
                if not host.ended:
                    before = host.moved_at
                    yield from host.advance()
                    moved = moved or host.moved_at != before
            if all(host.ended for host in self._hosts):
                break
            if self._out_of_time(started):
                break
            took = self._clock.monotonic() - begun
            pause = _SHORTEST if moved else min(pause * 1.5, _LONGEST)
            self._clock.sleep(max(pause, took / _LOOKING - took))

    def _out_of_time(self, started: float) -> bool:
        now = self._clock.monotonic()
        if self._options.timeout is not None:
            return now - started >= self._options.timeout
        last = max(host.moved_at for host in self._hosts)
        return now - max(started, last) >= options_.PATIENCE

    def _prove_only(self) -> Iterator[events.Event]:
        """What a dry run does instead: listen, and change nothing."""
        for host in self._hosts:
            it = host.proof
            needed = host.waiting or it.wanted
            while needed and not it.refusal and not it.silent:
                yield from it.listen()
                if not it.refusal and not it.silent:
                    self._clock.sleep(_SHORTEST)
