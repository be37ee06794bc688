"""Finding the hosts that were named, and refusing those that must not be."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Sequence
import difflib

from osc_instanceha import exceptions
from osc_instanceha import model
from osc_instanceha import options as options_


def find(
    names: Sequence[str],
    services: Iterable[model.Service],
    hypervisor_host: Callable[[str], str | None],
    *,
    what: str = 'host',
) -> list[model.Service]:
    """The services of exactly these hosts, in this order.

    :param hypervisor_host: asked only about a name that is no host's
    :raises InvalidInput: if a name comes twice
    :raises HostNotFound: if a name is no compute host's
    :raises IncompleteAnswer: if Nova cannot see the host's cell, or has two
        services of that name
    """
    by_host: dict[str, list[model.Service]] = {}
    for service in services:
        by_host.setdefault(service.host, []).append(service)
    found = []
    for number, name in enumerate(names):
        if name in names[:number]:
            raise exceptions.InvalidInput(
                f'Host {name} is named twice', what=what
            )
        if name not in by_host:
            raise exceptions.HostNotFound(
                name,
                nearest=sorted(
                    difflib.get_close_matches(name, by_host, cutoff=0.8)
                ),
                service_host=hypervisor_host(name),
                what=what,
            )
        if len(by_host[name]) > 1:
            raise exceptions.IncompleteAnswer(
                f'Nova has {len(by_host[name])} compute services of the '
                f'host {name}, so what is on it cannot be told: delete the '
                f"stale one with 'openstack compute service delete'"
            )
        found.append(require_complete(by_host[name][0]))
    return found


def require_complete(service: model.Service) -> model.Service:
    """Return the service.

    :raises IncompleteAnswer: if its cell does not answer, so that lists of
        its servers would be short (invariant 7)
    """
    if not service.complete:
        raise unseen(service.host)
    return service


def unseen(host: str) -> exceptions.IncompleteAnswer:
    """The error for a host whose cell does not answer."""
    return exceptions.IncompleteAnswer(
        f'The cell of {host} does not answer, so Nova shows neither its state '
        f'nor its servers: bring back the database of that cell, then run '
        f'the command again'
    )


def fenced(services: Iterable[model.Service]) -> list[str]:
    """The names of all hosts that are forced down."""
    return sorted(service.host for service in services if service.forced_down)


def check_target(
    host: str, sources: Collection[str], service: model.Service
) -> None:
    """Make sure that a target host can take servers.

    :raises TargetHostUnusable: if it cannot
    """
    if host in sources:
        raise exceptions.TargetHostUnusable(
            host, 'it is itself to be evacuated'
        )
    if service.forced_down or not service.up:
        raise exceptions.TargetHostUnusable(host, 'it is down')
    if not service.enabled:
        raise exceptions.TargetHostUnusable(
            host,
            f"it is disabled (reason: {service.disabled_reason or 'none'}); "
            f"'openstack compute service set --enable {host} nova-compute' "
            f'enables it',
        )


def check_limit(
    limit: options_.HostLimit | None,
    asked: Iterable[str],
    services: Collection[model.Service],
    others: Collection[str] = (),
) -> None:
    """Keep a monitor gone mad from taking the cloud down.

    Hosts that are asked for count as down already, and so do those whose
    cell does not answer.

    :param others: IDs of services that other runs are about to take down
    :raises TooManyHostsDown: if the limit is exceeded
    """
    if limit is None:
        return
    down = {
        service.host
        for service in services
        if service.forced_down or not service.complete or service.id in others
    } | set(asked)
    if limit.exceeded(len(down), len(services)):
        raise exceptions.TooManyHostsDown(
            sorted(down), len(services), str(limit)
        )
