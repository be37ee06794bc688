"""What gives the locks: a folder, or a coordination service, through tooz.

A lock of a coordination service is a lease: it ends by itself when nothing is
heard of its holder for a while. That frees the lock of a run that was killed,
and it takes the lock from a run that was only stopped, or cut off. So a run
asks here, before whatever must not be done twice, whether it still holds it.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
import contextlib
import logging
import time
from typing import Any
import urllib.parse

import tooz
from tooz import coordination
from tooz import locking as tooz_locking

from osc_instanceha import exceptions

LOG = logging.getLogger(__name__)

#: Seconds after which a lock that is waited for is asked for again, and
#: whoever waits may give up.
_SLICE = 1.0

#: The part of a lease after which one that was not renewed is not relied on.
_SAFE = 0.75

#: Seconds for which what a killed run has announced stays where the locks are
#: files, if the URL says nothing else: like the leases of etcd and Redis.
_LEASE = 30


def _now() -> float:
    """Seconds that go on also while the machine sleeps, as leases do."""
    return time.clock_gettime(
        getattr(time, 'CLOCK_BOOTTIME', time.CLOCK_MONOTONIC)
    )


class _Pulse:
    """Renews the leases, and knows when that came too late.

    tooz's own heart neither tells its owner that it could not beat nor, with
    etcd, that what it renewed was gone (Etcd3Lock.heartbeat ignores it).
    """

    def __init__(self, coordinator: coordination.CoordinationDriver) -> None:
        self._coordinator = coordinator
        self._renewed = _now()
        self._lasts = float('inf')
        self._lapsed = False

    def heartbeat(self) -> float | None:
        """Renew; returns the seconds for which that is good."""
        begun = _now()
        lasts: float | None = self._coordinator.heartbeat()
        # Before it counts as renewed: what has lapsed is not renewed.
        self.fresh()
        self._renewed = begun
        if lasts is not None:
            self._lasts = lasts
        return lasts

    def fresh(self) -> bool:
        """Whether every renewal so far came in time."""
        if _now() - self._renewed > self._lasts * _SAFE:
            self._lapsed = True
        return not self._lapsed


class LockService:
    """A connection to whatever gives the locks.

    :ivar shown: its URL without secrets
    """

    def __init__(
        self,
        url: str,
        member: str,
        stack: contextlib.ExitStack,
    ) -> None:
        self.shown = without_secrets(url)
        self._url = url
        self._member = member.encode()
        self._joined: list[bytes] = []
        self._locks: list[tooz_locking.Lock] = []
        with self.usable():
            self._coordinator = coordination.get_coordinator(
                url,
                self._member,
                # What a thread of the driver's own waits for could not be
                # interrupted.
                executor='synchronous',
                **_lease(url),
            )
            self._coordinator.start()
            self._pulse = _Pulse(self._coordinator)
            stack.callback(let_go, self._coordinator.stop)
            if self._coordinator.requires_beating:
                self._pulse.heartbeat()
                # It asks nothing of its driver but to beat.
                heart = coordination.Heart(self._pulse)
                heart.start()
                stack.callback(heart.stop)

    def acquire(
        self,
        name: str,
        timeout: float,
        stopped: Callable[[], bool] = bool,
    ) -> tooz_locking.Lock | None:
        """Take a lock.

        :param timeout: seconds to wait for it
        :param stopped: whether nobody waits for this any more
        :returns: None if somebody else holds it for longer than that
        :raises InstanceHAError: if the service cannot be used
        """
        end = _now() + timeout
        with self.usable():
            lock = self._coordinator.get_lock(name.encode())
            while True:
                slice_ = min(end - _now(), _SLICE)
                # False, not 0: drivers ask what it is.
                if lock.acquire(blocking=slice_ if slice_ > 0 else False):
                    return lock
                if slice_ <= 0 or stopped():
                    return None

    def keep(self, lock: tooz_locking.Lock) -> None:
        """Count a lock among those of which :meth:`holds` tells."""
        self._locks.append(lock)

    def holds(self) -> bool:
        """Whether this run surely holds its locks still.

        A service that does not answer has not lost them yet.
        """
        if not self._pulse.fresh():
            return False
        for lock in self._locks:
            if _ask(lock.is_still_owner) is False:
                return False
        for group in self._joined:
            members = _ask(lambda: self._coordinator.get_members(group).get())  # noqa: B023
            # A member is there for no longer than its lease.
            if members is not None and self._member not in {
                item.encode() if isinstance(item, str) else item
                for item in members
            }:
                return False
        return self._pulse.fresh()

    def announce(self, group: str, facts: Mapping[str, Any]) -> bool:
        """Let others know of this run while it lives.

        :returns: False if the service has no way to do that
        :raises InstanceHAError: if it cannot be used
        """
        name = group.encode()
        with self.usable():
            try:
                with contextlib.suppress(coordination.GroupAlreadyExist):
                    self._coordinator.create_group(name).get()
                self._coordinator.join_group(name, dict(facts)).get()
            except tooz.NotImplemented:
                return False
        self._joined.append(name)
        return True

    def withdraw(self, group: str) -> None:
        """Take back what was announced in a group."""
        name = group.encode()
        if name not in self._joined:
            return
        self._joined.remove(name)
        # What could not be taken back ends with this run.
        let_go(lambda: self._coordinator.leave_group(name).get())

    def announced(self, group: str) -> list[Mapping[str, Any]]:
        """What other runs have announced in a group.

        Where the locks are files, those are among them that were killed.

        :raises InstanceHAError: if the service cannot be used
        """
        name = group.encode()
        found = []
        with self.usable():
            try:
                members = self._coordinator.get_members(name).get()
            except (coordination.GroupNotCreated, tooz.NotImplemented):
                return []
            for member in members:
                if member in (self._member, self._member.decode()):
                    continue
                try:
                    facts = self._coordinator.get_member_capabilities(
                        name, member
                    ).get()
                except coordination.MemberNotJoined:
                    # It has left just now.
                    continue
                if isinstance(facts, Mapping):
                    found.append(facts)
        return found

    @contextlib.contextmanager
    def usable(self) -> Iterator[None]:
        """Turn what a driver raises into an error of ours.

        :raises InstanceHAError: instead
        """
        try:
            yield
        # Drivers let through what their own libraries raise.
        except Exception as error:
            words = str(error).replace(self._url, self.shown)
            secret = urllib.parse.urlsplit(self._url).password
            if secret:
                words = words.replace(secret, '***')
            raise exceptions.LockUnusable(
                self.shown, words or type(error).__name__
            ) from None


def without_secrets(url: str) -> str:
    """The URL without user, password and query (invariant 10)."""
    parts = urllib.parse.urlsplit(url)
    host = parts.netloc.rpartition('@')[2]
    return urllib.parse.urlunsplit((parts.scheme, host, parts.path, '', ''))


def _lease(url: str) -> dict[str, str]:
    parts = urllib.parse.urlsplit(url)
    if parts.scheme != 'file' or 'timeout' in urllib.parse.parse_qs(
        parts.query
    ):
        return {}
    return {'timeout': str(_LEASE)}


def let_go(release: Callable[[], object]) -> None:
    """Let go of a lock, or of the service that gave it.

    What was done under the lock is done, whatever becomes of it: it ends
    with the process, or with its lease.
    """
    try:
        release()
    # Drivers let through what their own libraries raise. The words may hold
    # the URL, and so a password.
    except Exception as error:
        LOG.debug('A lock was not released: %s', type(error))


def _ask(question: Callable[[], Any]) -> Any:
    """The answer; None if the service, or its driver, has none."""
    try:
        return question()
    except Exception as error:
        LOG.debug('The lock was not seen: %s', type(error))
        return None
