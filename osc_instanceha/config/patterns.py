"""Host names, many at once, as ClusterShell's NodeSet writes them.

Of its notation, ranges in brackets (``compute[01-40,50]``, with a step:
``compute[0-8/2]``), union (``,``) and difference (``!``) are understood.
Everything that it would take from somewhere else (node groups, wildcards)
is refused here, before ClusterShell sees it.
"""

from __future__ import annotations

import configparser
import math
import re

from osc_instanceha import exceptions

#: What Nova takes as the name of a compute host, and colons:
#: nova/api/validation/parameter_types.py (fqdn).
_NAME = re.compile(r'[A-Za-z0-9._:-]{1,255}')

_RANGE = r'[0-9]{1,9}(?:-[0-9]{1,9}(?:/[0-9]{1,9})?)?'
_BRACKET = rf'\[{_RANGE}(?:,{_RANGE})*\]'
_TERM = rf'(?:[A-Za-z0-9._:-]|{_BRACKET}){{1,255}}'
_PATTERN = re.compile(rf'{_TERM}(?:[,!]{_TERM})*')
_TERMS = re.compile(rf'([,!]?)({_TERM})')
_BRACKETS = re.compile(_BRACKET)
_BOUNDS = re.compile(r'([0-9]+)-([0-9]+)')

#: Hosts of one pattern.
_MOST = 10_000


def expand(text: str) -> tuple[str, ...]:
    """The host names that a key of ``fencing.hosts`` stands for.

    A text without brackets is one name, exactly as it is written.

    :raises InvalidInput: if it is neither a name nor a pattern
    """
    if '[' not in text and ']' not in text:
        if not _NAME.fullmatch(text):
            raise exceptions.InvalidInput(
                'is no host name; write letters, digits and ._:- only, and '
                'several hosts as compute[01-40]'
            )
        return (text,)
    if not _PATTERN.fullmatch(text):
        raise exceptions.InvalidInput(
            'is no pattern of host names; write compute[01-40], '
            'compute[1,3-5] or compute[01-40]!compute07'
        )
    if sum(_size(term) for _, term in _TERMS.findall(text)) > _MOST:
        raise exceptions.InvalidInput(
            f'stands for more than {_MOST} hosts; write smaller ranges'
        )
    names: dict[str, None] = {}
    # Term by term: NodeSet's own difference of two ranges takes minutes.
    for operator, term in _TERMS.findall(text):
        for name in _expanded(term):
            if operator == '!':
                names.pop(name, None)
            else:
                names[name] = None
    if not names:
        raise exceptions.InvalidInput('stands for no host; remove it')
    return tuple(names)


def _size(term: str) -> int:
    """How many names a term stands for at most, without making them."""
    return math.prod(
        sum(_length(part) for part in bracket.split(','))
        for bracket in _BRACKETS.findall(term)
    )


def _length(part: str) -> int:
    bounds = _BOUNDS.search(part)
    if not bounds:
        return 1
    first, last = map(int, bounds.groups())
    return max(last - first + 1, 1)


def _expanded(term: str) -> list[str]:
    if '[' not in term:
        return [term]
    try:
        from ClusterShell import NodeSet
    except (configparser.Error, ValueError, OSError):
        # It reads it when it is imported.
        raise exceptions.InvalidInput(
            'cannot be expanded, as ClusterShell fails on its own '
            'defaults.conf; repair that, or write the hosts one by one'
        ) from None
    try:
        return list(NodeSet.NodeSet(term, resolver=NodeSet.RESOLVER_NOGROUP))
    except (NodeSet.NodeSetException, ValueError, AssertionError) as error:
        words = str(error).replace('"', '')[:100]
        raise exceptions.InvalidInput(
            f'is no pattern of host names ({words}); write compute[01-40]'
        ) from None
