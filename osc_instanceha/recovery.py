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
import threading

from osc_instanceha import caller
from osc_instanceha import events
from osc_instanceha import exceptions
from osc_instanceha import host_recovery
from osc_instanceha import hosts
from osc_instanceha import inventory
from osc_instanceha import limit
from osc_instanceha import model
from osc_instanceha import options as options_
from osc_instanceha import plan
from osc_instanceha import ports
from osc_instanceha import proof
from osc_instanceha import proving
from osc_instanceha import selection as selection_
from osc_instanceha.fencing import levels

#: Seconds between two looks at the cloud: the least while things move, the
#: most while they do not.
_SHORTEST = 0.5
_LONGEST = 5.0

#: No more than this part of the time is spent on looking.
_LOOKING = 0.5

#: Threads that send requests; more would need more connections than the
#: session keeps.
MOST_THREADS = 20


class Recovery:
    """Evacuates hosts. Iterate over it to run it, once; it yields events.

    Closing the iterator early starts nothing more; :meth:`results` is
    complete and true at any moment.

    :param host_names: exact compute host names; None: every host that is
        forced down
    :param lock: held from before Nova is read until the end (invariant 9)
    :param devices: the fencing devices of a host
    """

    def __init__(
        self,
        host_names: Sequence[str] | None,
        *,
        compute: ports.Compute,
        images: ports.Images,
        lock: ports.Lock,
        devices: levels.Devices = levels.none,
        selection: selection_.Selection,
        options: options_.Options,
        dry_run: bool = False,
        clock: ports.Clock | None = None,
        who: Callable[[], tuple[str, str]] = caller.whoever,
    ) -> None:
        self._names = host_names
        self._compute = compute
        self._images = images
        self._lock = lock
        self._devices = devices
        self._selection = selection
        self._options = options
        self._dry_run = dry_run
        self._clock = clock or ports.SystemClock()
        self._who = who
        #: By service ID.
        self._held: dict[str, ports.Held] = {}
        self._hosts: list[host_recovery.HostRecovery] = []
        self._plans: list[plan.Plan] = []
        self._begun = False
        self._started = 0.0
        #: Hosts that were not looked at, and why; only where none were named.
        self.left_out: dict[str, exceptions.InstanceHAError] = {}

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

    @property
    def unmarked(self) -> tuple[str, ...]:
        """Hosts that were vouched for, and are not marked in Nova yet."""
        return tuple(host.host for host in self._hosts if host.proof.wanted)

    def __iter__(self) -> Iterator[events.Event]:
        """Run.

        :raises InvalidInput: if a host or the target host is no good
        :raises TooManyHostsDown: if the caller's limit refuses
        :raises HostLocked: if another run works on one of the hosts
        :raises CloudError: if Nova cannot be read; nothing was changed then
        :raises RuntimeError: if it was run before
        """
        if self._begun:
            raise RuntimeError('a Recovery runs once: make another')
        self._begun = True
        self._started = self._clock.monotonic()
        found = self._check(self._compute.services())
        with contextlib.ExitStack() as locks:
            locked = found if self._dry_run else self._locked(found, locks)
            pool = concurrent.futures.ThreadPoolExecutor(MOST_THREADS)
            try:
                yield from self._read(locked, pool)
                for name, error in self.left_out.items():
                    yield events.LeftOut(name, error)
                yield from self._prove()
                if self._dry_run:
                    yield from self._prove_only()
                else:
                    yield from self._run()
            finally:
                # Before the locks go: a request on its way is not known to
                # Nova's records yet, and the next run would repeat it.
                try:
                    pool.shutdown(wait=True, cancel_futures=True)
                except BaseException:
                    _let_go_later(pool, locks.pop_all())
                    raise
                for host in self._hosts:
                    for _event in host.collect():
                        pass

    def _locked(
        self, found: list[model.Service], locks: contextlib.ExitStack
    ) -> list[model.Service]:
        """Lock the hosts; those that were not named need not all be free."""
        locked = []
        for together in [found] if self._names else [[item] for item in found]:
            try:
                held = locks.enter_context(self._lock(together))
            except exceptions.HostLocked as error:
                if self._names is not None:
                    raise
                self.left_out[together[0].host] = error
                continue
            locked += together
            self._held.update((service.id, held) for service in together)
        return locked

    def read_plans(self) -> tuple[plan.Plan, ...]:
        """Decide on every server, and go no further.

        :raises InstanceHAError: as :meth:`__iter__`
        """
        found = self._check(self._compute.services())
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            for _event in self._read(found, pool):
                pass
        return self.plans

    def _check(
        self, services: tuple[model.Service, ...]
    ) -> list[model.Service]:
        """The hosts to recover; raises before anything is changed."""
        names = self._names
        if names is None:
            names = hosts.fenced(services)
            for service in services:
                if not service.complete:
                    self.left_out[service.host] = hosts.unseen(service.host)
        found = hosts.find(names, services, self._compute.hypervisor_host)
        target = self._options.target_host
        if target is not None:
            what = '--target-host'
            (service,) = hosts.find(
                [target], services, self._compute.hypervisor_host, what=what
            )
            hosts.check_target(target, names, service)
        hosts.check_limit(self._options.max_hosts_down, names, services)
        return found

    def _read(
        self,
        locked: list[model.Service],
        pool: concurrent.futures.Executor,
    ) -> Iterator[events.Event]:
        if not locked:
            return
        # Once more, under the lock: another run may have ended just now. A
        # host fenced since is not locked, and waits for the next run.
        ids = {service.id for service in locked}
        read_at = self._clock.monotonic()
        found = [
            service
            for service in self._check(self._compute.services())
            if service.id in ids
        ]
        if self._names is not None and len(found) != len(locked):
            gone = {item.host for item in locked} - {
                item.host for item in found
            }
            raise exceptions.IncompleteAnswer(
                f'The compute service of {", ".join(sorted(gone))} is not the '
                f'same any more: run the command again'
            )
        if self._names is not None and not self._dry_run and found:
            limit.take_down(
                self._options.max_hosts_down,
                found,
                self._compute,
                self._held[found[0].id],
            )
        surroundings = inventory.read_surroundings(self._compute)
        for service in found:
            host = self._host(service, pool, read_at)
            try:
                made = host.read(surroundings)
            except exceptions.CloudError as error:
                if self._names is not None:
                    raise
                self.left_out[service.host] = error
                continue
            self._hosts.append(host)
            self._plans.append(made)
            yield events.Planned(made)

    def _host(
        self,
        service: model.Service,
        pool: concurrent.futures.Executor,
        read_at: float,
    ) -> host_recovery.HostRecovery:
        held = self._held.get(service.id, ports.Unlocked())
        return host_recovery.HostRecovery(
            proof.Proof(
                service,
                compute=self._compute,
                clock=self._clock,
                options=self._options,
                who=self._who,
                check=held.check,
                read_at=read_at,
            ),
            compute=self._compute,
            images=self._images,
            clock=self._clock,
            pool=pool,
            held=held,
            room=self._room,
            busy_groups=self._busy_groups,
            expired=self._expired,
            selection=self._selection,
            options=self._options,
        )

    def _room(self) -> int:
        """How many more requests may be sent now.

        No more than there are threads: what waits for one would be sent on
        what was known a while ago.
        """
        if self._expired():
            return 0
        in_flight = sum(host.in_flight for host in self._hosts)
        requests = sum(host.requests for host in self._hosts)
        return min(
            self._options.max_in_flight - in_flight, MOST_THREADS - requests
        )

    def _busy_groups(self) -> set[str]:
        busy: set[str] = set()
        for host in self._hosts:
            busy |= host.groups_in_flight
        return busy

    def _run(self) -> Iterator[events.Event]:
        pause = _SHORTEST
        for host in self._hosts:
            yield from host.announce()
        while not all(host.ended for host in self._hosts):
            begun = self._clock.monotonic()
            before = [host.moved_at for host in self._hosts]
            for host in self._hosts:
                if not host.ended:
                    yield from host.advance()
                elif host.in_flight:
                    # What nobody follows any more still takes up places.
                    yield from host.look_again()
            if self._expired() and not any(
                # The lock is kept until what may have been lost on the way
                # to Nova cannot arrive there any more.
                host.uncertain
                for host in self._hosts
            ):
                break
            moved = before != [host.moved_at for host in self._hosts]
            took = self._clock.monotonic() - begun
            pause = _SHORTEST if moved else min(pause * 1.5, _LONGEST)
            if not all(host.ended for host in self._hosts):
                self._clock.sleep(max(pause, took / _LOOKING - took))

    def _expired(self) -> bool:
        now = self._clock.monotonic()
        if self._options.timeout is not None:
            return now - self._started >= self._options.timeout
        last = max((host.moved_at for host in self._hosts), default=now)
        return now - max(self._started, last) >= options_.PATIENCE

    def _prove(self) -> Iterator[events.Event]:
        """Fence the hosts, or see what speaks against their being off."""
        options = self._options
        if not options.already_fenced:
            yield from proving.prove(
                [
                    host.proof
                    for host in self._hosts
                    if options.fence or host.waiting
                ],
                compute=self._compute,
                devices=self._devices,
                clock=self._clock,
                who=self._who,
                options=options,
                dry_run=self._dry_run,
                check=self._check_locks,
            )
        for host in self._hosts:
            if not (options.fence and self._dry_run):
                yield from host.proof.check_fenced()

    def _check_locks(self) -> None:
        for held in set(self._held.values()):
            held.check()

    def _prove_only(self) -> Iterator[events.Event]:
        """What a dry run does instead: listen, and change nothing."""
        for host in self._hosts:
            if self._options.fence:
                # It would be silent once it is off.
                continue
            it = host.proof
            needed = host.waiting or it.wanted
            while needed and not it.refusal and not it.silent:
                yield from it.listen()
                if not it.refusal and not it.silent:
                    self._clock.sleep(_SHORTEST)


def _let_go_later(
    pool: concurrent.futures.Executor, locks: contextlib.ExitStack
) -> None:
    """Let the locks go when the last request has been answered.

    For whoever does not wait for that, as at a second Ctrl-C.
    """
    pool.shutdown(wait=False, cancel_futures=True)

    def wait() -> None:
        with locks:
            pool.shutdown(wait=True)

    threading.Thread(target=wait, name='locks').start()
