"""From an accepted request to an outcome, server by server.

Invariants kept here:

3. What was not answered is unknown until Nova's own records tell; success is
   that the server is on another host, never a status.
6. A server that was stopped is stopped again, whatever lay in between.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator

from osc_instanceha import events
from osc_instanceha import exceptions
from osc_instanceha import model
from osc_instanceha import options as options_
from osc_instanceha import plan
from osc_instanceha import ports
from osc_instanceha import refusals
from osc_instanceha import remains
from osc_instanceha import tracking

#: Seconds after which a request without an answer, of which Nova's records
#: show no trace, is given up as unknown.
TRACE = 60.0

#: Seconds that Nova may take to put a server in order after its evacuation
#: has failed, or that a record may be missing from the list.
_SETTLE = 60.0

#: Seconds that a record may take to be listed; then the server is looked at.
_LAG = 5.0

#: Longest pause, in seconds, before a request is sent that Nova did not get.
_LONGEST_PAUSE = 30.0

#: How often to ask for a server to be stopped.
_STOPS = 3


class Follower:
    """Takes the tracks of one host onward by what Nova shows.

    Every method may raise :class:`~.exceptions.CloudError`; the track is then
    as it was.

    :param check: raises LockLost if the lock may be another run's by now
    """

    def __init__(
        self,
        host: str,
        *,
        compute: ports.Compute,
        clock: ports.Clock,
        options: options_.Options,
        check: Callable[[], None],
    ) -> None:
        self._host = host
        self._check = check
        self._compute = compute
        self._clock = clock
        self._options = options

    def answered(
        self, track: tracking.Track, posted: ports.Posted
    ) -> Iterator[events.Event]:
        """Take in the answer to an evacuate request."""
        now = self._clock.monotonic()
        track.request_id = posted.request_id or track.request_id
        track.reason = posted.message
        match posted.answer:
            case ports.Answer.ACCEPTED:
                if posted.stops and track.last_vm_state != 'error':
                    # Nova stops it, except a server that was in ERROR.
                    track.last_vm_state = 'stopped'
                track.enter(tracking.Phase.OPEN, now)
                yield events.Accepted(track.server, posted.request_id)
            case ports.Answer.UNCERTAIN | ports.Answer.ERRED:
                track.enter(tracking.Phase.UNCERTAIN, now)
                track.definite = posted.answer is ports.Answer.ERRED
            case ports.Answer.NOT_SENT:
                track.attempts -= 1
                track.not_before = now + max(
                    min(2.0**track.pauses, _LONGEST_PAUSE),
                    posted.retry_after or 0.0,
                )
                track.pauses += 1
                track.enter(tracking.Phase.WAITING, now)
            case _:
                # Until it is known what stood in the way.
                track.definite = True
                track.enter(tracking.Phase.UNCERTAIN, now)

    def follow(
        self,
        track: tracking.Track,
        evacuations: tuple[model.Evacuation, ...],
    ) -> None:
        """Take in the host's evacuations, read after the last answer."""
        record = tracking.newest(track, evacuations)
        now = self._clock.monotonic()
        if record is None:
            if track.missing_since is None:
                track.missing_since = now
            self._without_record(track)
            return
        track.missing_since = None
        track.evacuation = record
        if not record.status.open:
            twice = remains.twice(tracking.fresh(track, evacuations))
            if twice is not None:
                track.end(model.Outcome.UNKNOWN, twice)
                return
        if record.status is model.MigrationStatus.COMPLETED:
            self._completed(track)
        elif record.status.succeeded:
            self._moved(track, record.destination)
        elif record.status.failed:
            track.enter(tracking.Phase.BROKEN, now)
        elif track.phase is not tracking.Phase.OPEN:
            track.enter(tracking.Phase.OPEN, now)

    def _completed(self, track: tracking.Track) -> None:
        """See where a server is whose evacuation counts as completed.

        nova-compute writes that on every evacuation from its host when it
        starts, also on one that is still open and may yet fail
        (nova.compute.manager.ComputeManager._destroy_evacuated_instances).
        """
        now = self._clock.monotonic()
        server = self._compute.server(track.server.id)
        if server is None:
            self.left(track, None)
        elif server.host != self._host:
            self._seen_elsewhere(track, server)
        elif track.phase is not tracking.Phase.OPEN:
            track.enter(tracking.Phase.OPEN, now)
        elif (
            not refusals.rebuilding(server.task_state)
            and now - track.since >= _SETTLE
        ):
            track.end(
                model.Outcome.UNKNOWN,
                'Nova calls its evacuation completed, but shows it where it '
                'was: look into the log of the conductor',
            )

    def _without_record(self, track: tracking.Track) -> None:
        now = self._clock.monotonic()
        waited = now - (track.missing_since or now)
        uncertain = track.phase is tracking.Phase.UNCERTAIN
        definite = uncertain and track.definite
        if not definite and waited < _LAG:
            return
        server = self._compute.server(track.server.id)
        if server is None:
            self.left(track, None)
        elif server.host != self._host:
            if definite:
                self.left(track, server)
            else:
                self._seen_elsewhere(track, server)
        elif refusals.rebuilding(server.task_state):
            track.enter(tracking.Phase.OPEN, self._clock.monotonic())
        elif definite:
            track.end(model.Outcome.FAILED, track.reason)
        elif waited < (TRACE if uncertain else _SETTLE):
            return
        elif uncertain:
            track.end(
                model.Outcome.UNKNOWN,
                f'no answer to its evacuate request ({track.reason}), and '
                f'Nova shows no trace of it; run the command again later',
            )
        else:
            track.end(
                model.Outcome.UNKNOWN,
                'Nova lists no record of its evacuation any more, and the '
                'server is where it was',
            )

    def _seen_elsewhere(
        self, track: tracking.Track, server: model.Server
    ) -> None:
        if server.host:
            self._moved(track, server.host)
        else:
            track.end(model.Outcome.UNKNOWN, 'Nova shows it on no host')

    def _moved(self, track: tracking.Track, destination: str | None) -> None:
        track.destination = destination
        if track.needs_stop:
            track.enter(tracking.Phase.SETTLING, self._clock.monotonic())
        else:
            self._evacuated(track)

    def _evacuated(self, track: tracking.Track) -> None:
        if track.step.moved_to is not None:
            reason = 'it had moved already, and is stopped now'
        elif track.attempts:
            reason = track.note
        elif track.step.action is model.Action.WAIT:
            reason = 'by an evacuation that was open already'
        else:
            reason = 'by an evacuation that was begun meanwhile'
        track.end(model.Outcome.EVACUATED, reason)

    def left(self, track: tracking.Track, server: model.Server | None) -> None:
        """The server is no longer on the host, and not by our doing."""
        if server is None:
            track.end(model.Outcome.SKIPPED, 'it was deleted meanwhile')
        else:
            track.destination = server.host or None
            track.end(
                model.Outcome.SKIPPED,
                f'it has left the host meanwhile, for '
                f'{server.host or "no other"}',
            )

    def broken(
        self,
        track: tracking.Track,
        evacuations: tuple[model.Evacuation, ...],
    ) -> Iterator[events.Event]:
        """See why an evacuation failed, and whether to try again."""
        now = self._clock.monotonic()
        record = tracking.newest(track, evacuations)
        if record is not None and record.status.open:
            # Somebody else was faster.
            track.evacuation = record
            track.enter(tracking.Phase.OPEN, now)
            return
        server = self._compute.server(track.server.id)
        if server is None:
            self.left(track, None)
            return
        if server.host != self._host:
            self._seen_elsewhere(track, server)
            return
        if server.task_state is not None and now - track.since < _SETTLE:
            return
        words = self._compute.failure(server, track.evacuation)
        track.reason = words
        if track.request_id is not None and track.attempts:
            track.reason += f' (request {track.request_id})'
        left_on = remains.may_run(server, track.evacuation, words)
        held = plan.refuse_now(server)
        if left_on is not None:
            track.end(
                model.Outcome.UNKNOWN,
                remains.warning(left_on, track.reason),
            )
        elif held is not None:
            track.end(model.Outcome.FAILED, f'{track.reason} ({held})')
        elif not track.step.allowed or track.attempts > self._options.retries:
            note = track.note and f'; {track.note}'
            track.end(model.Outcome.FAILED, track.reason + note)
        else:
            if track.evacuation is not None:
                track.known |= {track.evacuation.id}
            track.enter(tracking.Phase.WAITING, now)
            yield events.Retrying(track.server, track.reason)

    def settle(self, track: tracking.Track) -> None:
        """Stop a server that has moved and was stopped before."""
        server = self._compute.server(track.server.id)
        if server is None:
            self.left(track, None)
        elif server.vm_state == 'stopped':
            self._evacuated(track)
        elif server.task_state is not None:
            return
        elif server.vm_state == 'active' and track.stops < _STOPS:
            self._check()
            try:
                self._compute.stop(server.id)
            except exceptions.CloudError as error:
                if error.passing and error.code != 409:
                    # It never got there, so it does not count.
                    raise
            track.stops += 1
        else:
            track.end(
                model.Outcome.UNKNOWN,
                f'it has moved, but is {server.vm_state} and not stopped as '
                f'before: see to it by hand',
            )

    def leave(self, track: tracking.Track) -> None:
        """End an open evacuation that need not be waited for."""
        if track.needs_stop:
            return
        track.end(
            model.Outcome.ACCEPTED,
            'Nova has accepted its evacuation; nobody waited for the end',
        )
