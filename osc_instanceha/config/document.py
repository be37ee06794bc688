"""One file as a tree that knows its lines.

The tree holds what JSON can hold. YAML's other types (dates, binary, sets)
and what YAML makes of unquoted text are told as problems here.
"""

from __future__ import annotations

from collections.abc import Iterator
import dataclasses
import os
import stat
from typing import Any
import unicodedata

import yaml

from osc_instanceha.config import problems as problems_
from osc_instanceha.config import syntax

#: What aliases may blow a file up to.
_MOST_NODES = 100_000
_DEEPEST = 32

#: Above it, and for infinity and NaN, arithmetic and printing may fail.
_MOST = 10**18

_TAG = 'tag:yaml.org,2002:'
_MERGE = f'{_TAG}merge'
_SCALARS = {f'{_TAG}{name}' for name in ('null', 'bool', 'int', 'float')}
_READ_AS = {
    f'{_TAG}null': 'nothing',
    f'{_TAG}bool': 'a boolean',
    f'{_TAG}int': 'a number',
    f'{_TAG}float': 'a number',
    f'{_TAG}timestamp': 'a date',
    f'{_TAG}value': 'a default value',
    f'{_TAG}merge': 'a merge key',
}
_TEXT = f'{_TAG}str'

#: Separators would break a line of output, or of what a device is told.
_CONTROL = frozenset({'Cc', 'Cs', 'Zl', 'Zp'})

Scalar = str | int | float | bool | None


@dataclasses.dataclass(frozen=True)
class Node:
    """A value with its place.

    :ivar mark: of its key, or of itself in a list
    """

    value: Scalar | dict[str, Node] | list[Node]
    mark: problems_.Mark

    def get(self, *path: str) -> Node | None:
        """What stands below these keys, if anything."""
        node: Node | None = self
        for key in path:
            if node is None or not isinstance(node.value, dict):
                return None
            node = node.value.get(key)
        return node

    def items(self) -> Iterator[tuple[str, Node]]:
        """Keys and values; nothing for what is not a mapping."""
        if isinstance(self.value, dict):
            yield from self.value.items()

    def at(self, path: problems_.Path) -> Node:
        """What the path leads to, or the last node on the way there."""
        node = self
        for step in path:
            if isinstance(node.value, dict) and step in node.value:
                node = node.value[str(step)]
            elif isinstance(node.value, list) and isinstance(step, int):
                node = node.value[step]
            else:
                break
        return node

    def plain(self) -> Any:
        """The value without places."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value


@dataclasses.dataclass(frozen=True)
class Document:
    """A file that was read.

    :ivar root: a mapping
    :ivar mode: permission bits; 0 for what is not a regular file
    :ivar owner: its user ID; None for what is not a regular file
    """

    file: str
    root: Node
    mode: int
    owner: int | None


def read(file: str, problems: problems_.Problems) -> Document | None:
    """Read a file.

    :returns: None after a problem that leaves nothing to check
    """
    try:
        with open(file, 'rb') as stream:
            status = os.fstat(stream.fileno())
            raw = stream.read(syntax.LARGEST + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, 'strerror', None) or 'no path'
        problems.add(
            problems_.Mark(file),
            (),
            f'cannot be read ({reason}); let this user read it',
        )
        return None
    root = parse(raw, file, problems)
    if root is None:
        return None
    if not stat.S_ISREG(status.st_mode):
        return Document(file, root, 0, None)
    return Document(file, root, stat.S_IMODE(status.st_mode), status.st_uid)


def parse(raw: bytes, file: str, problems: problems_.Problems) -> Node | None:
    """The tree that the bytes of a file stand for: a mapping.

    :returns: None after a problem that leaves nothing to check
    """
    composed = syntax.compose(raw, file, problems)
    if composed is None:
        return None
    loader, root = composed
    if root is None or root.tag == f'{_TAG}null':
        return Node({}, problems_.Mark(file, 1))
    tree = _Tree(loader, file, problems)
    if not tree.survey(root):
        return None
    node = tree.build(root, ())
    if not isinstance(node.value, dict):
        problems.add(
            node.mark, (), 'is no mapping; begin with fencing: or another key'
        )
        return None
    return node


class _Tree:
    """Makes the tree out of PyYAML's nodes.

    Anchors and aliases make a graph of them, which may hold itself, or grow
    without bound when it is written out.
    """

    def __init__(
        self, loader: Any, file: str, problems: problems_.Problems
    ) -> None:
        self._loader = loader
        self._file = file
        self._problems = problems
        self._entered: set[int] = set()
        #: How many nodes there are below one, and how deep they reach.
        self._extents: dict[int, tuple[int, int]] = {}
        #: Keys that stand twice in a mapping, each with the first one.
        self._twice: dict[int, list[tuple[Any, Any]]] = {}

    def survey(self, node: Any) -> bool:
        """Look at each node once: is the graph a tree of some size?

        Keys that stand twice are noted, and merge keys (``<<``) merged.
        """
        if id(node) in self._extents:
            return True
        if id(node) in self._entered:
            self._add(node, (), 'is an anchor inside of itself; remove it')
            return False
        self._entered.add(id(node))
        children = []
        if isinstance(node, yaml.MappingNode):
            children = [part for pair in node.value for part in pair]
        elif isinstance(node, yaml.SequenceNode):
            children = node.value
        for child in children:
            if not self.survey(child):
                return False
        below = [self._extents[id(child)] for child in children]
        size = 1 + sum(extent[0] for extent in below)
        depth = 1 + max((extent[1] for extent in below), default=0)
        if size > _MOST_NODES or depth > _DEEPEST:
            self._add(node, (), 'is too large or too deep; use fewer aliases')
            return False
        self._extents[id(node)] = size, depth
        return not isinstance(node, yaml.MappingNode) or self._merge(node)

    def _merge(self, node: Any) -> bool:
        first: dict[tuple[str, str], Any] = {}
        for key, _value in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == _MERGE:
                continue
            known = first.setdefault((key.tag, key.value), key)
            if known is not key:
                self._twice.setdefault(id(node), []).append((key, known))
        try:
            self._loader.flatten_mapping(node)
        except yaml.MarkedYAMLError:
            self._add(node, (), "'<<' takes a mapping or a list of them")
            return False
        return True

    def build(self, node: Any, path: problems_.Path, key: Any = None) -> Node:
        """The tree below a node.

        :param key: the node of its key, in a mapping
        """
        value: Scalar | dict[str, Node] | list[Node]
        if isinstance(node, yaml.ScalarNode):
            value = self._scalar(node, path)
        elif node.tag not in (f'{_TAG}map', f'{_TAG}seq'):
            value = None
            self._add(
                node,
                path,
                'begins with a tag (!); remove it, or quote the text',
                spoils=True,
            )
        elif isinstance(node, yaml.SequenceNode):
            value = [
                self.build(child, (*path, position))
                for position, child in enumerate(node.value)
            ]
        else:
            value = self._mapping(node, path)
        return Node(value, self._mark(key or node))

    def _mapping(self, node: Any, path: problems_.Path) -> dict[str, Node]:
        for key, first in self._twice.pop(id(node), ()):
            line = first.start_mark.line + 1
            self._add(
                key,
                (*path, key.value),
                f'stands here and on line {line}; remove one of them',
            )
        value: dict[str, Node] = {}
        for key, child in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self._add(key, path, 'has a key that is no text; quote it')
                continue
            inside = (*path, key.value)
            if key.tag in _READ_AS:
                self._add(
                    key,
                    inside,
                    f'YAML reads this key as {_READ_AS[key.tag]}; quote it: '
                    f"'{key.value}'",
                )
            elif key.tag != _TEXT or not _is_plain(key.value):
                self._add(key, path, 'has a key that is no text; quote it')
                continue
            value[key.value] = self.build(child, inside, key)
        return value

    def _scalar(self, node: Any, path: problems_.Path) -> Scalar:
        words = 'is no text; quote it'
        if node.tag == _TEXT:
            if _is_plain(node.value):
                return str(node.value)
            words = (
                'holds a line break or a control character; write it on one '
                'line, without | or >'
            )
        elif node.tag in _SCALARS:
            try:
                value: int | float | None = self._loader.construct_object(node)
            except (ValueError, LookupError, yaml.YAMLError):
                # What a tag claims, or a number that is too long.
                pass
            else:
                if value is None or abs(value) <= _MOST:
                    return value
            words = 'is no number that can be used; quote it if it is text'
        elif node.tag in _READ_AS:
            words = f'YAML reads it as {_READ_AS[node.tag]}; quote it'
        self._add(node, path, words, spoils=True)
        return None

    def _mark(self, node: Any) -> problems_.Mark:
        return problems_.Mark(self._file, node.start_mark.line + 1)

    def _add(
        self,
        node: Any,
        path: problems_.Path,
        text: str,
        *,
        spoils: bool = False,
    ) -> None:
        self._problems.add(self._mark(node), path, text, spoils=spoils)


def _is_plain(text: str) -> bool:
    return not any(unicodedata.category(char) in _CONTROL for char in text)
