"""Evacuate requests on their way."""

from __future__ import annotations

from collections.abc import Iterator
import concurrent.futures

from osc_instanceha import exceptions
from osc_instanceha import options as options_
from osc_instanceha import ports
from osc_instanceha import tracking


class Sending:
    """Sends evacuate requests, side by side, and hands out their answers.

    :param pool: whose threads wait for the answers
    :param held: the lock of the host; once it may be lost, nothing is sent
    """

    def __init__(
        self,
        compute: ports.Compute,
        pool: concurrent.futures.Executor,
        held: ports.Held,
        options: options_.Options,
    ) -> None:
        self._compute = compute
        self._pool = pool
        self._held = held
        self._options = options
        self._requests: dict[
            concurrent.futures.Future[ports.Posted], tracking.Track
        ] = {}

    def __len__(self) -> int:
        """How many are on their way."""
        return len(self._requests)

    def send(self, track: tracking.Track, now: float) -> None:
        """Ask for the evacuation of a server, once.

        :param now: monotonic seconds
        """
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
                yield track, request.result()
