"""The way back of one host.

Invariant 8 is kept here. When nova-compute starts, it destroys what is left
on its host of every server that was evacuated; an evacuation that is still
open at that moment may lose its only disk, and one that is not cleaned up
when the host goes back into service will be cleaned up later, whatever has
come back to the host by then (nova.compute.manager.ComputeManager.
_destroy_evacuated_instances, bugs 2085975 and 1922053). So: no power before
the last evacuation has ended, and no service before the last is completed.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator

from osc_instanceha import events
from osc_instanceha import exceptions
from osc_instanceha import hosts
from osc_instanceha import marks
from osc_instanceha import model
from osc_instanceha import ports
from osc_instanceha import refusals
from osc_instanceha.fencing import driver
from osc_instanceha.fencing import evidence
from osc_instanceha.fencing import levels as levels_
from osc_instanceha.fencing import options as options_
from osc_instanceha.fencing import result as result_

#: Seconds between two looks at Nova: at first, and at most.
_SHORTEST = 1.0
_LONGEST = 5.0

#: So many servers are named; a person can look up the others.
_NAMED = 5


class _NotBack(Exception):
    """What keeps the host from going back into service."""


class HostUnfencing:
    """Brings one host back. The caller holds the host's lock.

    :param service: as it is now
    :param levels: the host's devices
    :param stopped: asked while something is waited for; True ends that
    :param check: raises LockLost if the lock may be another run's by now
    :param asked: whether a run that was killed may have asked Nova for
        something that Nova has not got to yet
    """

    def __init__(
        self,
        service: model.Service,
        levels: levels_.Levels,
        *,
        compute: ports.Compute,
        clock: ports.Clock,
        options: options_.UnfenceOptions,
        stopped: Callable[[], bool],
        check: Callable[[], None],
        asked: Callable[[], bool],
    ) -> None:
        self.host = service.host
        self._before = self._service = service
        self._levels = levels
        self._compute = compute
        self._clock = clock
        self._options = options
        self._stopped = stopped
        self._check = check
        self._asked = asked
        self._began = clock.monotonic()
        self._ended: float | None = None
        self._evidence: list[evidence.Evidence] = []
        self._decisive: tuple[evidence.Evidence, ...] = ()
        self._outcome = result_.HostOutcome.FAILED
        self._reason = 'interrupted before it was back'
        self._reported = False

    def run(self) -> Iterator[events.Event]:
        """Bring the host back; never raises for what Nova or a device says."""
        try:
            if not self._in_service:
                yield from self._wait(
                    'its evacuations to end', self._still_open
                )
                yield from self._power_on()
            if not (self._in_service and self._service.enabled):
                yield from self._wait(
                    'nova-compute to clean up what was evacuated',
                    self._not_cleaned_up,
                )
                yield from self._wait('Nova to take it back', self._not_lifted)
                yield from self._wait('nova-compute to report', self._not_up)
            yield from self._wait('Nova to enable it', self._not_enabled)
            self._outcome = result_.HostOutcome.UNFENCED
        except _NotBack as error:
            self._reason = str(error)
        except exceptions.CloudError as error:
            self._reason = f'{error}; run the command again'
        except exceptions.LockLost as error:
            self._reason = str(error)
        self._ended = self._clock.monotonic()

    def result(self) -> result_.HostResult:
        """What is known of the host, at any moment."""
        return result_.HostResult(
            self.host,
            self._outcome,
            self._reason,
            evidence=tuple(self._evidence),
            decisive=self._decisive,
            state='up' if self._before.up else 'down',
            enabled=self._service.enabled,
            forced_down=self._service.forced_down,
            disabled_reason=self._service.disabled_reason,
            seconds=(self._ended or self._clock.monotonic()) - self._began,
        )

    @property
    def _in_service(self) -> bool:
        return bool(self._service.up) and not self._service.forced_down

    def _wait(
        self, what: str, missing: Callable[[], str]
    ) -> Iterator[events.Event]:
        """Wait until nothing is missing any more.

        A cloud that does not answer is waited for too.

        :param missing: what is, and what to do about it; empty for nothing
        :raises _NotBack: if time is over before
        """
        pause = _SHORTEST
        told = False
        lacking = ''
        while True:
            self._go_on(lacking or f'it waited for {what}')
            try:
                lacking = missing()
            except exceptions.CloudError as error:
                if not error.passing:
                    raise
                lacking = f'{error}; run the command again'
                yield events.Trouble(self.host, error)
            if not lacking:
                return
            over = self._clock.monotonic() - self._began
            if over + pause > self._options.timeout:
                raise _NotBack(
                    f'not within {self._options.timeout:.0f} s: {lacking}'
                )
            if not told:
                told = True
                yield events.Waiting(self.host, what)
            self._clock.sleep(pause)
            pause = min(pause * 1.5, _LONGEST)

    def _go_on(self, lacking: str) -> None:
        """Ask nothing of anybody once nobody waits for it any more."""
        if self._stopped():
            raise _NotBack(f'interrupted; {lacking}')

    def _still_open(self) -> str:
        # First, so that what gets there meanwhile is seen.
        if self._asked():
            return (
                'what a run that was killed had asked Nova for may not have '
                'got there yet: run the command again'
            )
        servers = self._evacuating(lambda status: status.open)
        if not servers:
            return ''
        return (
            f'{_listed(servers)} still open, and nova-compute '
            f'would destroy the disks on which they depend, so the host was '
            f'not switched on: wait until they have ended, then run the '
            f'command again'
        )

    def _not_cleaned_up(self) -> str:
        servers = self._evacuating(
            lambda status: status.open or status is model.MigrationStatus.DONE
        )
        if not servers:
            return self._open_though_completed()
        if self._look().updated_at != self._before.updated_at:
            self._reported = True
        cure = (
            'its nova-compute runs, but cleans up only when it starts: '
            'restart it on the host, then run the command again (if it was '
            'restarted and they stay, the name of its hypervisor has '
            'changed: give it the old one back)'
            if self._reported
            else 'start nova-compute on the host, then run the command again'
        )
        return f'{_listed(servers)} not cleaned up: {cure}'

    def _open_though_completed(self) -> str:
        """What goes on of evacuations that nova-compute took for over.

        When it starts it writes ``completed`` on open ones too; as soon as
        one of them is over, the destination writes ``done``.
        """
        completed = self._evacuating(
            lambda status: status is model.MigrationStatus.COMPLETED
        )
        if not completed:
            return ''
        servers = sorted(
            server.id
            for server in self._compute.servers(self.host)
            if server.id in completed
            and refusals.rebuilding(server.task_state)
        )
        if not servers:
            return ''
        return (
            f'{_listed(servers)} still open, although nova-compute has '
            f'called it completed when it started: wait until it has ended, '
            f'restart nova-compute on the host, then run the command again'
        )

    def _evacuating(
        self, wanted: Callable[[model.MigrationStatus], bool]
    ) -> list[str]:
        found = {
            record.server_id
            for record in self._compute.evacuations(self.host)
            if wanted(record.status)
        }
        if not found:
            # A cell that does not answer is left out of the list without a
            # word; the service record, read after it, tells.
            self._look()
        return sorted(found)

    def _look(self) -> model.Service:
        """The host's service, as it is now.

        :raises IncompleteAnswer: if Nova does not show it
        """
        found = self._compute.service(self.host)
        if found is None:
            raise exceptions.IncompleteAnswer(
                f'Nova shows no compute service of {self.host} any more'
            )
        return hosts.require_complete(found)

    def _power_on(self) -> Iterator[events.Event]:
        if not self._options.power_on:
            return
        by_hand = (
            'switch it on by hand, then run the command with --no-power-on'
        )
        if not self._levels:
            raise _NotBack(
                f'instanceha.yaml names no fencing device for {self.host}: '
                f'{by_hand}'
            )
        self._check()
        for item in levels_.switch_on(self._levels):
            self._evidence.append(item)
            if not item.vouched:
                yield events.PowerSeen(self.host, item)
        measured = [item for item in self._evidence if not item.vouched]
        on = [
            items
            for level in self._levels
            if (
                items := [
                    item for item in measured if item.level == level[0].level
                ]
            )
            and all(item.on for item in items)
        ]
        if on:
            self._decisive = tuple(on[-1])
        # What does not answer may be broken; what says off is not on.
        if not on or any(
            item.state is driver.PowerState.OFF for item in measured
        ):
            problem = '; '.join(str(item) for item in measured if not item.on)
            raise _NotBack(
                f'it could not be switched on ({problem}): {by_hand}'
                if measured
                else f'nothing can switch it on: {by_hand}'
            )

    def _not_lifted(self) -> str:
        if not self._service.forced_down:
            return ''
        # Once more: whoever has not heard of the lock may have begun one.
        lacking = self._not_cleaned_up()
        if lacking:
            return lacking
        self._go_on('it waited for Nova to take it back')
        self._check()
        try:
            self._change(
                lambda: self._compute.lift(self._service),
                lambda found: found.forced_down is False,
            )
        except exceptions.CloudError as error:
            if error.code == 400:
                return f'Nova does not let it go yet: {error}'
            raise
        return ''

    def _change(
        self,
        call: Callable[[], model.Service],
        done: Callable[[model.Service], bool],
    ) -> None:
        """Change the service.

        Nova may have taken what it gives no answer to: that is looked at,
        lest the report deny it.

        :param done: whether the change is to be seen
        """
        try:
            self._service = call()
        except exceptions.CloudError as error:
            if not error.passing:
                raise
            found = self._look()
            if not done(found):
                raise
            self._service = found

    def _not_up(self) -> str:
        # Enabling before would leave it without servers until its next
        # periodic task: the trait COMPUTE_STATUS_DISABLED is taken away by
        # a call to a nova-compute that counts as up.
        self._service = self._look()
        if self._in_service:
            return ''
        return (
            'forced down is lifted, but its nova-compute does not report to '
            'Nova, so it stays disabled: start it on the host, then run the '
            'command again'
        )

    def _not_enabled(self) -> str:
        if self._service.enabled:
            self._reason = ''
            return ''
        self._check()
        earlier = marks.before(self._service)
        if earlier is None:
            self._change(
                lambda: self._compute.enable(self._service),
                lambda found: found.enabled is True,
            )
            self._reason = ''
            return ''
        if marks.is_ours(self._service):
            self._change(
                lambda: self._compute.disable(self._service, earlier),
                lambda found: found.disabled_reason == earlier,
            )
        self._reason = (
            f'left disabled, as somebody had disabled it ({earlier}); '
            f"'openstack compute service set --enable {self.host} "
            f"nova-compute' when that is over"
        )
        return ''


def _listed(servers: list[str]) -> str:
    names = ', '.join(servers[:_NAMED])
    if len(servers) == 1:
        return f'1 evacuation (of server {names}) is'
    if len(servers) > _NAMED:
        names += f' and {len(servers) - _NAMED} more'
    return f'{len(servers)} evacuations (of servers {names}) are'
