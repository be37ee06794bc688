"""What was seen of a device, for whoever has to believe it."""

from __future__ import annotations

from collections.abc import Iterable
import dataclasses
import datetime
from typing import Any

from osc_instanceha.fencing import driver as driver_


@dataclasses.dataclass(frozen=True)
class Evidence:
    """What one device said, and when.

    :ivar device: its name in the configuration
    :ivar driver: name of its driver
    :ivar level: of the device, from 1 on; 0 for the word of whoever calls
    :ivar requested: the power state that it was asked for; None if it was
        only read
    :ivar state: the last that was read
    :ivar detail: the device's own words
    :ivar read_at: when that was, in UTC; None if nothing could be read
    :ivar seconds: how long all of it took
    :ivar problem: why the power state is not certain, or not what was asked
        for; empty if it is
    :ivar vouched: somebody's word, not a measurement
    :ivar of_machine: "on" means that the machine runs, not just that a plug
        has power
    :ivar fresh: False if the device only remembers the state
    """

    device: str
    driver: str
    level: int
    requested: driver_.PowerState | None
    state: driver_.PowerState
    detail: str
    read_at: datetime.datetime | None
    seconds: float
    problem: str = ''
    vouched: bool = False
    of_machine: bool = False
    fresh: bool = True

    @property
    def off(self) -> bool:
        """Whether it proves that what the device switches is off."""
        return self._is(driver_.PowerState.OFF)

    @property
    def running(self) -> bool:
        """Whether it proves that the machine runs."""
        return self.on and self.of_machine

    @property
    def on(self) -> bool:
        """Whether it proves that what the device switches is on."""
        return self._is(driver_.PowerState.ON)

    def _is(self, state: driver_.PowerState) -> bool:
        return self.state is state and self.fresh and not self.problem

    @property
    def name(self) -> str:
        """Device and driver, without saying one thing twice."""
        if self.device == self.driver:
            return self.driver
        return f'{self.device} ({self.driver})'

    def __str__(self) -> str:
        if self.problem:
            return f'{self.name}: {self.problem}'
        asked = ', as asked for' if self.requested is not None else ''
        detail = f', {self.detail}' if self.detail else ''
        memory = '' if self.fresh else ', from memory'
        return f'{self.name}: {self.state.value}{asked}{detail}{memory}'

    def as_dict(self) -> dict[str, Any]:
        """For JSON: plain values, stable names."""
        return {
            'device': self.device,
            'driver': self.driver,
            'level': self.level,
            'requested': self.requested and self.requested.value,
            'power_state': self.state.value,
            'detail': self.detail,
            'read_at': self.read_at and stamp(self.read_at),
            'seconds': round(self.seconds, 3),
            'problem': self.problem or None,
            'vouched': self.vouched,
            'fresh': self.fresh,
        }


def stamp(moment: datetime.datetime) -> str:
    """A moment as ISO 8601, in UTC, to the second."""
    return moment.astimezone(datetime.UTC).strftime('%Y-%m-%dT%H:%M:%SZ')


def names(items: Iterable[Evidence]) -> str:
    """The devices, for a person."""
    return ', '.join(dict.fromkeys(item.name for item in items))
