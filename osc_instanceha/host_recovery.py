"""The recovery of one host: plan, send, follow, account for all.

Invariant 2 is kept here: a request is sent only for a server that Nova has
just been seen to have no open evacuation of, and never again before Nova's
own records say that the first has ended.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
import concurrent.futures

from osc_instanceha import events
from osc_instanceha import exceptions
from osc_instanceha import following
from osc_instanceha import inventory as inventory_
from osc_instanceha import model
from osc_instanceha import options as options_
from osc_instanceha import plan
from osc_instanceha import ports
from osc_instanceha import proof as proof_
from osc_instanceha import selection as selection_
from osc_instanceha import tracking

#: How old, in seconds, the list of servers may be when a request is sent on
#: it. The list of evacuations is always of the same round.
_FRESH = 5.0

#: List calls a round may make.
_CALLS = 2


class HostRecovery:
    """Everything that a run knows of one host and does for it.

    :param room: how many more evacuations may be begun now
    :ivar moved_at: monotonic seconds at which anything last got on
    """

    def __init__(
        self,
        proof: proof_.Proof,
        *,
        compute: ports.Compute,
        images: ports.Images,
        clock: ports.Clock,
        pool: concurrent.futures.Executor,
        room: Callable[[], int],
        selection: selection_.Selection,
        options: options_.Options,
    ) -> None:
        self.host = proof.host
        self.proof = proof
        self.tracks: list[tracking.Track] = []
        self.moved_at = clock.monotonic()
        self._compute = compute
        self._images = images
        self._clock = clock
        self._pool = pool
        self._room = room
        self._selection = selection
        self._options = options
        self._follower = following.Follower(
            proof.host, compute=compute, clock=clock, options=options
        )
        self._inventory: model.Inventory
        self._servers: dict[str, model.Server] = {}
        self._servers_read = 0.0
        self._evacuations: tuple[model.Evacuation, ...] = ()
        self._requests: dict[
            concurrent.futures.Future[ports.Posted], tracking.Track
        ] = {}
        self._announced: set[str] = set()
        self._calls = 0
        self._looked = False

    def read(self, surroundings: inventory_.Surroundings) -> plan.Plan:
        """Read all of the host from Nova and decide on every server.

        :raises CloudError: if anything that the plan needs is missing
        """
        self._servers_read = self._clock.monotonic()
        self._inventory = inventory_.read(
            self.host,
            self._compute,
            self._images,
            self._selection,
            surroundings,
        )
        self._evacuations = self._inventory.evacuations
        self._servers = {item.id: item for item in self._inventory.servers}
        made = inventory_.settle_end_states(
            plan.build(self._inventory, self._selection, self._options),
            self._compute,
        )
        self.tracks = [
            tracking.begin(step, self._inventory) for step in made.steps
        ]
        return made

    @property
    def in_flight(self) -> int:
        """Open evacuations from this host, whoever began them.

        What nobody has seen the end of counts: a request on its way, one
        without an answer, and evacuations of servers not selected here.
        """
        followed = {t.server.id for t in self.tracks if t.in_flight}
        return len(followed | self._openly())

    def _openly(self) -> set[str]:
        """Servers with an open evacuation, when the list was last read."""
        return {
            record.server_id
            for record in self._evacuations
            if record.status.open
        }

    @property
    def ended(self) -> bool:
        return not self.proof.wanted and len(
            self._in(tracking.Phase.ENDED)
        ) == len(self.tracks)

    @property
    def waiting(self) -> bool:
        """Whether there is a server that is still to be asked for."""
        return bool(self._in(tracking.Phase.WAITING))

    def results(self) -> tuple[model.ServerResult, ...]:
        """One result for every server of the host, at any moment."""
        return tuple(track.result() for track in self.tracks)

    def advance(self) -> Iterator[events.Event]:
        """Look once, with at most two list calls, and do what can be done.

        A cloud that does not answer costs this round and no more: nothing
        is decided on what could not be read.
        """
        before = self._progress()
        try:
            yield from self._advance()
        except exceptions.CloudError as error:
            yield events.Trouble(self.host, error)
        yield from self.announce()
        if self._progress() != before:
            self.moved_at = self._clock.monotonic()

    def announce(self) -> Iterator[events.Event]:
        """Tell of every outcome that has not been told of yet."""
        if self.proof.refusal is not None:
            self._withdraw()
            for track in self._in(tracking.Phase.WAITING):
                track.end(model.Outcome.REFUSED, self.proof.refusal.short)
        for track in self._in(tracking.Phase.ENDED):
            if track.server.id not in self._announced:
                self._announced.add(track.server.id)
                yield events.Ended(track.result())

    def _withdraw(self) -> None:
        """Take back the requests that still wait for a thread to send them."""
        for request, track in list(self._requests.items()):
            if request.cancel():
                del self._requests[request]
                track.attempts -= 1
                track.enter(tracking.Phase.WAITING, self._clock.monotonic())

    def _progress(self) -> set[tuple[object, ...]]:
        """What changes only when Nova gets on, not whenever we try."""
        return {
            (
                track.server.id,
                track.outcome,
                track.evacuation and track.evacuation.id,
                track.evacuation and track.evacuation.status,
            )
            for track in self.tracks
        }

    def _in(self, *phases: tracking.Phase) -> list[tracking.Track]:
        return [track for track in self.tracks if track.phase in phases]

    def _each(
        self,
        step: Callable[[tracking.Track], Iterable[events.Event] | None],
        *phases: tracking.Phase,
    ) -> Iterator[events.Event]:
        """Take a step for each of these; one that fails stops no other."""
        for track in self._in(*phases):
            try:
                yield from step(track) or ()
            except exceptions.CloudError as error:
                yield events.Trouble(self.host, error)

    def _advance(self) -> Iterator[events.Event]:
        yield from self._collect()
        self._calls = 0
        self._looked = False
        followed = (tracking.Phase.OPEN, tracking.Phase.UNCERTAIN)
        if self._in(*followed, tracking.Phase.BROKEN):
            self._read_evacuations()
            yield from self._each(
                lambda track: self._follower.follow(track, self._evacuations),
                *followed,
            )
            yield from self._each(self._follower.broken, tracking.Phase.BROKEN)
        yield from self._each(self._follower.settle, tracking.Phase.SETTLING)
        if self.waiting:
            yield from self._launch()
        elif self.proof.wanted:
            yield from self.proof.complete()
        if not self._options.wait:
            self._leave()

    def _collect(self) -> Iterator[events.Event]:
        for request in [item for item in self._requests if item.done()]:
            track = self._requests.pop(request)
            posted = request.result()
            yield from self._follower.answered(track, posted)
            if posted.answer is ports.Answer.NOT_SENT:
                yield events.Trouble(
                    self.host, exceptions.Unreachable(posted.message)
                )
            elif (
                posted.answer is ports.Answer.HOST_IN_USE
                and self.host in posted.message.split()
            ):
                yield from self.proof.refuse(
                    f'Nova takes it to be up ({posted.message})',
                    'Find out who brought it back before you run it again',
                )

    def _read_evacuations(self) -> None:
        # Records that were over when the run began need not be read again;
        # those that are followed must be.
        followed = {
            track.evacuation.id
            for track in self.tracks
            if track.evacuation is not None
        }
        known = {
            record.id
            for record in self._inventory.evacuations
            if not record.status.open and record.id not in followed
        }
        self._evacuations = self._compute.evacuations(self.host, known)
        self._calls += 1
        self._looked = True

    def _launch(self) -> Iterator[events.Event]:
        if not self.proof.holds:
            calls = self.proof.calls
            yield from self.proof.complete()
            self._calls += self.proof.calls - calls
            if not self.proof.holds:
                return
        if not self._look():
            return
        openly = self._openly()
        busy = {
            group
            for track in self.tracks
            if track.in_flight or track.server.id in openly
            for group in track.step.groups
        }
        # What failed before goes behind what has not been tried.
        for track in sorted(
            self._in(tracking.Phase.WAITING), key=lambda t: t.attempts
        ):
            if self._room() <= 0:
                return
            if busy & track.step.groups:
                continue
            if self._still_wanted(track, openly):
                busy |= track.step.groups
                self._post(track)

    def _look(self) -> bool:
        """Bring what a request is decided on up to date.

        :returns: False if there is no room, or if that would take more
            calls than a round may make, so that the next one has to go on
        """
        # Somebody else may have begun an evacuation a moment ago; and what
        # nobody follows here may have ended, and made room.
        if not self._looked:
            if self._calls >= _CALLS:
                return False
            self._read_evacuations()
        if self._room() <= 0:
            return False
        now = self._clock.monotonic()
        if now - self._servers_read > _FRESH or any(
            # Its state has changed with the attempt that failed.
            track.attempts and track.since >= self._servers_read
            for track in self._in(tracking.Phase.WAITING)
        ):
            if self._calls >= _CALLS:
                return False
            self._servers = {
                server.id: server
                for server in self._compute.servers(self.host)
            }
            self._calls += 1
            self._servers_read = now
        return True

    def _still_wanted(self, track: tracking.Track, openly: set[str]) -> bool:
        """Whether the server, as it is now, is still to be asked for."""
        server = self._servers.get(track.server.id)
        if server is None:
            now = self._compute.server(track.server.id)
            if now is not None and now.host == self.host:
                raise exceptions.IncompleteAnswer(
                    f'Nova no longer lists the server {now.id}, although it '
                    f'is on {self.host}'
                )
            self._follower.left(track, now)
            return False
        if server.id in openly:
            track.enter(tracking.Phase.OPEN, self._clock.monotonic())
            return False
        verdict = self._selection.judge(
            server, self._inventory.images.get(server.id)
        )
        if verdict.answer is selection_.Answer.UNKNOWN:
            track.end(
                model.Outcome.REFUSED,
                f'cannot tell whether it is selected: {verdict.reason}',
            )
            return False
        if verdict.answer is selection_.Answer.NO:
            track.end(
                model.Outcome.SKIPPED,
                f'no longer selected: {verdict.reason}',
            )
            return False
        held = plan.refuse_now(server)
        if held is not None:
            track.end(model.Outcome.REFUSED, held)
            return False
        track.last_vm_state = server.vm_state
        return True

    def _post(self, track: tracking.Track) -> None:
        track.known = frozenset(
            record.id
            for record in (*self._evacuations, *self._inventory.evacuations)
            if record.server_id == track.server.id
        )
        track.evacuation = None
        track.attempts += 1
        track.enter(tracking.Phase.POSTING, self._clock.monotonic())
        request = self._pool.submit(
            self._compute.evacuate,
            track.server.id,
            guarded=track.step.guarded,
            target_host=self._options.target_host,
            stopped=self._options.stopped,
        )
        self._requests[request] = track

    def _leave(self) -> None:
        """End what need not be waited for (``--no-wait``)."""
        for track in self._in(tracking.Phase.OPEN):
            stays_active = track.last_vm_state != 'stopped'
            if track.step.end_state is model.EndState.STOPPED and stays_active:
                # It has to be stopped by us once it has moved.
                continue
            track.end(
                model.Outcome.ACCEPTED,
                'Nova has accepted its evacuation; nobody waited for the end',
            )
