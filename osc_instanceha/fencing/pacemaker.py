"""A host that a Pacemaker cluster fences.

The cluster has the devices, and no way to read them: its fencing history
says what it did. So a host counts as off only if the cluster has switched it
off after this driver asked for it, and has done nothing to it since.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import ClassVar
from xml.etree import ElementTree

from osc_instanceha import exceptions
from osc_instanceha.fencing import child
from osc_instanceha.fencing import driver
from osc_instanceha.fencing import fencing_history as history

#: The part of the time for one answer that is kept for a look at whether a
#: request has arrived.
_RESERVE = 0.25

#: Exit codes of Pacemaker's tools (include/crm/common/results.h).
_NO_SUCH_DEVICE = 105
_NOT_CONNECTED = 102

_CURES = {
    _NOT_CONNECTED: (
        'the cluster has to run on this machine, and the user to be root or '
        'in the group haclient'
    ),
    _NO_SUCH_DEVICE: 'no fencing device of the cluster is for this name',
}

_COMMANDS = {
    driver.PowerState.OFF: 'fence',
    driver.PowerState.ON: 'unfence',
}


class Pacemaker(driver.Driver):
    """Asks the cluster that this machine is a member of."""

    summary: ClassVar[str] = 'The fencing devices of a Pacemaker cluster'
    options: ClassVar[tuple[driver.Option, ...]] = (
        driver.Option(
            'target',
            'Name of the host in the cluster; that of the compute host by '
            'default',
            names_target=True,
        ),
        driver.Option(
            'fencing_timeout',
            'Seconds that the cluster may take, over all its devices',
            kind=driver.Kind.INTEGER,
            default=60,
        ),
        driver.Option(
            'stonith_admin',
            'The program, or its path',
            default='stonith_admin',
        ),
    )

    def __init__(
        self, target: driver.Target, options: Mapping[str, Any]
    ) -> None:
        super().__init__(target, options)
        self._name: str = options['target'] or target.host
        self._program = child.find(options['stonith_admin'])
        #: What had happened before the last request; None without one.
        self._before: Sequence[history.Event] | None = None

    def read(self, timeout: float) -> driver.Reading:
        events = self._history(timeout)
        if self._before is None:
            return _remembered(events)
        new = history.since(events, self._before)
        if any(
            event.pending and (event in new or event.action != 'off')
            for event in events
        ):
            return driver.Reading(
                driver.PowerState.UNKNOWN, 'the cluster is still at it'
            )
        return _concluded(new)

    def switch(self, state: driver.PowerState, timeout: float) -> None:
        before = self._history(timeout * _RESERVE)
        self._before = before
        try:
            self._run(
                timeout * (1 - 2 * _RESERVE),
                f'--{_COMMANDS[state]}={self._name}',
                f'--timeout={self.values["fencing_timeout"]}',
            )
        except child.Overdue:
            # stonith_admin waits until the cluster is done; the cluster goes
            # on without it.
            if history.since(self._history(timeout * _RESERVE), before):
                return
            raise

    def _history(self, timeout: float) -> tuple[history.Event, ...]:
        # Without --verbose it is the last success only.
        text = self._run(timeout, f'--history={self._name}', '--verbose')
        return history.parse(text, self._name)

    def _run(self, timeout: float, *arguments: str) -> str:
        """What stonith_admin says.

        :raises DeviceUnreachable: if it does not end, or finds no cluster
        :raises DeviceError: if it fails
        """
        ended = child.run(
            [self._program, *arguments, '--output-as=xml'], timeout=timeout
        )
        if ended.code == 0:
            return ended.stdout
        words = _words(ended) or f'exit code {ended.code}'
        cure = _CURES.get(ended.code)
        message = f'{words}: {cure}' if cure else words
        if ended.code == _NOT_CONNECTED:
            raise exceptions.DeviceUnreachable(message)
        raise exceptions.DeviceError(message)


def _remembered(events: Sequence[history.Event]) -> driver.Reading:
    """What nobody asked for here proves nothing: it may be on again."""
    last = history.newest(events)
    return driver.Reading(
        driver.PowerState.UNKNOWN,
        f'last: {last[0]}' if last else 'never fenced, as far as known',
        fresh=False,
    )


def _concluded(events: Sequence[history.Event]) -> driver.Reading:
    """What follows from all that has happened since the request.

    Not from what ended last: several members of the cluster write down when,
    each by its own clock.
    """
    if not events:
        return driver.Reading(
            driver.PowerState.UNKNOWN, 'nothing has happened yet'
        )
    detail = '; '.join(map(str, events))
    actions = {event.action for event in events}
    successes = [event for event in events if event.status == 'success']
    if successes:
        vouched = all(event.by_human for event in successes)
        # A reboot ends with a machine that is on, or comes on.
        if actions == {'off'}:
            return driver.Reading(
                driver.PowerState.OFF, detail, vouched=vouched
            )
        if actions == {'on'}:
            return driver.Reading(driver.PowerState.ON, detail)
    return driver.Reading(driver.PowerState.UNKNOWN, detail)


def _words(ended: child.Ended) -> str:
    """The errors in its answer; in pacemaker-result, status has them."""
    try:
        root = ElementTree.fromstring(ended.stdout)  # noqa: S314 - as above
    except ElementTree.ParseError:
        return ' '.join((ended.stderr or ended.stdout).split())
    errors = [
        ' '.join((error.text or '').split()) for error in root.iter('error')
    ]
    status = root.find('status')
    if not errors and status is not None:
        errors = [status.get('message', '')]
    return '; '.join(filter(None, errors))
