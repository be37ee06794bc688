"""Evacuate requests on their way."""

from __future__ import annotations

from collections.abc import Generator
from collections.abc import Iterator
import concurrent.futures

from osc_instanceha import events
from osc_instanceha import exceptions
from osc_instanceha import model
from osc_instanceha import options as options_
from osc_instanceha import ports
from osc_instanceha import tracking


class Sending:
    """Sends evacuate requests, side by side, and hands out their answers.

    :param pool: whose threads wait for the answers
    :param service: of the host that they are about
    :param held: its lock; once that may be lost, nothing is sent
    """

    def __init__(
        self,
        compute: ports.Compute,
        pool: concurrent.futures.Executor,
        options: options_.Options,
        service: model.Service,
        held: ports.Held,
    ) -> None:
        self._service = service
        self._held = held
        #: Whether requests of a run that was killed may yet get to Nova;
        #: None before anybody has looked.
        self._asked: bool | None = None
        #: Whether others know that requests are on their way.
        self._told = False
        #: Whether an answer was lost: such a request may still be.
        self._lost = False
        self._compute = compute
        self._pool = pool
        self._options = options
        self._requests: dict[
            concurrent.futures.Future[ports.Posted], tracking.Track
        ] = {}

    def __len__(self) -> int:
        """How many are on their way."""
        return len(self._requests)

    def asked_before(self) -> Generator[events.Event, None, bool]:
        """Whether a run that was killed may have asked already.

        What Nova has not got to yet is in none of its records, and would be
        done beside a request of ours (invariant 2). To be asked before the
        records are read.
        """
        if self._asked is not False:
            first = self._asked is None
            self._asked = self._held.asked(self._service.id)
            if self._asked and first:
                yield events.Waiting(
                    self._service.host,
                    'what a run that was killed had asked Nova for',
                )
        return self._asked

    def send(self, track: tracking.Track, now: float) -> None:
        """Ask for the evacuation of a server, once.

        :param now: monotonic seconds
        """
        self._tell(True)
        track.evacuation = None
        track.attempts += 1
        track.enter(tracking.Phase.POSTING, now)
        request = self._pool.submit(
            self._post, track.server.id, guarded=track.step.guarded
        )
        self._requests[request] = track

    def _post(self, server: str, *, guarded: bool) -> ports.Posted:
        """In a thread of the pool, maybe a while after it was asked for."""
        self._held.check()
        return self._compute.evacuate(
            server,
            guarded=guarded,
            target_host=self._options.target_host,
            stopped=self._options.stopped,
        )

    def answers(
        self, now: float
    ) -> Iterator[tuple[tracking.Track, ports.Posted]]:
        """The answers that have come, each once.

        What no thread had taken yet when the run was given up was not sent,
        nor what came to its turn when the lock was lost: it waits again.
        """
        for request in [item for item in self._requests if item.done()]:
            track = self._requests.pop(request)
            if request.cancelled() or isinstance(
                request.exception(), exceptions.LockLost
            ):
                track.attempts -= 1
                track.enter(tracking.Phase.WAITING, now)
            else:
                posted = request.result()
                self._lost |= posted.answer is ports.Answer.UNCERTAIN
                yield track, posted
        self._tell(bool(self._requests) or self._lost)

    def _tell(self, on: bool) -> None:
        if on or self._told:
            # Again and again, so that it is of the moment in which this run
            # is killed.
            self._told = on
            self._held.asking(self._service.id, on)
