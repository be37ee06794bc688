"""One run at a time for each host (invariant 9).

Nova has no compare-and-swap for an evacuation: between the moment in which a
server is seen to have none and the request for one, another run could do the
same. So a run holds a lock of the host from before it reads Nova until its
end. tooz gives it: a file on this machine by default, or the coordination
service that the cloud has already.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence
import contextlib
import hashlib
import os
import pathlib
import platform
import uuid

from tooz import coordination

from osc_instanceha import exceptions

#: Seconds to wait for another run's lock.
TIMEOUT = 60.0


def default_url() -> str:
    """The URL of a folder for locks of this machine and user."""
    if os.geteuid() == 0:
        folder = pathlib.Path('/run/osc-instanceha')
    elif runtime := os.environ.get('XDG_RUNTIME_DIR'):
        folder = pathlib.Path(runtime) / 'osc-instanceha'
    else:
        folder = pathlib.Path.home() / '.cache' / 'osc-instanceha'
    return f'file://{folder}'


@contextlib.contextmanager
def hold(
    cloud: str,
    hosts: Sequence[str],
    *,
    url: str | None = None,
    timeout: float = TIMEOUT,
) -> Iterator[None]:
    """Hold the locks of these hosts.

    :param cloud: what tells this cloud from another with the same host names
    :param hosts: in the same order in every run, so that no two runs wait
        for each other
    :param url: of a tooz backend; None for :func:`default_url`
    :param timeout: seconds to wait for each lock
    :raises HostLocked: if another run holds one for longer than that
    :raises InstanceHAError: if the backend cannot be used
    """
    where = url or default_url()
    prefix = hashlib.sha256(cloud.encode()).hexdigest()[:12]
    member = f'{platform.node()}-{os.getpid()}-{uuid.uuid4()}'
    with contextlib.ExitStack() as stack:
        with _usable(where):
            coordinator = coordination.get_coordinator(where, member.encode())
            coordinator.start(start_heart=True)
        stack.callback(coordinator.stop)
        for host in hosts:
            with _usable(where):
                lock = coordinator.get_lock(f'{prefix}-{host}'.encode())
                acquired = lock.acquire(blocking=timeout or False)
            if not acquired:
                raise exceptions.HostLocked(host, timeout, where)
            stack.callback(lock.release)
        yield


@contextlib.contextmanager
def _usable(where: str) -> Iterator[None]:
    try:
        yield
    except (coordination.ToozError, OSError) as error:
        raise exceptions.InstanceHAError(
            f'The lock in {where} cannot be taken ({error}); without it two '
            f'runs could evacuate one server twice, so nothing was changed: '
            f'make the folder writable, or name another in OS_INSTANCEHA_LOCK'
        ) from error
