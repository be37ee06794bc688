"""The secure file over the other."""

from __future__ import annotations

from collections.abc import Sequence

from osc_instanceha.config import document
from osc_instanceha.config import problems

#: Where nothing may stand instead of a mapping: every line below such a key
#: may be commented out.
SECTIONS = (
    ('cloud',),
    ('limits',),
    ('evacuate',),
    ('evacuate', 'selection'),
    ('fencing',),
    ('fencing', 'devices'),
    ('fencing', 'hosts'),
)


def merged(roots: Sequence[document.Node]) -> document.Node:
    """One tree of all: mappings deeply, of anything else the last one.

    Each value keeps its own place.
    """
    result = document.Node({}, problems.Mark(''))
    for root in roots:
        result = _over(result, _without_empty_sections(root, ()))
    return result


def _over(under: document.Node, over: document.Node) -> document.Node:
    if not (isinstance(under.value, dict) and isinstance(over.value, dict)):
        return over
    value = dict(under.value)
    for key, node in over.value.items():
        value[key] = _over(value[key], node) if key in value else node
    return document.Node(value, under.mark)


def _without_empty_sections(
    node: document.Node, path: tuple[str, ...]
) -> document.Node:
    if not isinstance(node.value, dict):
        return node
    value = {}
    for key, child in node.value.items():
        inside = (*path, key)
        if inside in SECTIONS:
            if child.value is None:
                continue
            child = _without_empty_sections(child, inside)
        value[key] = child
    return document.Node(value, node.mark)
