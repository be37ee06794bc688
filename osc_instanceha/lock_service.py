"""What gives the locks: a folder, or a coordination service, through tooz.

A file's lock is the kernel's, and lasts as long as its process. The lock of a
coordination service is a lease: it ends by itself when nothing is heard of
its holder for a while. That frees the lock of a run that was killed, and it
takes the lock from a run that was only stopped, or cut off.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
import contextlib
import logging
import pathlib
import threading
import time
from typing import Any
import urllib.parse

import tooz
from tooz import coordination
from tooz import locking as tooz_locking

from osc_instanceha import exceptions
from osc_instanceha import lock_folder

LOG = logging.getLogger(__name__)

#: Seconds after which a lock that is waited for is asked for again.
_PAUSE = 0.5

#: Seconds between two renewals of the leases, unless they are that short.
_BEAT = 2.0

#: The part of a lease after which one that was not renewed is not relied on.
_SAFE = 0.75

#: tooz drops the records of a folder that were not touched for so many
#: seconds, although the lock of a process that was stopped goes on.
_FOR_EVER = 10**9

#: Seconds for which the mark of a killed run counts where the locks are files,
#: if the URL has no ``timeout``: as long as the leases of etcd and Redis.
_MARKED = 30.0

#: Seconds after which a mark is made anew.
_ANEW = 5.0

#: A process that closes a file loses the lock that it has on it by another
#: descriptor, and tooz leaves a file open that it could not lock. So one
#: thread at a time has such a file open.
_FILES = threading.Lock()


def _now() -> float:
    """Seconds that go on also while the machine sleeps, as leases do."""
    return time.clock_gettime(
        getattr(time, 'CLOCK_BOOTTIME', time.CLOCK_MONOTONIC)
    )


class LockService:
    """A connection to whatever gives the locks.

    :param member: a name that no other run has
    :param stack: closes the connection
    :raises LockUnusable: if it cannot be used; likewise every method that
        asks it something
    :ivar shown: its URL without secrets
    """

    def __init__(
        self, url: str, member: str, stack: contextlib.ExitStack
    ) -> None:
        self.shown = without_secrets(url)
        self._url = url
        self._member = member.encode()
        # By what the driver is: nothing that it tells of itself sets the
        # leases of etcd apart from files.
        parts = urllib.parse.urlsplit(url)
        self._leased = parts.scheme != 'file'
        self._locks: list[tooz_locking.Lock] = []
        self._groups: list[bytes] = []
        #: When each mark was made, and the one of its two groups that is
        #: next.
        self._marks: dict[str, tuple[float, int]] = {}
        self._renewed = _now()
        self._lasts = float('inf')
        self._lost = False
        self._ended = threading.Event()
        options = {} if self._leased else {'timeout': _FOR_EVER}
        with self._usable():
            wanted = urllib.parse.parse_qs(parts.query).get('timeout')
            self._marked = float(wanted[-1]) if wanted else _MARKED
            self._coordinator = coordination.get_coordinator(
                url,
                self._member,
                # What a thread of the driver's own waits for could not be
                # interrupted.
                executor='synchronous',
                **options,
            )
            self._coordinator.start()
            stack.callback(self._end)
            if self._leased:
                self._renew()
                threading.Thread(target=self._beat, daemon=True).start()

    def acquire(
        self, name: str, timeout: float, stopped: Callable[[], bool] = bool
    ) -> tooz_locking.Lock | None:
        """Take a lock.

        :param timeout: seconds to wait for it
        :param stopped: whether nobody waits for this any more
        :returns: None if somebody else holds it for longer than that
        """
        end = _now() + timeout
        with self._usable():
            while True:
                with contextlib.nullcontext() if self._leased else _FILES:
                    lock = self._coordinator.get_lock(name.encode())
                    # The driver for etcd raises when it has waited in vain.
                    if lock.acquire(blocking=False):
                        return lock
                    del lock
                left = end - _now()
                if left <= 0 or stopped():
                    return None
                time.sleep(min(left, _PAUSE))

    def keep(self, lock: tooz_locking.Lock) -> None:
        """Hold a lock until the end; :meth:`holds` tells of it."""
        self._locks.append(lock)

    def holds(self) -> bool:
        """Whether this run surely holds what it keeps still.

        Asks nobody, so that it never waits: whoever renews the leases sees
        whether they are there. A lease that may have ended is lost for good.
        """
        if self._leased and _now() - self._renewed > self._lasts * _SAFE:
            self._lost = True
        return not self._lost

    def announce(self, group: str, facts: Mapping[str, Any]) -> None:
        """Let others know of this run while it lives.

        :param facts: among them ``locks``, the names of those that it holds
        """
        name = group.encode()
        with self._usable():
            self._join(name, facts)
        self._groups.append(name)

    def announced(self, group: str) -> list[Mapping[str, Any]]:
        """What other runs that live have announced in a group."""
        return [
            facts
            for facts in self._facts(group.encode())
            if self._lives(facts.get('locks'))
        ]

    def mark(self, group: str, on: bool) -> None:
        """Set or take away a mark that outlives this run for a while.

        Set again and again, it is of the moment.
        """
        now = _now()
        since, turn = self._marks.get(group, (float('-inf'), 0))
        if on and now - since < _ANEW:
            return
        # A driver may wait for long for a service that is away. The lock
        # itself lasts as long there as a mark would.
        if self._leased and now - self._renewed > _ANEW:
            return
        new, old = _both(group)[:: -1 if turn else 1]
        with self._usable():
            if not on:
                self._leave(old)
                self._leave(new)
                self._marks.pop(group, None)
                return
            if self._leased:
                # In vain, too, it is not tried at once again.
                self._marks[group] = now, turn
            self._leave(new)
            self._join(new, {'at': now})
            self._marks[group] = now, 1 - turn
            # Not before: this run may be killed in between.
            self._leave(old)

    def marked(self, group: str) -> bool:
        """Whether the mark of a run that was killed is there still.

        That of a lease ends with it. That of a folder has the time of this
        machine, which is all that sees it.
        """
        return any(
            self._leased or 0 <= _now() - facts.get('at', 0.0) < self._marked
            for name in _both(group)
            for facts in self._facts(name)
        )

    def _join(self, group: bytes, facts: Mapping[str, Any]) -> None:
        with contextlib.suppress(coordination.GroupAlreadyExist):
            self._coordinator.create_group(group).get()
        self._coordinator.join_group(group, dict(facts)).get()

    def _leave(self, group: bytes) -> None:
        # Its lease may have ended.
        with contextlib.suppress(
            coordination.GroupNotCreated, coordination.MemberNotJoined
        ):
            self._coordinator.leave_group(group).get()

    def _facts(self, group: bytes) -> list[Mapping[str, Any]]:
        """What others have said in a group, those that were killed too."""
        found: list[Any] = []
        for member in self._members(group) - {self._member}:
            with (
                self._usable(),
                # It has left just now.
                contextlib.suppress(coordination.MemberNotJoined),
            ):
                found.append(
                    self._coordinator.get_member_capabilities(
                        group, member
                    ).get()
                )
        return [facts for facts in found if isinstance(facts, Mapping)]

    def _members(self, group: bytes) -> set[bytes]:
        with self._usable():
            try:
                return self._ask_members(group)
            except coordination.SerializationError:
                if self._leased:
                    raise
            # What is empty was never written to its end, unless it is being
            # written. tooz does that under a lock of the folder's own, which
            # it takes to answer: whoever had that has let go of it then.
            folder = pathlib.Path(urllib.parse.urlsplit(self._url).path)
            torn = set(lock_folder.empty_records(folder))
            with contextlib.suppress(coordination.SerializationError):
                return self._ask_members(group)
            for path, _written in torn & set(
                lock_folder.empty_records(folder)
            ):
                path.unlink(missing_ok=True)
            return self._ask_members(group)

    def _ask_members(self, group: bytes) -> set[bytes]:
        try:
            return set(self._coordinator.get_members(group).get())
        except coordination.GroupNotCreated:
            return set()

    def _lives(self, locks: object) -> bool:
        """Whether a run that has announced these locks has not been killed.

        A folder keeps what it has announced, but not its locks.
        """
        if not isinstance(locks, list | tuple) or not locks:
            return False
        if self._leased:
            return True
        lock = self.acquire(str(locks[0]), 0)
        if lock is not None:
            let_go(lock.release)
        return lock is None

    def _end(self) -> None:
        # Before the locks go: that is not to be taken for a loss.
        self._ended.set()
        if self.holds():
            for lock in self._locks:
                let_go(lock.release)
        let_go(self._coordinator.stop)

    def _beat(self) -> None:
        """Renew the leases until the end.

        tooz's own heart tells nobody that it could not beat.
        """
        while not self._ended.wait(min(_BEAT, self._lasts / 10)):
            try:
                self._renew()
            # Drivers let through what their own libraries raise, and the next
            # beat may get through.
            except Exception as error:
                LOG.debug('The lock was not renewed: %s', type(error))

    def _renew(self) -> None:
        begun = _now()
        lasts = self._coordinator.heartbeat()
        # The drivers do not tell whether there was anything to renew.
        if not self._there():
            self._lost = True
        # Before it counts as renewed: what has lapsed is lost.
        elif self.holds():
            self._lasts = float(lasts)
            self._renewed = begun

    def _there(self) -> bool:
        for lock in tuple(self._locks):
            # The driver for etcd has no such question; but the lease of a
            # member ends there with the one of its locks.
            with contextlib.suppress(tooz.NotImplemented):
                if not lock.is_still_owner():
                    return False
        return all(
            self._member in self._members(group)
            for group in tuple(self._groups)
        )

    @contextlib.contextmanager
    def _usable(self) -> Iterator[None]:
        """Turn what a driver raises into an error of ours."""
        try:
            yield
        except exceptions.LockUnusable:
            raise
        except tooz.NotImplemented:
            # Such as MySQL's: a lock that ends with its connection would be
            # lost without a word.
            raise exceptions.LockUnusable(
                self.shown,
                'tooz has no way there to tell who holds a lock, nor that it '
                'was lost',
            ) from None
        # Drivers let through what their own libraries raise.
        except Exception as error:
            words = str(error).replace(self._url, self.shown)
            secret = urllib.parse.urlsplit(self._url).password
            if secret:
                words = words.replace(secret, '***')
            raise exceptions.LockUnusable(
                self.shown, words or type(error).__name__
            ) from None


def _both(group: str) -> list[bytes]:
    """The groups between which a mark moves each time that it is made."""
    return [f'{group}-{turn}'.encode() for turn in range(2)]


def let_go(release: Callable[[], object]) -> None:
    """Let go of a lock, or of what gave it.

    What was done under a lock is done, whatever becomes of it: it ends with
    the process, or with its lease.
    """
    try:
        release()
    # Drivers let through what their own libraries raise. The words may hold
    # the URL, and so a password.
    except Exception as error:
        LOG.debug('A lock was not released: %s', type(error))


def without_secrets(url: str) -> str:
    """The URL without user, password and query (invariant 10)."""
    parts = urllib.parse.urlsplit(url)
    host = parts.netloc.rpartition('@')[2]
    return urllib.parse.urlunsplit((parts.scheme, host, parts.path, '', ''))
