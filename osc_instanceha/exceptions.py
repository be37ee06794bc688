"""The errors of osc-instanceha.

::

    InstanceHAError
     +-- InvalidInput            something asked for makes no sense
     |    +-- HostNotFound
     |    +-- TargetHostUnusable
     |    +-- ProjectNotFound
     |    +-- InvalidConfig      instanceha.yaml, all that is wrong with it
     |    +-- DriverNotFound
     +-- HostNotProvenOff        invariant 1 would be broken
     +-- TooManyHostsDown        a safety limit refused
     +-- HostLocked              another run works on the host
     +-- CountLocked             another run counts the hosts that are down
     +-- LockLost                another run may have the lock by now
     +-- LockUnusable            no lock can be had
     +-- DeviceError             what a fencing device answered
     |    +-- DeviceUnreachable  it did not answer, or not in time
     |    +-- MissingLibrary     its driver needs one that is not installed
     +-- CloudError              what a service of the cloud answered
          +-- Unreachable        it did not answer at all
          +-- Forbidden          the credentials do not suffice
          +-- IncompleteAnswer   a part of the cloud is missing in it
          +-- UnexpectedAnswer   it is not what the API's reference says
          +-- MicroversionTooLow

Every error carries its facts as attributes; ``str()`` of it is one line
that says what is wrong, where, and what to do about it.
"""

from __future__ import annotations

from collections.abc import Sequence


class InstanceHAError(Exception):
    """Root of every error that this package raises on purpose."""


class InvalidInput(InstanceHAError):
    """What was asked for makes no sense; nothing has been changed.

    :ivar what: the option or argument at fault
    """

    def __init__(self, message: str, *, what: str = '') -> None:
        super().__init__(message)
        self.what = what


class HostNotFound(InvalidInput):
    """No compute service has exactly this host name.

    :ivar host: the name asked for
    :ivar nearest: names of compute hosts that look like it
    :ivar service_host: the host whose hypervisor has that name, if any
    """

    def __init__(
        self,
        host: str,
        *,
        nearest: Sequence[str] = (),
        service_host: str | None = None,
        what: str = 'host',
    ) -> None:
        if service_host is not None:
            hint = (
                f'it is the name of a hypervisor; its compute host is '
                f'{service_host}'
            )
        elif nearest:
            hint = 'did you mean {}?'.format(' or '.join(nearest))
        else:
            hint = (
                "see 'openstack compute service list --service nova-compute'"
            )
        super().__init__(f'No compute host {host!r}: {hint}', what=what)
        self.host = host
        self.nearest = tuple(nearest)
        self.service_host = service_host


class TargetHostUnusable(InvalidInput):
    """The target host cannot take servers now.

    :ivar host: the target host
    :ivar reason: why not
    """

    def __init__(self, host: str, reason: str) -> None:
        super().__init__(
            f'Target host {host} cannot take servers: {reason}',
            what='--target-host',
        )
        self.host = host
        self.reason = reason


class ProjectNotFound(InvalidInput):
    """No project has this name or ID.

    :ivar project: what was asked for
    """

    def __init__(self, project: str, detail: str) -> None:
        super().__init__(f'No project {project!r}: {detail}', what='--project')
        self.project = project


class InvalidConfig(InvalidInput):
    """The configuration cannot be used; nothing has been changed.

    :ivar problems: all of them, each one line: file, line, key, cure
    """

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__('\n'.join(problems), what='instanceha.yaml')
        self.problems = tuple(problems)


class DriverNotFound(InvalidInput):
    """There is no fencing driver of this name.

    :ivar driver: the name
    :ivar known: those that there are
    """

    def __init__(self, driver: str, known: Sequence[str]) -> None:
        super().__init__(
            f'No fencing driver {driver!r}: there are {", ".join(known)}',
            what='driver',
        )
        self.driver = driver
        self.known = tuple(known)


class HostNotProvenOff(InstanceHAError):
    """The host may be alive, so nothing is evacuated from it (any more).

    :ivar host: the host
    :ivar reason: what speaks against its being off
    :ivar cure: what to do next
    """

    def __init__(self, host: str, reason: str, cure: str) -> None:
        self.host = host
        self.reason = reason
        self.cure = cure
        super().__init__(f'{self.short}. {cure}')

    @property
    def short(self) -> str:
        """The error without the cure, for every row that it concerns."""
        return f'{self.host} is not proven off: {self.reason}'


class TooManyHostsDown(InstanceHAError):
    """More hosts are down than the caller's limit allows.

    :ivar down: names of the hosts that count as down
    :ivar total: number of compute hosts
    :ivar limit: the limit as it was given
    """

    def __init__(self, down: Sequence[str], total: int, limit: str) -> None:
        names = ', '.join(sorted(down)[:5])
        if len(down) > 5:
            names += ', …'
        super().__init__(
            f'{len(down)} of {total} compute hosts are forced down or about '
            f'to be ({names}), more than --max-hosts-down {limit}: nothing '
            f'was changed; if they are really dead, raise the limit'
        )
        self.down = tuple(down)
        self.total = total
        self.limit = limit


class HostLocked(InstanceHAError):
    """Another run on this machine, or in this cluster, works on the host.

    :ivar host: the host
    :ivar waited: seconds waited for the lock
    :ivar holder: who runs it, where, and since when; empty if not known
    """

    def __init__(
        self, host: str, waited: float, where: str, holder: str = ''
    ) -> None:
        run = f'Another run ({holder})' if holder else 'Another run'
        super().__init__(
            f'{run} works on {host} (lock in {where}, waited '
            f'{waited:.0f} s): nothing was changed; run the command again '
            f'when that one has ended, or wait longer with --lock-timeout'
        )
        self.host = host
        self.waited = waited
        self.holder = holder


class CountLocked(InstanceHAError):
    """Another run counts the hosts that are down, for too long.

    :ivar waited: seconds waited for it
    """

    def __init__(self, waited: float, where: str) -> None:
        super().__init__(
            f'Another run keeps the count of the hosts that are down (lock in '
            f'{where}, waited {waited:.0f} s), which --max-hosts-down needs: '
            f'nothing was changed; run the command again when that one has '
            f'ended, or wait longer with --lock-timeout'
        )
        self.waited = waited


class LockLost(InstanceHAError):
    """Another run may have the lock by now.

    :ivar hosts: the hosts for which it was held
    """

    def __init__(self, hosts: tuple[str, ...], where: str) -> None:
        super().__init__(
            f'The lock of {", ".join(hosts)} was lost: its lease in {where} '
            f'was not renewed in time, and another run may work there now. '
            f'Nothing more is begun; run the command again'
        )
        self.hosts = hosts


class LockUnusable(InstanceHAError):
    """No lock can be had, whoever holds one.

    :ivar where: URL of the backend, without secrets
    """

    def __init__(self, where: str, problem: str) -> None:
        super().__init__(
            f'The lock in {where} cannot be taken ({problem}); without it two '
            f'runs could evacuate one server twice, so nothing was changed: '
            f'make it usable (the folder writable, or the library that the '
            f'service needs installed), or name another in OS_INSTANCEHA_LOCK'
        )
        self.where = where


class DeviceError(InstanceHAError):
    """A fencing device said no, or cannot be asked at all.

    The message is about the device; which one it is, whoever asked knows.
    """


class DeviceUnreachable(DeviceError):
    """A fencing device gave no answer; asking again may help."""


class MissingLibrary(DeviceError):
    """The library that a fencing driver is made of is not installed.

    :ivar driver: name of the driver
    :ivar extra: the extra of this package that brings it
    """

    def __init__(self, driver: str, extra: str) -> None:
        super().__init__(
            f"the driver {driver} needs a library that is not installed: "
            f"'pip install osc-instanceha[{extra}]'"
        )
        self.driver = driver
        self.extra = extra


class CloudError(InstanceHAError):
    """A service of the cloud gave no usable answer.

    :ivar code: HTTP status, or None
    :ivar request_id: the service's request id, or None
    :ivar retry_after: seconds that it wants to be left alone for, or None
    """

    def __init__(
        self,
        message: str,
        *,
        code: int | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.request_id = request_id
        self.retry_after = retry_after

    @property
    def passing(self) -> bool:
        """Whether the same request may well succeed a little later."""
        return (
            self.code is None
            or self.code in (409, 429)
            or not 400 <= self.code < 500
        )


class Unreachable(CloudError):
    """No answer: refused, reset, timed out, or a proxy without a backend."""


class Forbidden(CloudError):
    """The credentials do not suffice for a call that is needed."""


class IncompleteAnswer(CloudError):
    """A list that is known not to be whole (invariant 7)."""


class UnexpectedAnswer(CloudError):
    """An answer that breaks the API's own reference.

    :ivar where: the call
    """

    def __init__(self, where: str, detail: str) -> None:
        super().__init__(
            f'{where} gave an answer that cannot be understood: {detail}; '
            f'nothing was decided on it'
        )
        self.where = where


class MicroversionTooLow(CloudError):
    """The Compute API, or the ceiling set for it, is too old."""

    @property
    def passing(self) -> bool:
        return False
