"""The recovery of fenced hosts, round after round.

Each round is a run of its own, which goes on where Nova's records say that
the last one stopped. So this may be ended and started anywhere, at any
moment.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator

from osc_instanceha import cloud as cloud_
from osc_instanceha import events
from osc_instanceha import exceptions
from osc_instanceha import model
from osc_instanceha import ports
from osc_instanceha import recovery


class Rounds:
    """Looks for fenced hosts, and evacuates them.

    Hosts that are just fenced are evacuated at once. What is left of them
    after a round (servers that nothing can be done for now) is tried again
    after pauses that grow.

    :param connect: connects to the cloud, with its configuration as it is
        now
    :param tell: takes one line for people
    :param interval: seconds between two looks at the cloud
    :param longest: seconds between two rounds in which nothing moves
    """

    def __init__(
        self,
        connect: Callable[[], cloud_.Cloud],
        tell: Callable[[str], None],
        clock: ports.Clock,
        *,
        interval: float,
        longest: float,
    ) -> None:
        self._connect = connect
        self._tell = tell
        self._clock = clock
        self._interval = interval
        self._longest = max(longest, interval)
        self._cloud: cloud_.Cloud | None = None
        self._fenced: frozenset[str] = frozenset()
        self._pause = interval
        self._due = 0.0
        self._told: dict[str, str] = {}

    def run(self) -> None:
        """Go on until somebody interrupts it.

        :raises KeyboardInterrupt: what interrupts it; nothing more is begun
            then, and what is open stays so in Nova
        """
        while True:
            self.round()
            self._clock.sleep(self._interval)

    def round(self) -> None:
        """Look, and evacuate what there is to be evacuated."""
        try:
            if self._cloud is None:
                self._cloud = self._connect()
            fenced = _fenced(self._cloud)
            if fenced != self._fenced:
                self._tell_once('hosts', ', '.join(sorted(fenced)) or 'none')
                self._fenced, self._due = fenced, 0.0
                self._pause = self._interval
            if not fenced or self._clock.monotonic() < self._due:
                return
            # The configuration may have changed since the last time.
            self._cloud = self._connect()
            moved = self._evacuate(self._cloud)
        except exceptions.InstanceHAError as error:
            self._tell_once('error', str(error))
            # It may be the connection, or the credentials, that has ended.
            self._cloud = None
            moved = False
        else:
            self._told.pop('error', None)
        self._pause = (
            self._interval if moved else min(self._pause * 2, self._longest)
        )
        self._due = self._clock.monotonic() + self._pause

    def _evacuate(self, cloud: cloud_.Cloud) -> bool:
        """Whether anything moved."""
        run = cloud.evacuate(None)
        # A generator: what interrupts this has to end it too, before the
        # locks of the hosts are released.
        for event in run:
            for subject, text in _words(event):
                self._tell_once(subject, text)
        return any(result.attempts for result in run.results()) or _open(run)

    def _tell_once(self, subject: str, text: str) -> None:
        """Say something, unless it is what was said last of the subject."""
        if self._told.get(subject) != text:
            self._told[subject] = text
            self._tell(f'{subject}: {text}')


def _fenced(cloud: cloud_.Cloud) -> frozenset[str]:
    audit = cloud.fencing()
    for _event in audit:
        pass
    return frozenset(
        row.host
        for row in audit.results()
        if row.service is not None and row.service.forced_down
    )


def _open(run: recovery.Recovery) -> bool:
    """Whether something goes on that the next round has to see the end of."""
    return any(
        result.outcome in (model.Outcome.UNKNOWN, model.Outcome.ACCEPTED)
        for result in run.results()
    )


def _words(event: events.Event) -> Iterator[tuple[str, str]]:
    """What is worth a line in a log: of whom, and what."""
    match event:
        case events.Planned(plan):
            counted = ', '.join(
                f'{len(plan.having(action))} to {action.value}'
                for action in model.Action
            )
            yield plan.host, f'{len(plan.steps)} servers: {counted}'
        case events.HostRefused(host, error):
            yield host, str(error)
        case events.LeftOut(host, error):
            yield host, str(error)
        case events.Trouble(host, trouble):
            yield f'{host}, trouble', str(trouble)
        case events.Listening(host, seconds):
            yield f'{host}, silence', f'waited for, {seconds:.0f} s'
        case events.Accepted(server, request_id):
            yield f'server {server.id}', f'accepted by Nova ({request_id})'
        case events.Retrying(server, reason):
            yield f'server {server.id}', f'to be tried again: {reason}'
        case events.Ended(result):
            where = f' to {result.destination}' if result.destination else ''
            why = f': {result.reason}' if result.reason else ''
            yield (
                f'server {result.server_id}',
                f'{result.outcome.value}{where}{why}',
            )
