"""A host that nothing can switch but a person."""

from __future__ import annotations

from typing import ClassVar

from osc_instanceha import exceptions
from osc_instanceha.fencing import driver


class Manual(driver.Driver):
    """Believes whoever calls, if it is told to."""

    summary: ClassVar[str] = 'A person, or the monitor that calls, vouches'
    vouches: ClassVar[bool] = True
    options: ClassVar[tuple[driver.Option, ...]] = (
        driver.Option(
            'vouched',
            'Whoever calls has seen to it that the host is off, as a monitor '
            'does that has fenced it itself',
            kind=driver.Kind.BOOLEAN,
            default=False,
        ),
    )

    def read(self, timeout: float) -> driver.Reading:
        self._has_to_be_vouched()
        return driver.Reading(
            driver.PowerState.OFF, 'vouched for by the caller'
        )

    def switch(self, state: driver.PowerState, timeout: float) -> None:
        if state is driver.PowerState.ON:
            raise exceptions.DeviceError(
                f'nothing can switch {self.target.host} on but a person: '
                f"switch it on by hand, then 'openstack host unfence "
                f"--no-power-on {self.target.host}'"
            )
        self._has_to_be_vouched()

    def _has_to_be_vouched(self) -> None:
        if not self.values['vouched']:
            raise exceptions.DeviceError(
                f'a person has to see {self.target.host} off, then to '
                f"confirm it with 'openstack host fence --confirm-off "
                f"{self.target.host}'"
            )
