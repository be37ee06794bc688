"""Fencing one host: switch it off, see it off, mark it in Nova.

Invariant 1 is kept here: the mark, on which every evacuation relies, is made
only after the devices have proven that the host is off.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
import datetime

from osc_instanceha import events
from osc_instanceha import exceptions
from osc_instanceha import hosts
from osc_instanceha import marks
from osc_instanceha import model
from osc_instanceha import options as options_
from osc_instanceha import ports
from osc_instanceha import proof
from osc_instanceha.fencing import driver
from osc_instanceha.fencing import evidence
from osc_instanceha.fencing import levels as levels_
from osc_instanceha.fencing import options as fencing_options
from osc_instanceha.fencing import result as result_

#: Seconds between two tries to mark a host.
_PAUSES = (1.0, 2.0, 4.0, 8.0)

#: Seconds after which marking a host is not tried again.
_MARKING = 60.0

_ROUND = 0.5


class _Interrupted(Exception):
    """Nobody waits for it any more: nothing more is begun."""


class HostFencing:
    """Fences one host. The caller holds the host's lock.

    :param service: as it is now
    :param levels: the host's devices
    :param who: who runs this, and the time for people
    :param stopped: asked before every step; True ends what is going on
    :param check: raises LockLost if the lock may be another run's by now
    :ivar service: as it is after :meth:`run`
    """

    def __init__(
        self,
        service: model.Service,
        levels: levels_.Levels,
        *,
        compute: ports.Compute,
        clock: ports.Clock,
        who: Callable[[], tuple[str, str]],
        options: fencing_options.FenceOptions,
        stopped: Callable[[], bool],
        check: Callable[[], None],
    ) -> None:
        self.host = service.host
        self.service = service
        self._before = service
        self._levels = levels
        self._compute = compute
        self._clock = clock
        self._who = who
        self._options = options
        self._stopped = stopped
        self._check = check
        self._began = clock.monotonic()
        self._ended: float | None = None
        self._proof = levels_.Proof((), ())
        self._outcome = result_.HostOutcome.FAILED
        self._reason = 'interrupted before it was fenced'
        self._cure = ''

    def run(self, *, dry_run: bool = False) -> Iterator[events.Event]:
        """Fence the host; never raises for what Nova or a device says.

        :param dry_run: read the power states, and change nothing
        """
        if self.service.up and not self._options.force:
            # A typo must not switch off a host that works.
            self._end(
                result_.HostOutcome.REFUSED,
                'Nova counts its nova-compute as up',
                f'If it is the right host, its servers and all, fence it with '
                f"'openstack host fence --force {self.host}'",
            )
            return
        try:
            self._go_on()
            if dry_run:
                yield from self._look()
            elif self._options.confirm_off:
                yield from self._confirm()
            else:
                yield from self._switch_off()
        except _Interrupted:
            self._end(
                result_.HostOutcome.FAILED,
                'interrupted before it was fenced',
                'Run the command again',
            )
        except exceptions.CloudError as error:
            self._end(
                result_.HostOutcome.FAILED, str(error), 'Run the command again'
            )
        except exceptions.LockLost as error:
            # Another run may bring the host back: neither switch it off nor
            # let Nova believe that it is.
            self._end(
                result_.HostOutcome.NOT_MARKED
                if self._proof.off
                else result_.HostOutcome.FAILED,
                str(error),
            )

    def result(self) -> result_.HostResult:
        """What is known of the host, at any moment."""
        return result_.HostResult(
            self.host,
            self._outcome,
            self._reason,
            self._cure,
            evidence=self._proof.evidence,
            decisive=self._proof.decisive,
            state='up' if self._before.up else 'down',
            enabled=self.service.enabled,
            forced_down=self.service.forced_down,
            disabled_reason=self.service.disabled_reason,
            seconds=(self._ended or self._clock.monotonic()) - self._began,
        )

    def _end(
        self, outcome: result_.HostOutcome, reason: str = '', cure: str = ''
    ) -> None:
        self._outcome, self._reason, self._cure = outcome, reason, cure
        self._ended = self._clock.monotonic()

    def _go_on(self) -> None:
        if self._stopped():
            raise _Interrupted

    def _look(self) -> Iterator[events.Event]:
        if not self._options.switch:
            yield from self._look_at_others_work()
            return
        self._proof = levels_.check(self._levels)
        yield from self._tell()
        if self._options.confirm_off and self._refuse_running():
            return
        answering = [
            level
            for level in self._levels
            if all(
                not item.problem
                for item in self._proof.evidence
                if item.level == level[0].level
            )
        ]
        if answering or self._options.confirm_off:
            self._end(result_.HostOutcome.FENCEABLE)
        else:
            self._end(result_.HostOutcome.FAILED, *self._not_off())

    def _look_at_others_work(self) -> Iterator[events.Event]:
        self._proof = levels_.confirm_off(self._levels)
        yield from self._tell()
        if not self._proof.off:
            self._end(result_.HostOutcome.FAILED, *self._not_off())
        elif self._marked:
            self._end(result_.HostOutcome.FENCED)
        else:
            self._end(result_.HostOutcome.FENCEABLE)

    def _confirm(self) -> Iterator[events.Event]:
        """Take the caller's word, unless something contradicts it."""
        seen = levels_.check(self._levels)
        # A device that was interrupted did not say "on" either.
        self._go_on()
        self._proof = seen
        yield from self._tell()
        if self._refuse_running():
            return
        who, _when = self._who()
        word = evidence.Evidence(
            device='manual',
            driver='manual',
            level=0,
            requested=None,
            state=driver.PowerState.OFF,
            detail=f'confirmed by {who}',
            read_at=datetime.datetime.now(datetime.UTC),
            seconds=0.0,
            vouched=True,
        )
        self._proof = levels_.Proof((*seen.evidence, word), (word,))
        yield from self._listen_and_mark()

    def _refuse_running(self) -> bool:
        running = self._proof.running
        if running:
            self._end(
                result_.HostOutcome.REFUSED,
                f'it is confirmed to be off, but {evidence.names(running)} '
                f'says that it is on; nothing was changed',
                'Fence it without --confirm-off',
            )
        return bool(running)

    def _switch_off(self) -> Iterator[events.Event]:
        if self._levels:
            yield events.Waiting(self.host, 'its fencing devices')
        self._check()
        if self._options.switch:
            self._proof = levels_.switch_off(self._levels, self._clock)
        else:
            self._proof = levels_.confirm_off(self._levels)
            # A device that was interrupted did not say "off" either.
            self._go_on()
        yield from self._tell()
        if not self._proof.off:
            self._end(result_.HostOutcome.FAILED, *self._not_off())
        elif self._proof.vouched:
            yield from self._listen_and_mark()
        else:
            yield from self._mark()

    def _tell(self) -> Iterator[events.Event]:
        for item in self._proof.evidence:
            yield events.PowerSeen(self.host, item)

    def _not_off(self) -> tuple[str, str]:
        if not self._levels:
            return (
                'instanceha.yaml names no fencing device for it',
                'Add one, or see the host off and say so: '
                f"'openstack host fence --confirm-off {self.host}'",
            )
        return (
            self._proof.problem,
            'Mend that and run the command again, or see the host off and say '
            f"so: 'openstack host fence --confirm-off {self.host}'",
        )

    @property
    def _marked(self) -> bool:
        return bool(self.service.forced_down) and not self.service.enabled

    def _how(self) -> str:
        who, when = self._who()
        return f'by {evidence.names(self._proof.decisive)} at {when} for {who}'

    def _mark(self) -> Iterator[events.Event]:
        """Tell Nova, in one call.

        The call is the same however often it is made, so it is made again
        where an answer is lost.
        """
        if self._marked:
            self._end(result_.HostOutcome.FENCED)
            return
        reason = marks.reason(self._how(), self.service)
        begun = self._clock.monotonic()
        for pause in (*_PAUSES, None):
            self._check()
            try:
                self.service = self._compute.mark_down(self.service, reason)
                break
            except exceptions.CloudError as error:
                wait = max(pause or 0.0, error.retry_after or 0.0)
                late = self._clock.monotonic() + wait - begun > _MARKING
                if not error.passing or pause is None or late:
                    if self._taken():
                        break
                    self._not_marked(error)
                    return
                yield events.Trouble(self.host, error)
                self._clock.sleep(wait)
        self._end(result_.HostOutcome.FENCED)
        yield events.Marked(self.host, reason)

    def _taken(self) -> bool:
        """Whether Nova has taken the mark, and its answer was lost."""
        try:
            found = self._compute.service(self.host)
        except exceptions.CloudError:
            return False
        if (
            found is None
            or found.id != self.service.id
            or not found.forced_down
            or found.enabled is not False
        ):
            return False
        self.service = found
        return True

    def _not_marked(self, error: exceptions.CloudError) -> None:
        self._end(
            result_.HostOutcome.NOT_MARKED,
            f'Nova did not take the mark ({error}), although its power is '
            f'off ({evidence.names(self._proof.decisive)}), so that nothing '
            f'can be evacuated from it yet',
            'Run the command again when Nova takes it',
        )

    def _listen_and_mark(self) -> Iterator[events.Event]:
        """Mark the host if, beside somebody's word, it is silent too.

        :raises CloudError: if Nova does not answer
        """
        read_at = self._clock.monotonic()
        found = self._compute.service(self.host)
        if found is None or found.id != self._before.id:
            raise exceptions.IncompleteAnswer(
                f'The compute service of {self.host} is not the same any more'
            )
        self.service = hosts.require_complete(found)
        listening = proof.Proof(
            self.service,
            read_at=read_at,
            compute=self._compute,
            clock=self._clock,
            options=options_.Options(
                report_interval=self._options.report_interval
            ),
            who=self._who,
            check=self._check,
        )
        while listening.refusal is None and not listening.silent:
            self._go_on()
            yield from listening.listen()
            if listening.refusal is None and not listening.silent:
                self._clock.sleep(_ROUND)
        self.service = listening.service
        if listening.refusal is not None:
            self._end(
                result_.HostOutcome.FAILED,
                listening.refusal.reason,
                listening.refusal.cure,
            )
        else:
            self._go_on()
            yield from self._mark()
