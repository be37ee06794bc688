"""Machines that are the compute hosts of the embedded cloud.

    python -m tests.devices.redfish --system host1 --cloud DIR

What a device switches off is off: the guests of the host have ended, and its
nova-compute is silent, before any device says so. What it switches on boots:
a new nova-compute starts a little later, unless somebody keeps it from doing
so.
"""

from __future__ import annotations

import threading

from tests.cloud import client
from tests.devices import machine


class Host(machine.Machine):
    """The machine below one compute host.

    :param cloud: with a compute host of this name
    """

    def __init__(self, name: str, cloud: client.Cloud) -> None:
        super().__init__(name)
        self._cloud = cloud
        self._wired = threading.RLock()
        self._was = 'on'

    def power(self) -> str:
        with self._wired:
            state = super().power()
            if state != self._was:
                self._was = state
                self._follow(state)
            return state

    def set_power(self, state: str) -> None:
        super().set_power(state)
        self.power()

    def reset(self) -> None:
        """As if nothing had happened; the cloud is reset by its own means."""
        with self._wired:
            self._was = 'on'
            super().reset()

    def _follow(self, state: str) -> None:
        if state == 'off':
            self._cloud.crash(self.name)
        elif self._boots:
            threading.Thread(target=self._boot, daemon=True).start()

    def _boot(self) -> None:
        if self._cloud.is_crashed(self.name):
            self._cloud.start(self.name)
