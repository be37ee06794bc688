"""A fencing device as the configuration describes it."""

from __future__ import annotations

from collections.abc import Mapping
import dataclasses
from typing import Any
from typing import Protocol

from osc_instanceha.fencing import driver

#: Seconds that a device may take for one answer.
TIMEOUT = 10.0

#: Seconds from a request until its effect is seen.
POWER_TIMEOUT = 60.0

#: Options of every device, whatever its driver.
COMMON = (
    driver.Option(
        'timeout',
        'Seconds that the device may take for one answer',
        kind=driver.Kind.INTEGER,
        default=int(TIMEOUT),
    ),
    driver.Option(
        'power_timeout',
        'Seconds from a request until its effect is seen',
        kind=driver.Kind.INTEGER,
        default=int(POWER_TIMEOUT),
    ),
)


class Secret(Protocol):
    """A secret that is not looked at before it is needed."""

    def reveal(self) -> str:
        """The secret itself.

        :raises DeviceError: if it is not where it should be
        """


@dataclasses.dataclass(frozen=True)
class Specification:
    """One device of one host.

    :ivar name: as the configuration calls it; the driver's name if it does
        not
    :ivar options: of the driver, by name; secrets as :class:`Secret`, also
        inside of a mapping
    :ivar timeout: seconds that it may take for one answer
    :ivar power_timeout: seconds from a request until its effect is seen
    :ivar where: file and line
    """

    name: str
    driver: str
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    timeout: float = TIMEOUT
    power_timeout: float = POWER_TIMEOUT
    where: str = ''


#: Devices of one level must all succeed; the next level is tried when one
#: does not.
Levels = tuple[tuple[Specification, ...], ...]
