"""Hosts that would be switched together.

A line that was copied and not changed is the worst mistake in such a file:
a healthy host is switched off, and the dead one is taken to be.
"""

from __future__ import annotations

from collections.abc import Hashable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from osc_instanceha.config import devices
from osc_instanceha.config import hosts
from osc_instanceha.config import problems as problems_
from osc_instanceha.config import secrets
from osc_instanceha.fencing import specification


def check(
    entries: Sequence[hosts.Entry],
    levels: Mapping[str, specification.Levels],
    problems: problems_.Problems,
) -> None:
    """Tell of hosts whose devices switch the same machine or plug.

    :param levels: of every host
    """
    #: The hosts, each with its entry, by what is switched.
    found: dict[Hashable, dict[str, hosts.Entry]] = {}
    for entry in entries:
        for name in entry.names:
            for kinds, specified in zip(
                entry.levels or (), levels.get(name, ()), strict=False
            ):
                for device, one in zip(kinds, specified, strict=True):
                    target = _target(device, one)
                    if target is not None:
                        found.setdefault(target, {})[name] = entry
    for same in found.values():
        first, *others = same
        if others:
            problems.add(
                same[others[0]].mark,
                same[others[0]].path,
                f'{hosts.few(others)} {"has" if len(others) == 1 else "have"} '
                f'the same device as {first} ({same[first].mark}): who '
                f'switches one, switches the other; give each its own, with '
                f'{{host}}, {{short}} or {{number}}',
            )


def _target(
    device: devices.Device, specified: specification.Specification
) -> Hashable | None:
    """What the device switches; None if its options do not say it."""
    values = [
        (option.name, specified.options.get(option.name, option.default))
        for option in device.kind.options
        if option.names_target
    ]
    # With none of them, a driver goes by the name of the host.
    if all(value is None for _name, value in values):
        return None
    return (
        device.driver,
        tuple((name, _comparable(value)) for name, value in values),
    )


def _comparable(value: Any) -> Hashable:
    if isinstance(value, Mapping):
        # Another password does not make it another machine.
        return frozenset(
            (name, str(one))
            for name, one in value.items()
            if not isinstance(one, secrets.Secret)
        )
    return str(value)
