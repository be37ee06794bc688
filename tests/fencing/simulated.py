"""The part of a counterpart that all simulators have in common."""

from __future__ import annotations

from osc_instanceha.fencing import driver as fencing
from tests.devices import machine as machine_


class Simulated:
    """A machine of :mod:`tests.devices`."""

    modes = machine_.Machine.MODES
    switches = frozenset({'on', 'off'})
    reads_fresh = True

    def __init__(self, machine: machine_.Machine, name: str) -> None:
        self.machine = machine
        self.name = name

    def target(self) -> fencing.Target:
        return fencing.Target(self.name)

    def power(self) -> str:
        return self.machine.power()

    def set_power(self, state: str) -> None:
        self.machine.set_power(state)

    def behave(self, mode: str) -> None:
        self.machine.behave(mode)

    def requests(self) -> list[str]:
        return self.machine.requests()
