"""The devices of one host, level by level.

As in Pacemaker's fencing topology: all devices of one level must succeed,
one after the other; when one does not, the next level is tried.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
import contextlib
import dataclasses
from typing import Protocol

from osc_instanceha import ports
from osc_instanceha.fencing import device as device_
from osc_instanceha.fencing import driver
from osc_instanceha.fencing import evidence as evidence_

Levels = Sequence[Sequence[device_.Device]]


class Devices(Protocol):
    def __call__(self, host: str, stop: Callable[[], bool]) -> Levels:
        """The fencing devices of a host, level by level.

        :param stop: True ends what they are doing
        """


def none(host: str, stop: Callable[[], bool]) -> Levels:
    """:class:`Devices` where nobody has any."""
    return ()


#: Seconds that a machine may go on saying "on" after a device has cut its
#: power.
_AFTERGLOW = 10.0
_PAUSE = 1.0

#: Seconds that a device may take to come up once it has power again.
_BOOT = 180.0


@dataclasses.dataclass(frozen=True)
class Proof:
    """Whether a host is proven off, and by what.

    :ivar evidence: everything that was seen, in this order
    :ivar decisive: of the level that proves it; of the last one that was
        tried where none does
    :ivar contradiction: what speaks against it nevertheless
    """

    evidence: tuple[evidence_.Evidence, ...]
    decisive: tuple[evidence_.Evidence, ...]
    contradiction: str = ''

    @property
    def off(self) -> bool:
        """True only if every device of one level says so."""
        return (
            bool(self.decisive)
            and not self.contradiction
            and all(item.off for item in self.decisive)
        )

    @property
    def running(self) -> tuple[evidence_.Evidence, ...]:
        """What says that the machine is on."""
        return tuple(item for item in self.evidence if item.running)

    @property
    def vouched(self) -> bool:
        """Whether a part of the proof is nothing but somebody's word."""
        return any(item.vouched for item in self.decisive)

    @property
    def problem(self) -> str:
        """Why it does not prove anything, device by device."""
        if self.contradiction:
            return self.contradiction
        last = {item.name: item for item in self.evidence if not item.off}
        return '; '.join(map(str, last.values()))


@contextlib.contextmanager
def closing(levels: Levels) -> Iterator[Levels]:
    """Let the devices give back what they hold at the end."""
    try:
        yield levels
    finally:
        for level in levels:
            for device in level:
                device.close()


def check(levels: Levels) -> Proof:
    """Read every device; nothing is changed."""
    return _judged([[device.check() for device in level] for level in levels])


def confirm_off(levels: Levels) -> Proof:
    """See whether a host is off, and stays so; nothing is changed.

    Somebody's word does not count: whoever asks here has nothing else.
    """
    if not levels:
        return Proof((), ())
    seen = [[device.confirm_off() for device in level] for level in levels]
    measured = [
        level for level in seen if not any(item.vouched for item in level)
    ]
    everything = tuple(item for level in seen for item in level)
    if not measured:
        return Proof(
            everything, tuple(seen[0]), 'no device of it measures anything'
        )
    return dataclasses.replace(_judged(measured), evidence=everything)


def _judged(seen: Sequence[Sequence[evidence_.Evidence]]) -> Proof:
    """What follows from a reading of every device."""
    everything = tuple(item for level in seen for item in level)
    for level in seen:
        if all(item.off for item in level):
            others = [item for item in everything if item.running]
            return Proof(everything, tuple(level), _against(level, others))
    return Proof(everything, tuple(seen[0]) if seen else ())


def switch_off(levels: Levels, clock: ports.Clock) -> Proof:
    """Switch a host off, and see it off.

    A level that a machine contradicts has not succeeded: the next is tried.
    """
    everything: list[evidence_.Evidence] = []
    decisive: tuple[evidence_.Evidence, ...] = ()
    doubtful: list[device_.Device] = []
    contradiction = ''
    for number, level in enumerate(levels, 1):
        seen = []
        for device in level:
            seen.append(device.bring(driver.PowerState.OFF))
            everything.append(seen[-1])
            if not seen[-1].off:
                if seen[-1].of_machine:
                    doubtful.append(device)
                break
        if len(seen) > 1 and seen[-1].off:
            # Off together, not one after the other.
            seen = [device.check() for device in level]
            everything.extend(seen)
        decisive = tuple(seen)
        if all(item.off for item in seen):
            asked = doubtful
            if not any(item.of_machine for item in seen):
                # Only who knows the machine itself can tell that a plug was
                # not all of its power, or another's.
                asked = doubtful + _of_machine(levels[number:])
            against = _still_running(asked, clock)
            everything.extend(against)
            if not against:
                return Proof(tuple(everything), decisive)
            contradiction = _against(decisive, against)
    return Proof(tuple(everything), decisive, contradiction)


def switch_on(levels: Levels) -> Iterator[evidence_.Evidence]:
    """Switch on whatever is off; the last level first.

    A device of the first level may need the power that one of a later level
    gives: it gets time to come up, also where that one was on before, as
    after a run that was killed just now.
    """
    patience = None
    for level in reversed(levels):
        for device in level:
            seen = device.bring(driver.PowerState.ON, patience=patience)
            yield seen
            if seen.on:
                patience = _BOOT


def _of_machine(levels: Levels) -> list[device_.Device]:
    """The devices that read the machine itself, as far as they answer."""
    return [
        device
        for level in levels
        for device in level
        if device.check().running
    ]


def _still_running(
    devices: Sequence[device_.Device], clock: ports.Clock
) -> list[evidence_.Evidence]:
    """Machines that say "on" although another device has cut the power.

    One plug of two that was cut, or one of another machine, looks so.
    """
    seen = []
    for device in devices:
        until = clock.monotonic() + _AFTERGLOW
        item = device.check()
        while item.running and clock.monotonic() < until:
            clock.sleep(_PAUSE)
            item = device.check()
        seen.append(item)
    return [item for item in seen if item.running]


def _against(
    decisive: Sequence[evidence_.Evidence],
    others: Sequence[evidence_.Evidence],
) -> str:
    if not others:
        return ''
    return (
        f'{evidence_.names(decisive)} says off, but {evidence_.names(others)} '
        f'says that the machine is on: the first is not all of its power, or '
        f'not of this host'
    )
