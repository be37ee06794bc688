"""Who may use a file that holds a secret."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set
import shlex
import stat
import urllib.parse

from osc_instanceha.config import document
from osc_instanceha.config import ownership
from osc_instanceha.config import problems as problems_
from osc_instanceha.config import secrets
from osc_instanceha.fencing import secret_names

#: What stands below these has a name of the operator's, not an option's.
_NAMED = (('fencing', 'devices'), ('fencing', 'hosts'))


def check(
    read: document.Document,
    options: Set[str],
    problems: problems_.Problems,
) -> None:
    """Refuse a file that others may use although it holds a secret.

    A file that everybody may write, or that belongs to another user, is
    refused in any case: it can name the programs that are run to fence a
    host.

    :param options: the names of the drivers' secret options
    """
    owner = ownership.foreign(read.file, read.owner)
    if owner:
        problems.add(problems_.Mark(read.file), (), owner)
    chmod = f"'chmod o-rwx {shlex.quote(read.file)}'"
    if read.mode & secrets.OTHERS:
        for path, node in _inline(read.root, (), options):
            problems.add(
                node.mark,
                path,
                f'a secret in a file that others may use; {chmod}',
            )
            return
    if read.mode & stat.S_IWOTH:
        problems.add(
            problems_.Mark(read.file),
            (),
            f'others may write this file; {chmod}',
        )


def _inline(
    node: document.Node, path: problems_.Path, options: Set[str]
) -> Iterator[tuple[problems_.Path, document.Node]]:
    value = node.value
    if isinstance(value, list):
        for position, child in enumerate(value):
            yield from _inline(child, (*path, position), options)
    elif isinstance(value, dict):
        for key, child in value.items():
            inside = (*path, key)
            if (
                isinstance(child.value, (str, int, float))
                and path not in _NAMED
                and (key in options or secret_names.is_secret_name(key))
            ):
                yield inside, child
            else:
                yield from _inline(child, inside, options)
    elif isinstance(value, str) and has_password(value):
        yield path, node


def has_password(url: str) -> bool:
    """Whether the text is a URL with a password in it."""
    try:
        parts = urllib.parse.urlsplit(url)
        query = urllib.parse.parse_qs(parts.query)
    except ValueError:
        # No URL that can be taken apart; it may still hold one.
        return '@' in url
    return bool(parts.scheme and parts.password) or any(
        map(secret_names.is_secret_name, query)
    )
