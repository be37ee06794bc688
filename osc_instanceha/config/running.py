"""The sections about running an evacuation: lock, limits, evacuate."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from typing import Any
from typing import TypeVar
import urllib.parse

from osc_instanceha import exceptions
from osc_instanceha import options
from osc_instanceha import selection as selection_
from osc_instanceha.config import document
from osc_instanceha.config import problems as problems_
from osc_instanceha.config import schema
from osc_instanceha.config import secrets

_T = TypeVar('_T')


def lock(
    root: document.Node,
    environ: Mapping[str, str],
    problems: problems_.Problems,
) -> secrets.Secret | None:
    """Where locks are, from ``lock``, ``lock_file`` or ``lock_env``."""
    found = {key: root.get(key) for key in secrets.keys('lock')}
    keys = [key for key, node in found.items() if node]
    for other in keys[:-1]:
        node, last = root.at((other,)), root.at((keys[-1],))
        problems.add(
            last.mark,
            (keys[-1],),
            f'{other} is given too ({node.mark}); leave one of them',
        )
    if not keys:
        return None
    node = root.at((keys[0],))
    if not isinstance(node.value, str):
        return None
    if keys[0] == 'lock' and not _is_url(node.value):
        problems.add(
            node.mark,
            ('lock',),
            'is no URL; write one that tooz takes: '
            'etcd3+http://controller:2379',
        )
    return secrets.make(
        keys[0],
        'lock',
        node.value,
        node.mark,
        environ,
        exceptions.InvalidInput,
    )


def _is_url(text: str) -> bool:
    try:
        parts = urllib.parse.urlsplit(text)
    except ValueError:
        return False
    return bool(parts.scheme and '://' in text)


def max_hosts_down(
    root: document.Node, problems: problems_.Problems
) -> options.HostLimit | None:
    """The limit, from ``limits.max_hosts_down``."""
    path = ('limits', 'max_hosts_down')
    node = root.get(*path)
    if (
        node is None
        or isinstance(node.value, bool)
        or not isinstance(node.value, (str, int))
    ):
        return None
    return _parsed(options.HostLimit.parse, node, path, problems)


def selection(
    root: document.Node, problems: problems_.Problems
) -> selection_.Selection | None:
    """The selection, from ``evacuate.selection``."""
    path = ('evacuate', 'selection')
    section = root.get(*path)
    if section is None or not isinstance(section.value, dict):
        return None
    kinds: dict[str, Any] = {}
    parsers: dict[str, Callable[[str], Any]] = {
        **dict.fromkeys(schema.TAGS, selection_.validate_tag),
        **dict.fromkeys(schema.PROPERTIES, selection_.Property.parse),
        'projects': str,
    }
    for name, parser in parsers.items():
        node = section.get(name)
        values = [
            _parsed(parser, item, (*path, name, position), problems)
            for position, item in enumerate(
                node.value if node and isinstance(node.value, list) else ()
            )
            if isinstance(item.value, str)
        ]
        good = [value for value in values if value is not None]
        ordered = name in schema.PROPERTIES
        kinds[name] = tuple(good) if ordered else frozenset(good)
    match = section.get('match')
    return selection_.Selection(
        **kinds, match_any=match is not None and match.value == 'any'
    )


def evacuate(root: document.Node) -> dict[str, Any]:
    """The defaults of ``evacuate``, but for the selection; checked before."""
    section = root.get('evacuate')
    result = {}
    for key, node in section.items() if section else ():
        if key == 'selection':
            continue
        integer = schema.EVACUATE['properties'][key]['type'] == 'integer'
        # To a JSON schema, 8.0 is an integer.
        result[key] = int(node.plain()) if integer else node.plain()
    return result


def _parsed(
    parse: Callable[[str], _T],
    node: document.Node,
    path: problems_.Path,
    problems: problems_.Problems,
) -> _T | None:
    try:
        return parse(str(node.value))
    except (exceptions.InvalidInput, ValueError) as error:
        words = (
            str(error)
            if isinstance(error, exceptions.InvalidInput)
            # More digits than Python reads.
            else 'has too many digits; write a smaller number'
        )
        problems.add(node.mark, path, words)
        return None
