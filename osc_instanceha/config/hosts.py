"""Which host has which devices."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses

from osc_instanceha import exceptions
from osc_instanceha.config import devices as devices_
from osc_instanceha.config import document
from osc_instanceha.config import patterns
from osc_instanceha.config import problems as problems_
from osc_instanceha.config import specifying
from osc_instanceha.fencing import specification

_PATH = ('fencing', 'hosts')

#: Hosts of all patterns.
_MOST = 100_000


@dataclasses.dataclass(frozen=True)
class Entry:
    """One key of ``fencing.hosts``.

    :ivar levels: of devices; None if there is a problem with them
    """

    names: Sequence[str]
    path: problems_.Path
    mark: problems_.Mark
    levels: Sequence[Sequence[devices_.Device]] | None


def read(
    root: document.Node,
    devices: devices_.Devices,
    problems: problems_.Problems,
) -> list[Entry]:
    """The entries, in the order of the files; no host is in two of them."""
    section = root.get(*_PATH)
    entries = []
    homes: dict[str, problems_.Mark] = {}
    for key, node in section.items() if section else ():
        path = (*_PATH, key)
        levels = _levels(node, path, devices, problems)
        try:
            names = patterns.expand(key)
        except exceptions.InvalidInput as error:
            problems.add(node.mark, path, str(error))
            continue
        if len(homes) + len(names) > _MOST:
            problems.add(
                node.mark, path, f'more than {_MOST} hosts; remove some'
            )
            break
        twice: dict[problems_.Mark, list[str]] = {}
        for name in names:
            if name in homes:
                twice.setdefault(homes[name], []).append(name)
            else:
                homes[name] = node.mark
        for mark, both in twice.items():
            verb = 'is' if len(both) == 1 else 'are'
            problems.add(
                node.mark,
                path,
                f'{few(both)} {verb} also in {mark}; remove one, or leave it '
                f'out of a pattern with !{both[0]}',
            )
        entries.append(Entry(names, path, node.mark, levels))
    return entries


def _levels(
    node: document.Node,
    path: problems_.Path,
    devices: devices_.Devices,
    problems: problems_.Problems,
) -> list[list[devices_.Device]] | None:
    levels: list[list[devices_.Device | None]] = []
    if not isinstance(node.value, list):
        levels = [[devices.read(node, path)]]
    elif not node.value:
        problems.add(node.mark, path, 'has no device; write one, or no key')
        return None
    else:
        for position, item in enumerate(node.value):
            inside = (*path, position)
            if not isinstance(item.value, list):
                levels.append([devices.read(item, inside)])
                continue
            levels.append(
                [
                    devices.read(one, (*inside, number))
                    for number, one in enumerate(item.value)
                ]
            )
            if not item.value:
                problems.add(item.mark, inside, 'is an empty level; remove it')
    whole = [
        [device for device in level if device is not None] for level in levels
    ]
    return whole if whole == levels and all(whole) else None


def specify(
    entries: Sequence[Entry],
    environ: Mapping[str, str],
    problems: problems_.Problems,
) -> dict[str, specification.Levels]:
    """The devices of every host, with what differs between hosts filled in.

    Those of hosts with a problem are left out.
    """
    result = {}
    for entry in entries:
        if entry.levels is None:
            continue
        try:
            for name in entry.names:
                result[name] = tuple(
                    tuple(
                        specifying.specify(device, name, environ)
                        for device in level
                    )
                    for level in entry.levels
                )
        except exceptions.InvalidInput as error:
            problems.add(entry.mark, entry.path, str(error))
    return result


def few(names: Sequence[str]) -> str:
    """Some of the names, and how many more there are."""
    shown = names[:2] if len(names) > 3 else names
    more = len(names) - len(shown)
    text = ', '.join(shown)
    return f'{text} and {more} more' if more else text
