"""One run at a time for each host (invariant 9).

Nova has no compare-and-swap for an evacuation: between the moment in which a
server is seen to have none and the request for one, another run could do the
same. So a run holds a lock of the host from before it reads Nova until its
end. tooz gives it: a file on this machine by default, or the coordination
service that the cloud has already.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
import contextlib
import logging
import os
import platform
import pwd
import urllib.parse
import uuid

from tooz import coordination

from osc_instanceha import exceptions
from osc_instanceha import model

LOG = logging.getLogger(__name__)

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


@contextlib.contextmanager
def hold(
    services: Sequence[model.Service],
    *,
    url: str | None = None,
    timeout: float = TIMEOUT,
) -> Iterator[None]:
    """Hold the locks of the hosts of these nova-compute services.

    The ID of the service names the lock: it is the same whatever endpoint,
    region or user a run has, and another in another cloud.

    :param services: taken in the order of their IDs, so that no two runs
        wait for each other
    :param url: of a tooz backend; None for :func:`default_url`
    :param timeout: seconds to wait for each lock
    :raises HostLocked: if another run holds one for longer than that
    :raises InstanceHAError: if the backend cannot be used
    """
    where = url or default_url()
    shown = _without_secrets(where)
    member = f'{platform.node()}-{os.getpid()}-{uuid.uuid4()}'
    with contextlib.ExitStack() as stack:
        with _usable(where, shown):
            coordinator = coordination.get_coordinator(where, member.encode())
            coordinator.start(start_heart=True)
        stack.callback(_let_go, coordinator.stop)
        for service in sorted(services, key=lambda service: service.id):
            with _usable(where, shown):
                lock = coordinator.get_lock(
                    f'osc-instanceha-{service.id}'.encode()
                )
                acquired = lock.acquire(blocking=timeout or False)
            if not acquired:
                raise exceptions.HostLocked(service.host, timeout, shown)
            stack.callback(_let_go, lock.release)
        yield


def _let_go(release: Callable[[], object]) -> None:
    """Let go of a lock, or of the service that gave it.

    What was done under the lock is done, whatever becomes of it: it ends
    with the process, or with its lease.
    """
    try:
        release()
    except (coordination.ToozError, OSError) as error:
        LOG.debug('A lock was not released: %s', type(error))


def _without_secrets(url: str) -> str:
    """The URL without user, password and query (invariant 10)."""
    parts = urllib.parse.urlsplit(url)
    host = parts.netloc.rpartition('@')[2]
    return urllib.parse.urlunsplit((parts.scheme, host, parts.path, '', ''))


@contextlib.contextmanager
def _usable(url: str, shown: str) -> Iterator[None]:
    try:
        yield
    except (
        coordination.ToozError,
        ImportError,
        OSError,
        # stevedore's, for a driver that is not there.
        RuntimeError,
    ) as error:
        words = str(error).replace(url, shown) or type(error).__name__
        secret = urllib.parse.urlsplit(url).password
        if secret:
            words = words.replace(secret, '***')
        raise exceptions.InstanceHAError(
            f'The lock in {shown} cannot be taken ({words}); without it two '
            f'runs could evacuate one server twice, so nothing was changed: '
            f'make it usable (the folder writable, or the library that the '
            f'service needs installed), or name another in OS_INSTANCEHA_LOCK'
        ) from None
