"""One run at a time for each host (invariant 9).

Nova has no compare-and-swap for an evacuation: between the moment in which a
server is seen to have none and the request for one, another run could do the
same. So a run holds a lock of the host from before it reads Nova until its
end. tooz gives it: a file on this machine by default, or the coordination
service that the cloud has already.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
import contextlib
import os
import platform
import pwd
from typing import Any
import uuid

from osc_instanceha import caller
from osc_instanceha import exceptions
from osc_instanceha import lock_service
from osc_instanceha import model

#: Of locks, and of the groups of those who hold them.
_PREFIX = 'osc-instanceha-'

#: The lock for counting the hosts that are down, and the group of the runs
#: that are about to take another one down.
_COUNTING = f'{_PREFIX}counting'
_GOING_DOWN = f'{_PREFIX}going-down'

#: After the name of a host's lock: the group of the runs of which requests
#: are on their way. One that is killed is in it for a while longer.
_ASKING = '-asking'

#: Seconds to wait for another run's lock.
TIMEOUT = 60.0


def default_url() -> str:
    """The URL of a folder for locks of this machine and user.

    The same in a terminal, under cron and in a service: nothing of it comes
    from the environment.
    """
    uid = os.geteuid()
    if uid == 0:
        return 'file:///run/osc-instanceha'
    try:
        home = pwd.getpwuid(uid).pw_dir
    except KeyError:
        # A user without an entry, as in a container.
        return f'file:///tmp/osc-instanceha-{uid}'  # noqa: S108
    return f'file://{home}/.cache/osc-instanceha'


class Held:
    """The locks of some hosts, as long as they are held."""

    def __init__(
        self,
        services: Sequence[model.Service],
        locks: lock_service.LockService,
        stack: contextlib.ExitStack,
        timeout: float,
    ) -> None:
        self._services = services
        self._locks = locks
        self._stack = stack
        self._timeout = timeout

    def check(self) -> None:
        """Make sure that no other run can have the locks.

        To be called right before what must not be done twice.

        :raises LockLost: if the lease may have ended
        """
        if not self._locks.holds():
            raise exceptions.LockLost(
                tuple(service.host for service in self._services),
                self._locks.shown,
            )

    def asking(self, service_id: str, on: bool) -> None:
        """Let later runs know that requests are on their way to Nova.

        Whoever is killed then may be dead before Nova has got to them.

        :param service_id: of the host that they are about
        :param on: False when all of them have been answered
        """
        name = _name(service_id) + _ASKING
        if not on:
            self._locks.withdraw(name)
            return
        with contextlib.suppress(exceptions.LockUnusable):
            self._locks.announce(name, {})

    def asked(self, service_id: str) -> bool:
        """Whether requests of a run that was killed may yet get to Nova.

        The lock ends with the process that held it, on files at once. What
        that process had sent may still wait before a busy API: as long as
        its announcement lasts.
        """
        try:
            return bool(self._locks.announced(_name(service_id) + _ASKING))
        except exceptions.LockUnusable:
            return False

    @contextlib.contextmanager
    def counting(self) -> Iterator[frozenset[str]]:
        """Count, alone, the hosts that other runs are about to take down.

        What ends without an error takes these hosts down: others count them
        from then on, until the locks are released.

        :returns: the IDs of the others' services
        :raises CountLocked: if another run counts for too long
        :raises InstanceHAError: if the locks' backend cannot be used
        """
        lock = self._locks.acquire(_COUNTING, self._timeout)
        if lock is None:
            raise exceptions.CountLocked(self._timeout, self._locks.shown)
        with contextlib.ExitStack() as stack:
            stack.callback(lock_service.let_go, lock.release)
            ours = [service.id for service in self._services]
            yield frozenset(self._going_down()) - frozenset(ours)
            if not self._locks.announce(_GOING_DOWN, {'services': ours}):
                # Nobody can be told: the others wait until this is over.
                self._stack.push(stack.pop_all())

    def _going_down(self) -> Iterator[str]:
        """The services of the runs that live."""
        for facts in self._locks.announced(_GOING_DOWN):
            for service in _strings(facts.get('services')):
                # Where the locks are files, what a killed run has announced
                # stays. Its lock does not.
                lock = self._locks.acquire(_name(service), 0)
                if lock is None:
                    yield service
                else:
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
    :param url: of a tooz backend; None for :func:`default_url`
    :param timeout: seconds to wait for each lock
    :param who: who runs this, and the time, for those who have to wait
    :raises HostLocked: if another run holds one for longer than that
    :raises LockUnusable: if the backend cannot be used
    """
    member = f'{platform.node()}-{os.getpid()}-{uuid.uuid4()}'
    with contextlib.ExitStack() as stack:
        locks = lock_service.LockService(url or default_url(), member, stack)
        for service in sorted(services, key=lambda service: service.id):
            name = _name(service.id)
            lock = locks.acquire(name, timeout, stopped)
            if lock is None:
                raise exceptions.HostLocked(
                    service.host, timeout, locks.shown, _holder(locks, name)
                )
            stack.callback(lock_service.let_go, lock.release)
            locks.keep(lock)
            user, since = who()
            locks.announce(
                name, {'who': user, 'pid': str(os.getpid()), 'since': since}
            )
        yield Held(services, locks, stack, timeout)


def _name(service_id: str) -> str:
    return f'{_PREFIX}{service_id}'


def _holder(locks: lock_service.LockService, name: str) -> str:
    """Who holds a lock, and since when; empty if that is not known."""
    try:
        announced = locks.announced(name)
    except exceptions.LockUnusable:
        return ''
    holders = [
        facts
        for facts in announced
        if all(_is_text(facts.get(key)) for key in ('who', 'pid', 'since'))
    ]
    if not holders:
        return ''
    # Those that were killed came before.
    last: Mapping[str, Any] = max(holders, key=lambda facts: facts['since'])
    return f'{last["who"]}, process {last["pid"]}, since {last["since"]}'


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _strings(value: object) -> Iterable[str]:
    return (
        [item for item in value if isinstance(item, str)]
        if isinstance(value, list | tuple)
        else []
    )
