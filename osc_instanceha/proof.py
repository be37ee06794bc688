"""The proof that a host is off, for as long as a run lasts.

Invariant 1 is kept here: nothing is evacuated from a host unless it is forced
down in Nova *and* its nova-compute has been silent for longer than a report
takes; and nothing more once either has changed.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator

from osc_instanceha import events
from osc_instanceha import exceptions
from osc_instanceha import heartbeat
from osc_instanceha import hosts
from osc_instanceha import marks
from osc_instanceha import model
from osc_instanceha import options as options_
from osc_instanceha import ports


class Proof:
    """What speaks for and against a host's being off.

    :param check: raises LockLost if the lock may be another run's by now
    :ivar service: its record, as last read
    :ivar refusal: what spoke against it; final
    :ivar heard_at: monotonic seconds at which the record was last asked for
    """

    def __init__(
        self,
        service: model.Service,
        *,
        compute: ports.Compute,
        clock: ports.Clock,
        options: options_.Options,
        who: Callable[[], tuple[str, str]],
        check: Callable[[], None],
        read_at: float | None = None,
    ) -> None:
        self.host = service.host
        self.refusal: exceptions.HostNotProvenOff | None = None
        self.service = service
        self._compute = compute
        self._clock = clock
        self._options = options
        self._who = who
        self._check = check
        self._heartbeat = heartbeat.Heartbeat(options.report_interval)
        self.heard_at = clock.monotonic() if read_at is None else read_at
        self._heartbeat.observe(service, self.heard_at)
        self._listening = False

    @property
    def silent(self) -> bool:
        """Whether the host has been silent for long enough, until now."""
        now = self._clock.monotonic()
        return self._heartbeat.pulse(
            now
        ) is heartbeat.Pulse.SILENT and not self._heartbeat.due(now)

    def holds(self, since: float) -> bool:
        """Whether the host is proven off.

        :param since: monotonic seconds; a reading from then on will do,
            however long a slow cloud has taken for others after it
        """
        now = self._clock.monotonic()
        fresh = self.heard_at >= since or not self._heartbeat.due(now)
        silent = self._heartbeat.pulse(now) is heartbeat.Pulse.SILENT
        return (
            self.refusal is None
            and bool(self.service.forced_down)
            and silent
            and fresh
        )

    @property
    def wanted(self) -> bool:
        """Whether the host is vouched for and remains to be marked."""
        return (
            self._options.already_fenced
            and not self.service.forced_down
            and self.refusal is None
        )

    def refuse(self, reason: str, cure: str) -> Iterator[events.Event]:
        """The host is not off: let nothing more begin."""
        if self.refusal is None:
            self.refusal = exceptions.HostNotProvenOff(self.host, reason, cure)
            yield events.HostRefused(self.host, self.refusal)

    def marked(self, service: model.Service) -> None:
        """Take in that the host was just fenced and marked by this run."""
        self.service = service
        self._heartbeat.expect(service)

    def check_fenced(self) -> Iterator[events.Event]:
        """Refuse the host if nobody says that it was fenced."""
        if not self.service.forced_down and not self._options.already_fenced:
            state = 'up' if self.service.up else 'down'
            yield from self.refuse(
                f'it is not forced down in Nova (its nova-compute is {state})',
                f"Fence it: 'openstack host fence {self.host}', or add "
                f'--fence; or add --already-fenced if you know that it is off',
            )

    def read(self) -> Iterator[events.Event]:
        """Read the host's service record.

        :raises CloudError: if it cannot be read
        """
        now = self._clock.monotonic()
        service = self._compute.service(self.host)
        if service is None:
            raise exceptions.IncompleteAnswer(
                f'Nova shows no compute service of {self.host} any more'
            )
        hosts.require_complete(service)
        if self.service.forced_down and not service.forced_down:
            yield from self.refuse(
                'somebody has lifted forced down while this run was going on',
                'Find out who did and why before you run it again',
            )
        self.service = service
        pulse = self._heartbeat.observe(service, now)
        self.heard_at = now
        if pulse is heartbeat.Pulse.ALIVE:
            yield from self.refuse(
                'its nova-compute goes on reporting to Nova, so it is alive',
                'Its servers may be running there: power it off first',
            )

    def listen(self) -> Iterator[events.Event]:
        """Read the record, when that tells something new.

        :raises CloudError: if it cannot be read
        """
        if self._heartbeat.due(self._clock.monotonic()):
            yield from self.read()
        yield from self._tell()

    def _tell(self) -> Iterator[events.Event]:
        """Say, once, that somebody has to wait for the host's silence."""
        if self.refusal is None and not self.silent and not self._listening:
            self._listening = True
            yield events.Listening(self.host, self._heartbeat.period)

    def complete(self) -> Iterator[events.Event]:
        """Listen, and mark the host once it is silent and vouched for.

        :raises CloudError: if Nova does not answer
        :raises LockLost: if another run may work on the host by now
        """
        yield from self.listen()
        if (
            self.refusal is None
            and self.silent
            and not self.service.forced_down
        ):
            how = 'as vouched for by {} at {}'.format(*self._who())
            reason = marks.reason(how, self.service)
            self._check()
            try:
                self.service = self._compute.mark_down(self.service, reason)
            except exceptions.CloudError as error:
                if error.passing:
                    raise
                yield from self.refuse(
                    f'it cannot be marked as down in Nova ({error})',
                    'Mark it by other means, then run the command again',
                )
                return
            self._heartbeat.expect(self.service)
            yield events.Marked(self.host, reason)
