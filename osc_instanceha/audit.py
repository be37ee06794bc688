"""Every compute host and its fencing devices: the look before the bad night.

Nothing is changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import functools
import threading

from osc_instanceha import events
from osc_instanceha import hosts as hosts_
from osc_instanceha import model
from osc_instanceha import ports
from osc_instanceha import side_by_side
from osc_instanceha.fencing import device as device_
from osc_instanceha.fencing import evidence as evidence_
from osc_instanceha.fencing import levels


@dataclasses.dataclass(frozen=True)
class Row:
    """One device of one host; a host without any has one row too.

    :ivar service: None for a host that Nova does not have
    :ivar level: None for a host without devices
    :ivar evidence: what the device says; None if it was not asked
    :ivar problem: what is to be mended; empty if nothing is
    """

    host: str
    service: model.Service | None
    level: int | None = None
    device: str | None = None
    driver: str | None = None
    evidence: evidence_.Evidence | None = None
    problem: str = ''


class Audit:
    """Looks at hosts and devices. Iterate over it to do so, once.

    :param names: exact compute host names; none for all hosts
    :param configured: hosts that the configuration names
    :param devices: the fencing devices of a host
    :param check: read the power state of every device
    """

    def __init__(
        self,
        names: Sequence[str],
        *,
        compute: ports.Compute,
        configured: Sequence[str],
        devices: levels.Devices,
        check: bool,
    ) -> None:
        self._names = names
        self._compute = compute
        self._configured = configured
        self._devices = devices
        self._check = check
        self._stop = threading.Event()
        self._rows: dict[str, tuple[Row, ...]] = {}

    def results(self) -> tuple[Row, ...]:
        """The rows of every host, sorted by its name."""
        return tuple(
            row for host in sorted(self._rows) for row in self._rows[host]
        )

    def __iter__(self) -> Iterator[events.Event]:
        """Look.

        :raises InvalidInput: if a name is no host's
        :raises CloudError: if Nova cannot be read
        """
        services = self._compute.services()
        by_host: Mapping[str, model.Service | None]
        if self._names:
            by_host = {
                service.host: service
                for service in hosts_.find(
                    self._names, services, self._compute.hypervisor_host
                )
            }
        else:
            by_host = {
                **dict.fromkeys(self._configured),
                **{service.host: service for service in services},
            }
        devices = {
            host: self._devices(host, self._stop.is_set) for host in by_host
        }
        for host, service in by_host.items():
            self._rows[host] = _rows(host, service, devices[host])
        if self._check:
            yield from side_by_side.run(
                [
                    functools.partial(self._ask, host, service, devices[host])
                    for host, service in by_host.items()
                ],
                self._stop.set,
            )

    def _ask(
        self, host: str, service: model.Service | None, devices: levels.Levels
    ) -> Iterator[events.Event]:
        with levels.closing(devices) as all_:
            rows = []
            for row, device in zip(
                self._rows[host],
                [device for level in all_ for device in level],
                strict=False,
            ):
                seen = device.check()
                yield events.PowerSeen(host, seen)
                rows.append(
                    dataclasses.replace(
                        row,
                        evidence=seen,
                        problem=row.problem or _problem(service, seen),
                    )
                )
        if rows:
            self._rows[host] = tuple(rows)


def _rows(
    host: str, service: model.Service | None, all_: levels.Levels
) -> tuple[Row, ...]:
    problem = ''
    if service is None:
        problem = 'no compute host has this name'
    elif not service.complete:
        problem = 'its cell does not answer'
    rows = tuple(
        _row(host, service, device, problem)
        for level in all_
        for device in level
    )
    return rows or (
        Row(host, service, problem=problem or 'no fencing device'),
    )


def _row(
    host: str,
    service: model.Service | None,
    device: device_.Device,
    problem: str,
) -> Row:
    return Row(
        host,
        service,
        device.level,
        device.specification.name,
        device.specification.driver,
        problem=problem,
    )


def _problem(service: model.Service | None, seen: evidence_.Evidence) -> str:
    """What is wrong with a device, or with what it says of this host."""
    if seen.vouched:
        # It has nothing to say before somebody has looked.
        return ''
    if seen.problem or service is None:
        return seen.problem
    if seen.off and service.up:
        return (
            'off, but Nova counts the host as up: is it the device of another '
            'machine?'
        )
    if seen.running and service.forced_down:
        return (
            'on, but the host is forced down: bring it back with '
            f"'openstack host unfence {service.host}', or fence it"
        )
    return ''
