"""What Pacemaker remembers of fencing a host.

Its format: ``stonith_admin --history --output-as=xml``, described by
xml/api/fence-event-2.15.rng of Pacemaker, written by stonith_event_xml()
(lib/fencing/st_output.c).
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Sequence
import dataclasses
import datetime
from xml.etree import ElementTree

from osc_instanceha import exceptions


@dataclasses.dataclass(frozen=True)
class Event:
    """One fencing operation.

    :ivar action: off, on or reboot
    :ivar status: success, failed or pending
    :ivar delegate: who did it; "a human" for ``stonith_admin --confirm``
    :ivar completed: when it ended; None while it is pending
    """

    action: str
    status: str
    client: str = ''
    origin: str = ''
    delegate: str = ''
    exit_reason: str = ''
    completed: datetime.datetime | None = None

    @property
    def pending(self) -> bool:
        return self.completed is None

    @property
    def by_human(self) -> bool:
        return self.delegate == 'a human'

    def __str__(self) -> str:
        words = [self.action, self.status]
        if self.by_human:
            words.append('confirmed by a human')
        elif self.delegate:
            words.append(f'by {self.delegate}')
        if self.exit_reason:
            words.append(f'({self.exit_reason})')
        if self.completed is not None:
            words.append(f'at {self.completed.isoformat(" ")}')
        return ' '.join(words)


def parse(text: str, target: str) -> tuple[Event, ...]:
    """The events of one target.

    :raises DeviceError: if it cannot be understood
    """
    try:
        # The text of a program of this machine, as root has installed it.
        root = ElementTree.fromstring(text)  # noqa: S314
        return tuple(
            _event(element)
            for element in root.iter('fence_event')
            if element.get('target') == target
        )
    except (ElementTree.ParseError, KeyError, ValueError) as error:
        raise exceptions.DeviceError(
            f'the fencing history cannot be understood '
            f'({type(error).__name__}: {error})'
        ) from None


def since(events: Iterable[Event], before: Iterable[Event]) -> list[Event]:
    """The events that were not there, or had not ended, before.

    By identity and number, not by time: Pacemaker's clock has whole seconds.
    """
    old = list(before)
    new = []
    for event in events:
        if event in old:
            old.remove(event)
        else:
            new.append(event)
    return new


def newest(events: Sequence[Event]) -> Sequence[Event]:
    """Those that ended last: several, if in the same second."""
    moments = [event.completed for event in events if event.completed]
    if not moments:
        return []
    return [event for event in events if event.completed == max(moments)]


def _event(element: ElementTree.Element) -> Event:
    status = element.attrib['status']
    # An operation that has ended without a moment is not understood.
    completed = (
        None if status == 'pending' else _moment(element.attrib['completed'])
    )
    return Event(
        action=element.attrib['action'],
        status=status,
        client=element.get('client', ''),
        origin=element.get('origin', ''),
        delegate=element.get('delegate', ''),
        exit_reason=element.get('exit-reason', ''),
        completed=completed,
    )


def _moment(text: str) -> datetime.datetime:
    """As in 2026-11-24 03:19:47 +01:00, or 2026-11-24 02:19:47Z."""
    date, time = text.split(maxsplit=1)
    moment = datetime.datetime.fromisoformat(f'{date}T{"".join(time.split())}')
    if moment.tzinfo is None:
        raise ValueError(f'no offset in {text!r}')
    return moment
