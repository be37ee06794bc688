"""Secrets that show themselves only when they are asked.

They are no dataclasses: nothing that walks over fields may find one.
"""

from __future__ import annotations

import abc
from collections.abc import Callable
from collections.abc import Mapping
import os
import shlex
import stat
from typing import Any
from typing import Self

from osc_instanceha import exceptions
from osc_instanceha.config import ownership
from osc_instanceha.config import problems
from osc_instanceha.fencing import secret_names

#: Permissions of everybody beside the owner and the group.
OTHERS = 0o007

_LONGEST = 64 * 1024


class Secret(abc.ABC):
    """One secret; a :class:`~osc_instanceha.fencing.specification.Secret`.

    :param where: where the configuration speaks of it
    :param error: what to raise if it is not where it should be
    """

    __slots__ = ('error', 'where')

    def __init__(
        self,
        where: str,
        error: type[exceptions.InstanceHAError] = exceptions.DeviceError,
    ) -> None:
        self.where = where
        self.error = error

    @abc.abstractmethod
    def reveal(self) -> str:
        """The secret itself, read now.

        :raises InstanceHAError: if it is not where it should be
        """

    def __repr__(self) -> str:
        return f'<{type(self).__name__}, {self.where}>'

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _memo: dict[int, Any]) -> Self:
        return self

    def __reduce__(self) -> str:
        raise TypeError('a secret is not written down')

    def _missing(self, what: str) -> exceptions.InstanceHAError:
        return self.error(f'{what} ({self.where})')


class Inline(Secret):
    """One that stands in the configuration itself."""

    __slots__ = ('_reveal',)

    def __init__(self, value: str, where: str, **more: Any) -> None:
        super().__init__(where, **more)
        # A debugger that lists the attributes shows a function.
        self._reveal: Callable[[], str] = lambda: value

    def reveal(self) -> str:
        return self._reveal()


class InFile(Secret):
    """The content of a file, without the line break at its end."""

    __slots__ = ('path',)

    def __init__(self, path: str, where: str, **more: Any) -> None:
        super().__init__(where, **more)
        self.path = path

    def reveal(self) -> str:
        text = self._line()
        if not text:
            raise self._missing(
                f'the file {self.path} holds no secret: write it there, as '
                f'one line of UTF-8 text'
            )
        return text

    def _line(self) -> str:
        """What it holds; nothing if that is not one line of text."""
        try:
            with open(self.path, 'rb') as stream:
                wrong = self._wrong(os.fstat(stream.fileno()))
                if not wrong:
                    return _decoded(stream.read(_LONGEST))
        except OSError as error:
            raise self._missing(
                f'the file {self.path}, which is to hold a secret, cannot be '
                f'read ({error.strerror}): create it, or let this user read it'
            ) from None
        raise self._missing(f'the file {self.path} {wrong}')

    def _wrong(self, status: os.stat_result) -> str:
        """What is wrong with its permissions, if anything."""
        if not stat.S_ISREG(status.st_mode):
            return ''
        if status.st_mode & OTHERS:
            return (
                f'holds a secret, and others may use it: '
                f"'chmod o-rwx {shlex.quote(self.path)}'"
            )
        return ownership.foreign(self.path, status.st_uid)


def _decoded(raw: bytes) -> str:
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return ''
    text = text.removesuffix('\n').removesuffix('\r')
    return text if text.isprintable() else ''


class InEnvironment(Secret):
    """The value of an environment variable."""

    __slots__ = ('_environ', 'name')

    def __init__(
        self, name: str, where: str, environ: Mapping[str, str], **more: Any
    ) -> None:
        super().__init__(where, **more)
        self.name = name
        self._environ = environ

    def reveal(self) -> str:
        value = self._environ.get(self.name)
        if not value:
            raise self._missing(
                f'the environment variable {self.name}, which is to hold a '
                f'secret, is not set: set it'
            )
        return value


#: How a secret may be given, by what its key ends in.
WAYS = ('', '_file', '_env')


def keys(name: str) -> tuple[str, ...]:
    """The keys under which a secret of this name may be given."""
    return tuple(name + way for way in WAYS)


def secret_of(key: str) -> str | None:
    """The name of the secret that a free key gives, in whatever way.

    For where no list of options says it: by the key itself.
    """
    for way in reversed(WAYS):
        name = key.removesuffix(way)
        if key.endswith(way) and secret_names.is_secret_name(name):
            return name
    return None


def make(
    key: str,
    name: str,
    value: str,
    mark: problems.Mark,
    environ: Mapping[str, str],
    error: type[exceptions.InstanceHAError] = exceptions.DeviceError,
) -> Secret:
    """The secret that stands under a key.

    :param key: one of :func:`keys`
    :param name: of the secret
    :param value: itself, a path, or the name of a variable, by the key; a
        path is taken from the folder of the file that it stands in
    """
    where = str(mark)
    if key == f'{name}_file':
        path = os.path.expanduser(value)
        path = os.path.join(os.path.dirname(os.path.abspath(mark.file)), path)
        return InFile(path, where, error=error)
    if key == f'{name}_env':
        return InEnvironment(value, where, environ, error=error)
    return Inline(value, where, error=error)
