"""How hosts are to be fenced and unfenced."""

from __future__ import annotations

import dataclasses

from osc_instanceha import options


@dataclasses.dataclass(frozen=True)
class FenceOptions:
    """:ivar force: also a host that Nova counts as up
    :ivar confirm_off: the caller has seen the hosts off; no device is asked
        to do anything
    :ivar switch: False if somebody else has switched the hosts off: the
        devices are asked for nothing, they have to prove that it is so
    :ivar max_hosts_down: refuse when more hosts than that would be down
    :ivar report_interval: see :class:`~osc_instanceha.options.Options`; for
        hosts that somebody vouches for
    """

    force: bool = False
    confirm_off: bool = False
    switch: bool = True
    max_hosts_down: options.HostLimit | None = None
    report_interval: float = 10.0


@dataclasses.dataclass(frozen=True)
class UnfenceOptions:
    """:ivar power_on: switch the hosts on, where they are off
    :ivar timeout: seconds for a host to come back
    """

    power_on: bool = True
    timeout: float = 1800.0
