"""Hosts that would be switched together.

A line that was copied and not changed is the worst mistake in such a file:
a healthy host is switched off, and the dead one is taken to be.
"""

from __future__ import annotations

from collections.abc import Hashable
from collections.abc import Mapping
from collections.abc import Sequence

from osc_instanceha.config import hosts
from osc_instanceha.config import problems as problems_
from osc_instanceha.config import targets
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
                    for target in targets.of(name, device.kind, one):
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
