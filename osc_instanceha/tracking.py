"""Following one server from the plan to its outcome.

Pure bookkeeping: what was sent and what Nova's records say goes in, what may
be done next comes out. Invariant 2 is kept here: :attr:`Phase.WAITING` is the
only phase from which a request may be sent, and a server comes (back) to it
only when Nova's own records say that no evacuation of it is open.
"""

from __future__ import annotations

import dataclasses
import enum

from osc_instanceha import model
from osc_instanceha import plan


class Phase(enum.Enum):
    #: Not asked for yet, or to be tried again.
    WAITING = 'waiting'
    #: The request is on its way.
    POSTING = 'posting'
    #: The request may or may not have reached Nova.
    UNCERTAIN = 'uncertain'
    #: Nova works on it.
    OPEN = 'open'
    #: Its last evacuation failed; the reason and the next step are open.
    BROKEN = 'broken'
    #: It has moved; its power state remains to be put right.
    SETTLING = 'settling'
    ENDED = 'ended'


#: Phases that take up one of the ``max_in_flight`` places.
IN_FLIGHT = frozenset((Phase.POSTING, Phase.UNCERTAIN, Phase.OPEN))


@dataclasses.dataclass
class Track:
    """The way of one server.

    :ivar known: ids of its evacuations from before our last request
    :ivar last_vm_state: its vm_state when we last asked for its evacuation
    :ivar attempts: evacuate requests sent by this run
    :ivar since: monotonic seconds at which the phase began
    :ivar definite: while UNCERTAIN: Nova has answered that it failed, so
        that it will not begin any more if its records show nothing
    :ivar missing_since: monotonic seconds since which Nova lists no record
    :ivar not_before: monotonic seconds before which not to ask (again)
    :ivar pauses: how often in a row a request did not get through to Nova
    :ivar stops: how often we asked for it to be stopped after its move
    """

    step: plan.Step
    phase: Phase
    known: frozenset[str] = frozenset()
    last_vm_state: str = ''
    attempts: int = 0
    since: float = 0.0
    request_id: str | None = None
    destination: str | None = None
    evacuation: model.Evacuation | None = None
    outcome: model.Outcome | None = None
    reason: str = ''
    definite: bool = False
    missing_since: float | None = None
    not_before: float = 0.0
    pauses: int = 0
    stops: int = 0

    @property
    def server(self) -> model.Server:
        return self.step.server

    @property
    def note(self) -> str:
        """What a person should know of an evacuation of it."""
        if self.step.action is model.Action.EVACUATE:
            return self.step.reason
        return ''

    @property
    def in_flight(self) -> bool:
        return self.phase in IN_FLIGHT

    @property
    def needs_stop(self) -> bool:
        """Whether we have to stop it once it has moved: Nova does not."""
        return (
            self.step.end_state is model.EndState.STOPPED
            and self.last_vm_state != 'stopped'
        )

    def enter(self, phase: Phase, now: float) -> None:
        self.phase = phase
        self.since = now

    def end(self, outcome: model.Outcome, reason: str = '') -> None:
        self.phase = Phase.ENDED
        self.outcome = outcome
        self.reason = reason

    def refuse(self, reason: str) -> None:
        """End it before its (next) request."""
        if self.attempts:
            self.end(
                model.Outcome.FAILED,
                f'{self.reason}; not tried again: {reason}',
            )
        else:
            self.end(model.Outcome.REFUSED, reason)

    def result(self) -> model.ServerResult:
        """The row of the report; valid at any moment (invariant 4)."""
        outcome, reason = self.outcome, self.reason
        if outcome is None:
            outcome, reason = self._so_far()
        return model.ServerResult(
            server_id=self.server.id,
            name=self.server.name,
            host=self.server.host,
            project_id=self.server.project_id,
            status=self.server.status,
            data=self.step.data,
            outcome=outcome,
            destination=self.destination,
            reason=reason,
            request_id=self.request_id,
            attempts=self.attempts,
        )

    def _so_far(self) -> tuple[model.Outcome, str]:
        if self.phase is Phase.WAITING:
            if self.attempts:
                return model.Outcome.FAILED, f'{self.reason}; not tried again'
            return (
                model.Outcome.FAILED,
                f'{self.reason or "its turn did not come"}; run the command '
                f'again',
            )
        if self.phase is Phase.BROKEN:
            return (
                model.Outcome.FAILED,
                self.reason
                or 'its evacuation failed; Nova has not put it in order yet',
            )
        if self.phase is Phase.SETTLING:
            return (
                model.Outcome.UNKNOWN,
                'it has moved, but was not seen stopped: see to it with '
                "'openstack server stop'",
            )
        if self.phase is Phase.OPEN:
            if self.evacuation is None:
                return (
                    model.Outcome.UNKNOWN,
                    'Nova accepted its evacuation, the end was not seen; run '
                    'the command again later',
                )
            return model.Outcome.UNKNOWN, self._still_open(self.evacuation)
        return (
            model.Outcome.UNKNOWN,
            'no answer to its evacuate request; Nova may carry it out: run '
            'the command again later',
        )

    @staticmethod
    def _still_open(record: model.Evacuation) -> str:
        to = f' to {record.destination}' if record.destination else ''
        if record.status is model.MigrationStatus.COMPLETED:
            return (
                f'its evacuation{to} was written down as completed when '
                f'nova-compute started on the host it is to leave, but Nova '
                f'still shows it there; run the command again later'
            )
        return (
            f'its evacuation {record.id}{to} was still '
            f'{record.status.value}; run the command again later'
        )


def begin(step: plan.Step, inventory: model.Inventory) -> Track:
    """Start following a server of a plan."""
    own = [
        record
        for record in inventory.evacuations
        if record.server_id == step.server.id
    ]
    track = Track(
        step,
        Phase.WAITING,
        known=frozenset(record.id for record in own),
        last_vm_state=step.server.vm_state,
    )
    if step.action is model.Action.SKIP:
        track.end(model.Outcome.SKIPPED, step.reason)
    elif step.action is model.Action.REFUSE:
        track.end(model.Outcome.REFUSED, step.reason)
    elif step.moved_to is not None:
        track.phase = Phase.SETTLING
        track.destination = step.moved_to
    elif step.action is model.Action.WAIT:
        track.phase = Phase.OPEN
        track.evacuation = next(rec for rec in own if rec.status.open)
        # What is being waited for is not old news.
        track.known = frozenset(
            record.id for record in own if not record.status.open
        )
    return track


def newest(
    track: Track, records: tuple[model.Evacuation, ...]
) -> model.Evacuation | None:
    """The record that tells how the server's evacuation stands.

    :param records: evacuations of its host, newest first

    An open one goes before any other: as long as there is one, nothing is
    over.
    """
    found = fresh(track, records)
    return next(
        (record for record in found if record.status.open),
        found[0] if found else None,
    )


def fresh(
    track: Track, records: tuple[model.Evacuation, ...]
) -> list[model.Evacuation]:
    """The server's records from after our last request, newest first.

    :param records: evacuations of its host, newest first
    """
    return [
        record
        for record in records
        if record.server_id == track.server.id and record.id not in track.known
    ]
