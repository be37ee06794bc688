"""What is wrong with the configuration, collected."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Sequence
import dataclasses
import difflib

from osc_instanceha import exceptions
from osc_instanceha.fencing import secret_names

#: The keys, and positions in lists, that lead to a place.
Path = tuple[str | int, ...]

_LONGEST = 80


@dataclasses.dataclass(frozen=True)
class Mark:
    """Where something stands.

    :ivar line: from 1; 0 for the file as a whole
    """

    file: str
    line: int = 0

    def __str__(self) -> str:
        return f'{self.file}:{self.line}' if self.line else self.file


class Problems:
    """Collects what is wrong.

    :param files: in the order in which they are told
    """

    def __init__(self, files: Sequence[str] = ()) -> None:
        self._files = list(files)
        self._found: dict[tuple[Mark, str, str], None] = {}
        self._spoilt: set[Path] = set()

    def __bool__(self) -> bool:
        return bool(self._found)

    def add(
        self, mark: Mark, path: Path, text: str, *, spoils: bool = False
    ) -> None:
        """Note a problem.

        :param text: what is wrong; the cure
        :param spoils: the value there is unusable, so nothing else that is
            found in it is worth telling
        """
        if any(path[:end] in self._spoilt for end in range(len(path) + 1)):
            return
        self._found[mark, shown_path(path), text] = None
        if spoils:
            self._spoilt.add(path)

    def raise_any(self) -> None:
        """Raise all of them, if there are any.

        :raises InvalidConfig: with one line for each, by file and line
        """
        if not self._found:
            return
        ordered = sorted(
            self._found,
            key=lambda item: (self._place(item[0].file), item[0].line),
        )
        raise exceptions.InvalidConfig(
            [
                f'{_escaped(str(mark))}: {path}: {text}'
                if path
                else f'{_escaped(str(mark))}: {text}'
                for mark, path, text in ordered
            ]
        )

    def _place(self, file: str) -> int:
        return self._files.index(file) if file in self._files else -1


def shown_path(path: Path) -> str:
    """The path as a person writes it, with nothing from inside a secret."""
    text = ''
    for step in path:
        if isinstance(step, int):
            text += f'[{step}]'
            continue
        text += f'.{_printable(step)}' if text else _printable(step)
        if secret_names.is_secret_name(step):
            # A password in braces without quotes is a mapping to YAML.
            break
    return text


def shown(value: str, path: Path) -> str:
    """A text in quotes; not itself if its path says that it is a secret."""
    if any(
        isinstance(step, str) and secret_names.is_secret_name(step)
        for step in path
    ):
        return 'what stands here'
    return f"'{_printable(value)}'"


def meant(word: str, known: Iterable[str]) -> str:
    """The cure for an unknown word: the nearest that is known, or all."""
    choices = sorted(known)
    nearest = difflib.get_close_matches(word, choices, n=1)
    if nearest:
        return f"did you mean '{_printable(nearest[0])}'?"
    if not choices:
        return 'there are none'
    names = ', '.join(_printable(choice) for choice in choices[:20])
    more = f' and {len(choices) - 20} more' if len(choices) > 20 else ''
    return f'there are {names}{more}'


def _printable(text: str) -> str:
    text = _escaped(text)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + '…'


def _escaped(text: str) -> str:
    """The text, with nothing in it that a terminal would obey."""
    if text.isprintable():
        return text
    return text.encode('unicode_escape').decode('ascii')
