"""One run at a time for each host (invariant 9).

Nova has no compare-and-swap for an evacuation: between the moment in which a
server is seen to have none and the request for one, another run could do the
same. So a run holds a lock of the host from before it reads Nova until its
end. tooz gives it: a file on this machine by default, or the coordination
service that the cloud has already.
"""

from __future__ import annotations

import collections
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
import contextlib
import os
import platform
from typing import Any
import uuid

from osc_instanceha import caller
from osc_instanceha import exceptions
from osc_instanceha import lock_folder
from osc_instanceha import lock_service
from osc_instanceha import model

#: Of locks, and of the groups of those who hold them.
_PREFIX = 'osc-instanceha-'

#: The runs, with the locks that each holds.
_HOLDING = f'{_PREFIX}holding'

#: The runs among them that are about to take their hosts down, and the lock
#: for counting those.
_GOING_DOWN = f'{_PREFIX}going-down'
_COUNTING = f'{_PREFIX}counting'


#: Seconds to wait for another run's lock.
TIMEOUT = 60.0


class Held:
    """The locks of some hosts, as long as they are held."""

    def __init__(
        self,
        services: Sequence[model.Service],
        facts: Mapping[str, Any],
        locks: lock_service.LockService,
        timeout: float,
        stopped: Callable[[], bool],
    ) -> None:
        self._services = services
        self._facts = facts
        self._locks = locks
        self._timeout = timeout
        self._stopped = stopped

    def check(self) -> None:
        """Make sure that no other run can have the locks.

        To be called right before what must not be done twice. It asks
        nobody, and so never waits.

        :raises LockLost: if a lease may have ended
        """
        if not self._locks.holds():
            raise exceptions.LockLost(
                tuple(service.host for service in self._services),
                self._locks.shown,
            )

    def asking(self, service_id: str, on: bool) -> None:
        """Let later runs know that requests are on their way to Nova.

        Whoever is killed then may be dead before Nova has got to them. To be
        called again and again while they are.

        :param service_id: of the host that they are about
        :param on: False when all of them have been answered
        """
        # What cannot be told keeps nobody from his work.
        with contextlib.suppress(exceptions.LockUnusable):
            self._locks.mark(_asking(service_id), on)

    def asked(self, service_id: str) -> bool:
        """Whether requests of a run that was killed may yet get to Nova.

        The lock ends with the process that held it, on files at once. What
        that process had sent may still wait before a busy API.
        """
        try:
            return self._locks.marked(_asking(service_id))
        except exceptions.LockUnusable:
            # Not known: it may (invariant 3).
            return True

    @contextlib.contextmanager
    def counting(self) -> Iterator[frozenset[str]]:
        """Count, alone, the hosts that other runs are about to take down.

        What ends without an error takes these hosts down: others count them
        from then on, until the locks are released.

        :returns: the IDs of the others' services
        :raises CountLocked: if another run counts for too long
        :raises LockUnusable: if the backend cannot be used
        """
        lock = self._locks.acquire(_COUNTING, self._timeout, self._stopped)
        if lock is None:
            raise exceptions.CountLocked(self._timeout, self._locks.shown)
        try:
            others = {
                str(name).removeprefix(_PREFIX)
                for facts in self._locks.announced(_GOING_DOWN)
                for name in facts['locks']
            }
            # A run that was killed had them before.
            yield frozenset(others - {item.id for item in self._services})
            self._locks.announce(_GOING_DOWN, self._facts)
        finally:
            lock_service.let_go(lock.release)


@contextlib.contextmanager
def hold(
    services: Sequence[model.Service],
    stopped: Callable[[], bool] = bool,
    *,
    url: str | None = None,
    timeout: float = TIMEOUT,
    who: Callable[[], tuple[str, str]] = caller.whoever,
) -> Iterator[Held]:
    """Hold the locks of the hosts of these nova-compute services.

    The ID of the service names the lock: it is the same whatever endpoint,
    region or user a run has, and another in another cloud.

    :param services: taken in the order of their IDs, so that no two runs
        wait for each other
    :param stopped: whether nobody waits for this any more
    :param url: of a tooz backend; None for files of this machine and user
    :param timeout: seconds to wait for each lock
    :param who: who runs this, and the time, for those who have to wait
    :raises HostLocked: if another run holds one for longer than that
    :raises LockUnusable: if the backend cannot be used
    """
    member = f'{platform.node()}-{os.getpid()}-{uuid.uuid4()}'
    with contextlib.ExitStack() as stack:
        locks = lock_service.LockService(
            url or lock_folder.default_url(), member, stack
        )
        names = []
        for service in sorted(services, key=lambda service: service.id):
            name = f'{_PREFIX}{service.id}'
            lock = locks.acquire(name, timeout, stopped)
            if lock is None:
                raise exceptions.HostLocked(
                    service.host, timeout, locks.shown, _holder(locks, name)
                )
            locks.keep(lock)
            names.append(name)
        user, since = who()
        facts = {
            'who': user,
            'pid': os.getpid(),
            'since': since,
            'locks': names,
        }
        locks.announce(_HOLDING, facts)
        yield Held(services, facts, locks, timeout, stopped)


def _asking(service_id: str) -> str:
    return f'{_PREFIX}asking-{service_id}'


def _holder(locks: lock_service.LockService, name: str) -> str:
    """Who holds a lock, and since when; empty if that is not known."""
    try:
        holders = [
            facts
            for facts in locks.announced(_HOLDING)
            if name in facts['locks']
        ]
    except exceptions.LockUnusable:
        return ''
    if not holders:
        return ''
    # Those that were killed came before.
    last = max(holders, key=lambda facts: str(facts.get('since')))
    return '{who}, process {pid}, since {since}'.format_map(
        collections.defaultdict(str, last)
    )
