"""Many small choices out of one draw.

A cloud takes hundreds of choices, and hypothesis a tenth of a millisecond for
each. So it draws a string of bytes, of which each is one choice; zero is
always the ordinary one, and that is what it shrinks to.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
from typing import TypeVar

from hypothesis import strategies as st

T = TypeVar('T')

#: Of 256: how often the usual one is taken.
_USUAL = 150


class Dice:
    """:param raw: the choices; when they are used up, all are zero"""

    def __init__(self, raw: bytes) -> None:
        self._raw = iter(raw)

    def number(self, below: int) -> int:
        """A number, each as likely as another."""
        return next(self._raw, 0) % below

    def pick(self, options: Sequence[T]) -> T:
        """One of these, each as likely as another."""
        return options[self.number(len(options))]

    def mostly(self, usual: T, others: Sequence[T]) -> T:
        """The usual one more often than not, so that others stand out."""
        rolled = next(self._raw, 0)
        if rolled < _USUAL:
            return usual
        return others[(rolled - _USUAL) % len(others)]

    def chance(self) -> bool:
        """What is not usual."""
        return self.mostly(False, (True,))

    def some(self, options: Sequence[T], most: int) -> list[T]:
        """Up to so many of these, none twice."""
        found: list[T] = []
        for _ in range(self.number(most + 1)):
            one = self.pick(options)
            if one not in found:
                found.append(one)
        return found


def rolled(make: Callable[[Dice], T], choices: int) -> st.SearchStrategy[T]:
    """What is made of so many choices, more or less."""
    raw = st.binary(min_size=choices, max_size=choices)

    # Not mapped: what fails is to be shown as what it is, not as bytes.
    @st.composite
    def made(draw: st.DrawFn) -> T:
        return make(Dice(draw(raw)))

    return made()


#: Everything as usual.
NONE = Dice(b'')
