"""Marking a host in Nova for whoever has switched it off.

Invariant 1: that somebody calls this proves nothing. The host's own devices
have to prove that it is off, each time.
"""

from __future__ import annotations

from collections.abc import Callable

from osc_instanceha import cloud as cloud_
from osc_instanceha import events
from osc_instanceha import exceptions
from osc_instanceha import model
from osc_instanceha import ports
from osc_instanceha.fencing import result as result_

#: Seconds for one answer of the cloud: a hung service must leave time to ask
#: again.
ANSWER = 12.0

#: Seconds to wait for another run on the host. One that evacuates it has the
#: lock for long, and there is nothing left to be marked then.
_LOCK = 3.0

#: Seconds between two tries.
_PAUSES = (1.0, 2.0, 4.0)


class Marking:
    """Marks one host, and tries again until it is done.

    :param connect: connects to the cloud, with its configuration as it is
        now
    :param tell: takes one line for people
    :ivar problem: what has kept it from that so far
    """

    def __init__(
        self,
        host: str,
        connect: Callable[[], cloud_.Cloud],
        tell: Callable[[str], None],
        clock: ports.Clock | None = None,
    ) -> None:
        self.host = host
        self.problem = 'it has only just begun'
        self._connect = connect
        self._tell_anew = tell
        self._told: set[str] = set()
        self._clock = clock or ports.SystemClock()

    def run(self) -> None:
        """Return when the host is off and marked; whoever waits sets an end.

        Nothing is taken for final: whoever calls gives up for good after some
        failures, and until then a configuration may be mended.
        """
        tries = 0
        while True:
            try:
                problem = self._try()
            except exceptions.InstanceHAError as error:
                problem = str(error)
            if not problem:
                return
            self._tell(problem)
            self.problem = problem
            self._clock.sleep(_PAUSES[min(tries, len(_PAUSES) - 1)])
            tries += 1

    def _try(self) -> str:
        """What keeps it from being done; empty if nothing does.

        :raises InstanceHAError: likewise
        """
        cloud = self._connect()
        found = self._fence(cloud)
        if found.outcome is not result_.HostOutcome.FENCED:
            # Another run may have marked it already, and be at its servers.
            seen = self._fence(cloud, dry_run=True)
            if seen.outcome is not result_.HostOutcome.FENCED:
                return found.reason
        service = read(cloud, self.host)
        if not is_marked(service):
            return (
                f'Nova does not show the mark of {self.host}: it is '
                f'{"" if service.forced_down else "not "}forced down, and '
                f'{"enabled" if service.enabled else "disabled"}'
            )
        self._tell(f'{self.host} is {service.disabled_reason}')
        return ''

    def _tell(self, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            self._tell_anew(text)

    def _fence(
        self, cloud: cloud_.Cloud, *, dry_run: bool = False
    ) -> result_.HostResult:
        # Whatever Nova counts it as: the cluster is sooner than that. The
        # limit of hosts down is for evacuations; this one is off already.
        options = cloud.fence_options(
            force=True, switch=False, max_hosts_down=None
        )
        run = cloud.fence(
            [self.host], options, dry_run=dry_run, lock_timeout=_LOCK
        )
        for event in run:
            if isinstance(event, events.PowerSeen):
                self._tell(str(event.evidence))
            elif isinstance(event, events.Trouble):
                self._tell(str(event.error))
        (found,) = run.results()
        return found


def read(cloud: cloud_.Cloud, host: str) -> model.Service:
    """The nova-compute service of a host, as Nova has it now.

    :raises InstanceHAError: if there is none, or Nova cannot be read
    """
    audit = cloud.fencing([host])
    for _event in audit:
        pass
    (service,) = {row.service for row in audit.results()}
    if service is None:
        raise exceptions.HostNotFound(host)
    return service


def is_marked(service: model.Service) -> bool:
    """Whether its host counts as fenced."""
    return bool(service.forced_down) and not service.enabled
