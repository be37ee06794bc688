"""What instanceha.yaml says."""

from __future__ import annotations

from collections.abc import Mapping
import dataclasses
from typing import Any

from osc_instanceha import options
from osc_instanceha import selection as selection_
from osc_instanceha.config import belonging as belonging_
from osc_instanceha.fencing import specification


@dataclasses.dataclass(frozen=True)
class Config:
    """The configuration, checked; with nothing set, everything is default.

    :ivar belonging: the cloud that it is for
    :ivar lock: the URL of a tooz backend, which may hold a password
    :ivar selection: which servers are evacuated if nobody says it
    :ivar evacuate: defaults for :class:`~osc_instanceha.options.Options`, by
        name; only what is set
    :ivar fencing: the devices of each host, in the order of the files
    :ivar files: the paths of the files that were read
    """

    belonging: belonging_.Belonging = belonging_.Belonging()
    lock: specification.Secret | None = None
    max_hosts_down: options.HostLimit | None = None
    selection: selection_.Selection | None = None
    evacuate: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    fencing: Mapping[str, specification.Levels] = dataclasses.field(
        default_factory=dict
    )
    files: tuple[str, ...] = ()

    @property
    def hosts(self) -> tuple[str, ...]:
        """The hosts that have fencing devices."""
        return tuple(self.fencing)

    def levels(self, host: str) -> specification.Levels:
        """The fencing devices of a host; none if it has none.

        :param host: exact name
        """
        return self.fencing.get(host, ())

    def lock_url(self) -> str | None:
        """The URL for locks, in plain text; None for the default.

        :raises InvalidInput: if the file or variable that is to hold it
            does not
        """
        return self.lock.reveal() if self.lock else None
