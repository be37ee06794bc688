"""What fencing and unfencing several hosts have in common.

Each host is worked on by a thread of its own, under its own lock; one that
is locked, or fails, does not keep the others waiting.
"""

from __future__ import annotations

import abc
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Sequence
import functools
import threading

from osc_instanceha import events
from osc_instanceha import exceptions
from osc_instanceha import hosts
from osc_instanceha import model
from osc_instanceha import ports
from osc_instanceha import side_by_side
from osc_instanceha.fencing import levels as levels_
from osc_instanceha.fencing import result

_INTERRUPTED = 'interrupted before it was its turn'


class HostRuns(abc.ABC):
    """Does one thing to several hosts, side by side, once.

    :param names: exact compute host names
    :param devices: the fencing devices of a host
    :param lock: held for a host while it is worked on (invariant 9)
    :param locking: False for a run that changes nothing
    """

    def __init__(
        self,
        names: Sequence[str],
        *,
        compute: ports.Compute,
        devices: levels_.Devices,
        lock: ports.Lock,
        locking: bool = True,
        clock: ports.Clock | None = None,
    ) -> None:
        self._names = names
        self._compute = compute
        self._devices = devices
        self._lock = lock
        self._locking = locking
        self._clock = clock or ports.SystemClock()
        self._stop = threading.Event()
        self._begun = False
        self._results: dict[str, Callable[[], result.HostResult]] = {}

    def results(self) -> tuple[result.HostResult, ...]:
        """One result for every host, in the order asked for."""
        return tuple(
            self._results[name]()
            for name in self._names
            if name in self._results
        )

    def __iter__(self) -> Iterator[events.Event]:
        """Run.

        :raises InvalidInput: if a name is no host's
        :raises TooManyHostsDown: if the caller's limit refuses
        :raises CloudError: if Nova cannot be read; nothing was changed then
        :raises RuntimeError: if it was run before
        """
        if self._begun:
            raise RuntimeError('this runs once: make another')
        self._begun = True
        services = self._compute.services()
        found = hosts.find(
            self._names, services, self._compute.hypervisor_host
        )
        self._check(services)
        for service in found:
            self._results[service.host] = functools.partial(
                unchanged, service, _INTERRUPTED
            )
        yield from side_by_side.run(
            [functools.partial(self._one, service) for service in found],
            self._stop.set,
        )

    def _check(self, services: Collection[model.Service]) -> None:  # noqa: B027
        """Refuse all of it; raises before anything is changed."""

    @abc.abstractmethod
    def _work(
        self,
        service: model.Service,
        levels: levels_.Levels,
        held: ports.Held,
    ) -> Iterator[events.Event]:
        """Work on one host, and leave its result in ``_results``.

        :param held: its lock
        """

    def _one(self, service: model.Service) -> Iterator[events.Event]:
        if self._stop.is_set():
            return
        devices = self._devices(service.host, self._stop.is_set)
        with levels_.closing(devices) as levels:
            try:
                if self._locking:
                    with self._lock([service], self._stop.is_set) as held:
                        yield from self._work(
                            self._again(service), levels, held
                        )
                else:
                    yield from self._work(service, levels, ports.Unlocked())
            except exceptions.TooManyHostsDown as error:
                # The hosts that other runs take down meanwhile are counted.
                self._results[service.host] = functools.partial(
                    unchanged,
                    service,
                    str(error),
                    result.HostOutcome.REFUSED,
                )
            except exceptions.HostLocked as error:
                self._results[service.host] = functools.partial(
                    unchanged,
                    service,
                    # Then it has not waited to the end.
                    _INTERRUPTED if self._stop.is_set() else str(error),
                )
            except exceptions.InstanceHAError as error:
                # Before the work: it reports its own failures. The other
                # hosts go on.
                self._results[service.host] = functools.partial(
                    unchanged, service, str(error)
                )
        yield events.HostEnded(self._results[service.host]())

    def _again(self, service: model.Service) -> model.Service:
        """The service as it is under the lock."""
        now = self._compute.service(service.host)
        if now is None or now.id != service.id:
            raise exceptions.IncompleteAnswer(
                f'The compute service of {service.host} is not the same any '
                f'more: run the command again'
            )
        return hosts.require_complete(now)


def unchanged(
    service: model.Service,
    reason: str,
    outcome: result.HostOutcome = result.HostOutcome.FAILED,
) -> result.HostResult:
    """The result for a host that this run did nothing to."""
    return result.HostResult(
        service.host,
        outcome,
        reason,
        state='up' if service.up else 'down',
        enabled=service.enabled,
        forced_down=service.forced_down,
        disabled_reason=service.disabled_reason,
    )
