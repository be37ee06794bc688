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
from osc_instanceha import sending
from osc_instanceha import tracking

#: How old, in seconds, the list of servers may be when a request is sent on
#: it. The list of evacuations is always of the same round.
_FRESH = 5.0

#: Phases in which every server takes requests of its own.
_ONE_BY_ONE = frozenset((tracking.Phase.BROKEN, tracking.Phase.SETTLING))


class HostRecovery:
    """Everything that a run knows of one host and does for it.

    :param held: the lock of the host
    :param room: how many more requests may be sent now
    :param busy_groups: server groups of which a member is on its way, from
        any host
    :param expired: whether the time of the run is over
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
        held: ports.Held,
        room: Callable[[], int],
        busy_groups: Callable[[], set[str]],
        expired: Callable[[], bool],
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
        self._room = room
        self._busy_groups = busy_groups
        self._expired = expired
        self._selection = selection
        self._options = options
        self._follower = following.Follower(
            proof.host,
            compute=compute,
            clock=clock,
            options=options,
            check=held.check,
        )
        self._inventory: model.Inventory
        self._servers: dict[str, model.Server] = {}
        self._servers_read = 0.0
        self._evacuations: tuple[model.Evacuation, ...] = ()
        self._sending = sending.Sending(
            compute, pool, options, proof.service, held
        )
        self._held = held
        self._lost = ''  # Why nothing may be begun any more, if so.
        self._announced: set[str] = set()

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
        made = inventory_.ask_further(
            plan.build(self._inventory, self._selection, self._options),
            self._inventory,
            self._selection,
            self._compute,
            self._options.stopped,
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

    @property
    def requests(self) -> int:
        """Requests on their way."""
        return len(self._sending)

    @property
    def uncertain(self) -> bool:
        """Whether a request without an answer may yet be carried out."""
        now = self._clock.monotonic()
        return any(
            now - track.since < following.TRACE
            for track in self._in(tracking.Phase.UNCERTAIN)
        )

    @property
    def groups_in_flight(self) -> set[str]:
        """Server groups of which a member is being evacuated from here."""
        openly = self._openly()
        return {
            group
            for track in self.tracks
            if track.in_flight or track.server.id in openly
            for group in track.step.groups
        }

    def _openly(self) -> set[str]:
        """Servers with an open evacuation, when the list was last read."""
        return {
            record.server_id
            for record in self._evacuations
            if record.status.open
        }

    @property
    def ended(self) -> bool:
        marking = self.proof.wanted and not self._lost
        return not marking and len(self._in(tracking.Phase.ENDED)) == len(
            self.tracks
        )

    @property
    def waiting(self) -> bool:
        """Whether there is a server that is still to be asked for."""
        return bool(self._in(tracking.Phase.WAITING))

    def results(self) -> tuple[model.ServerResult, ...]:
        """One result for every server of the host, at any moment."""
        return tuple(track.result() for track in self.tracks)

    def advance(self) -> Iterator[events.Event]:
        """Look once, and do what can be done.

        A look is one list call, of the evacuations; a second one, of the
        servers, when something is to be sent and what is known of them is
        old; and the host's service record once in a report interval.

        A cloud that does not answer costs this round and no more: nothing
        is decided on what could not be read.
        """
        before = self._progress()
        try:
            yield from self._advance()
        except exceptions.CloudError as error:
            yield events.Trouble(self.host, error)
        except exceptions.LockLost as error:
            # What is open is followed to its end; that changes nothing.
            self._lost = str(error)
            yield events.Trouble(self.host, error)
        yield from self.announce()
        if self._progress() != before:
            self.moved_at = self._clock.monotonic()

    def look_again(self) -> Iterator[events.Event]:
        """See what has become of evacuations that nobody follows."""
        try:
            self.read_evacuations()
        except exceptions.CloudError as error:
            yield events.Trouble(self.host, error)

    def announce(self) -> Iterator[events.Event]:
        """Tell of every outcome that has not been told of yet."""
        refusal = self.proof.refusal
        no = refusal.short if refusal is not None else self._lost
        for track in self._in(tracking.Phase.WAITING) if no else ():
            track.refuse(no)
        for track in self._in(tracking.Phase.SETTLING) if self._lost else ():
            reason = f'it has moved, but was not seen stopped: {self._lost}'
            track.end(model.Outcome.UNKNOWN, reason)
        for track in self._in(tracking.Phase.ENDED):
            if track.server.id not in self._announced:
                self._announced.add(track.server.id)
                yield events.Ended(track.result())

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
            if track.phase in _ONE_BY_ONE and self._expired():
                return
            try:
                yield from step(track) or ()
            except exceptions.CloudError as error:
                yield events.Trouble(self.host, error)

    def _advance(self) -> Iterator[events.Event]:
        yield from self.collect()
        since = self._clock.monotonic()
        if not self._lost and (self.waiting or self.proof.wanted):
            yield from self.proof.complete()
        launching = (
            self.waiting
            and self.proof.holds(since)
            and not (yield from self._sending.asked_before())
        )
        if launching and self._stale(since):
            self._read_servers(since)
        # Last of all: what a request is decided on must be of this moment.
        # Somebody else may have begun an evacuation, and what nobody follows
        # here may have ended and made room.
        followed = (tracking.Phase.OPEN, tracking.Phase.UNCERTAIN)
        if launching or self._in(*followed, tracking.Phase.BROKEN):
            self.read_evacuations()
        yield from self._each(
            lambda track: self._follower.follow(track, self._evacuations),
            *followed,
        )
        if launching:
            yield from self._launch(since)
        yield from self._each(
            lambda track: self._follower.broken(track, self._evacuations),
            tracking.Phase.BROKEN,
        )
        yield from self._each(self._follower.settle, tracking.Phase.SETTLING)
        if not self._options.wait:
            yield from self._each(self._follower.leave, tracking.Phase.OPEN)

    def collect(self) -> Iterator[events.Event]:
        """Take in the answers that have come."""
        for track, posted in self._sending.answers(self._clock.monotonic()):
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

    def read_evacuations(self) -> None:
        """Bring the list of open evacuations up to date."""
        # Only what is behind every open one, and over, need not be read
        # again: the list may end there.
        known: set[str] = set()
        for record in reversed(self._inventory.evacuations):
            if record.status.open:
                break
            known.add(record.id)
        self._evacuations = self._compute.evacuations(self.host, known)

    def _stale(self, since: float) -> bool:
        """Whether the list of servers is too old to send a request on.

        :param since: when the round began; what was read in it will do
        """
        if self._room() <= 0 or self._servers_read >= since:
            return False
        return since - self._servers_read > _FRESH or any(
            # Its state has changed with the attempt that failed.
            track.since >= self._servers_read
            for track in self._in(tracking.Phase.WAITING)
        )

    def _read_servers(self, now: float) -> None:
        self._servers = inventory_.servers(self.host, self._compute)
        self._servers_read = now

    def _launch(self, since: float) -> Iterator[events.Event]:
        now = self._clock.monotonic()
        if self._stale(since):
            # There was no room before the list of evacuations was read.
            return
        self._held.check()
        openly = self._openly()
        busy = self._busy_groups()
        # What failed before goes behind what has not been tried.
        for track in sorted(
            self._in(tracking.Phase.WAITING), key=lambda t: t.attempts
        ):
            if self._room() <= 0:
                return
            if busy & track.step.groups or track.not_before > now:
                continue
            try:
                wanted = self._still_wanted(track, openly)
            except exceptions.CloudError as error:
                yield events.Trouble(self.host, error)
                continue
            if wanted:
                busy |= track.step.groups
                self._post(track)

    def _still_wanted(self, track: tracking.Track, openly: set[str]) -> bool:
        """Whether the server, as it is now, is still to be asked for."""
        if tracking.newest(track, self._evacuations) is not None:
            # Not by this run, and not known when it was planned.
            self._follower.follow(track, self._evacuations)
            return False
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
        self._sending.send(track, self._clock.monotonic())
