"""How an evacuation is to be run."""

from __future__ import annotations

import dataclasses

from osc_instanceha import exceptions

#: Seconds without any progress after which a run without a time-out of its
#: own gives up waiting. Scheduling may take Nova's long_rpc_timeout (1800 s).
PATIENCE = 1800.0


@dataclasses.dataclass(frozen=True)
class HostLimit:
    """``N`` or ``N%`` of hosts."""

    number: int
    percent: bool = False

    @classmethod
    def parse(cls, text: str) -> HostLimit:
        """Read ``3`` or ``10%``.

        :raises InvalidInput: if it is neither
        """
        digits = text.removesuffix('%')
        if not (digits.isascii() and digits.isdigit()):
            raise exceptions.InvalidInput(
                f'{text!r} is no limit: write a number of hosts (3) or a part '
                f'of them (10%)',
                what='--max-hosts-down',
            )
        limit = cls(int(digits), text != digits)
        if limit.percent and limit.number > 100:
            raise exceptions.InvalidInput(
                f'{text!r} is more than all hosts', what='--max-hosts-down'
            )
        return limit

    def __str__(self) -> str:
        return f'{self.number}{"%" if self.percent else ""}'

    def exceeded(self, down: int, total: int) -> bool:
        if self.percent:
            return down * 100 > self.number * total
        return down > self.number


@dataclasses.dataclass(frozen=True)
class Options:
    """What the caller vouches for, and how it is to be done.

    :ivar fence: switch the hosts off first, by their fencing devices
    :ivar already_fenced: the caller vouches that the hosts are off; they are
        marked in Nova if they are not yet
    :ivar shared_storage: root and ephemeral disks are on shared storage
    :ivar allow_data_loss: servers may start again from their image
    :ivar target_host: evacuate to this host only
    :ivar stopped: leave every server stopped
    :ivar max_in_flight: how many evacuations may be open at once
    :ivar max_hosts_down: refuse when more hosts than that are down
    :ivar timeout: seconds for the whole run; None: until nothing has moved
        for :data:`PATIENCE`
    :ivar retries: how often a failed evacuation is tried again
    :ivar wait: wait for the end of what Nova has accepted
    :ivar report_interval: ``report_interval`` of the nova-compute services,
        in seconds: how often one that lives must be heard
    """

    fence: bool = False
    already_fenced: bool = False
    shared_storage: bool = False
    allow_data_loss: bool = False
    target_host: str | None = None
    stopped: bool = False
    max_in_flight: int = 10
    max_hosts_down: HostLimit | None = None
    timeout: float | None = None
    retries: int = 2
    wait: bool = True
    report_interval: float = 10.0

    def __post_init__(self) -> None:
        for name, least in (
            ('max_in_flight', 1),
            ('retries', 0),
            ('timeout', 1),
            ('report_interval', 1),
        ):
            value = getattr(self, name)
            if value is not None and value < least:
                raise exceptions.InvalidInput(
                    f'{name} is {value}, must be at least {least}',
                    what='--' + name.replace('_', '-'),
                )
