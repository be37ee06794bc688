"""The limit of hosts that are down, kept against runs at the same time."""

from __future__ import annotations

from collections.abc import Sequence

from osc_instanceha import hosts
from osc_instanceha import model
from osc_instanceha import options as options_
from osc_instanceha import ports


def take_down(
    limit: options_.HostLimit | None,
    taken: Sequence[model.Service],
    compute: ports.Compute,
    held: ports.Held,
) -> None:
    """Make sure that these hosts may go down.

    To be called under their locks, before they are fenced or marked. Nova's
    records do not show yet which hosts other runs are just taking down, so
    those are counted too.

    :raises TooManyHostsDown: if the limit is exceeded
    :raises InstanceHAError: if that cannot be told
    """
    if limit is None or all(service.forced_down for service in taken):
        return
    names = [service.host for service in taken]
    with held.counting() as others:
        hosts.check_limit(limit, names, compute.services(), others)
