"""Answers with one thing in them that cannot be."""

from __future__ import annotations

import copy
import json
from typing import Any

import requests

from tests.unit.generated import dice as dice_
from tests.unit.generated import edge

#: What may stand where it must not. No text but one that is no time, no
#: number and no state: a wrong text of the right kind would be a lie, and
#: nobody can tell one from the truth.
_ODD: tuple[Any, ...] = (
    *(None, [], {}, True, 0, -1, 10**30, 1.5, [None], [[]], {'a': None}),
    *([{}], {'': {}}, ['x', 5]),
)
_NOTHING = object()

_HTML = b'<html><body><h1>It works!</h1></body></html>'
_DEEP = 20_000

#: Whole answers that are none.
_ANSWERS = (
    edge.Answer(_HTML, headers={'Content-Type': 'text/html'}),
    edge.Answer(b''),
    edge.Answer(b'null'),
    edge.Answer(b'[]'),
    edge.Answer(b'{}'),
    edge.Answer(b'"text"'),
    edge.Answer(b'NaN'),
    edge.Answer(b'\xff\xfe{\x00'),
    edge.Answer(b'[' * _DEEP),
    edge.Answer(b'{"a":' * _DEEP),
    edge.Answer(b'1' * 5000),
    edge.Answer(b'{"servers": [', headers={'Content-Length': '9999'}),
    edge.Answer(b'{}', headers={'Content-Type': 'text/plain; charset=x'}),
    edge.Answer(_HTML, 502),
    edge.Answer(b'[' * _DEEP, 500),
    edge.Answer(b'{"badRequest": []}', 400),
    edge.Answer(b'{"forbidden": {"message": null, "code": []}}', 403),
    edge.Answer(b'{"a": {"message": {"b": 1}}, "c": 5}', 409),
    edge.Answer(b'null', 404),
    edge.Answer(b'[[]]', 500),
    edge.Answer(b'', 503, {'Retry-After': 'soon'}),
    edge.Answer(b'{}', 300),
    edge.Answer(b'{}', 302, {'Location': 'http://[nowhere'}),
    edge.Answer(b'', 401, {'WWW-Authenticate': '\x00'}),
    edge.Answer(b'', error=requests.exceptions.ConnectionError('reset')),
    edge.Answer(b'', error=requests.exceptions.ReadTimeout('too late')),
    edge.Answer(b'', error=requests.exceptions.ChunkedEncodingError('cut')),
    edge.Answer(b'', error=requests.exceptions.ContentDecodingError('gzip')),
)

#: The clock of the API, as nobody writes it.
_DATES = (
    *('', 'soon', '99999999999999999999', '\x00'),
    'Sat, 99999999999999999999 Aug 2026 12:00:00 GMT',
    'Sat, 01 Aug 99999999999999999999 12:00:00 GMT',
    'Sat, 01 Aug 2026 99:00:00 +999999999999999999',
    'Sat, 01 Aug 0000 12:00:00 -9999',
)


class Spoilt:
    """One thing spoilt in the answers to one kind of request.

    :ivar kind: of the request
    :ivar first: the first one that is spoilt, from one on
    :ivar last: the last
    :ivar what: was done to it, for whoever reads of a failure
    :ivar whole: whether nothing at all is left of the answer
    """

    def __init__(
        self, kind: str, first: int, last: int, raw: bytes, how: int
    ) -> None:
        self.kind = kind
        self.first = first
        self.last = last
        self.what = ''
        self.whole = how < 2
        self._raw = raw
        self._how = how

    def __repr__(self) -> str:
        return f'Spoilt({self.kind} {self.first}-{self.last}: {self.what})'

    def __call__(self, kind: str, number: int, body: Any) -> Any:
        if kind != self.kind or not self.first <= number <= self.last:
            return body
        dice = dice_.Dice(self._raw)
        if self._how < 2 or isinstance(body, edge.Answer):
            found = dice.pick(_ANSWERS)
            self.what = repr(found)
            return found
        if self._how == 2:
            date = dice.pick(_DATES)
            self.what = f'Date: {date!r}'
            return edge.Answer(
                json.dumps(body).encode(), headers={'Date': date}
            )
        body, self.what = _inside(dice, copy.deepcopy(body))
        return body


def inside(dice: dice_.Dice, body: Any) -> Any:
    """The same, with one place in it that is odd, or not there."""
    return _inside(dice, copy.deepcopy(body))[0]


def _inside(dice: dice_.Dice, body: Any) -> tuple[Any, str]:
    holder: Any = {'': body}
    key: Any = ''
    path = []
    while True:
        inner = holder[key]
        keys: list[Any] = []
        if isinstance(inner, dict):
            keys = sorted(inner)
        elif isinstance(inner, list):
            keys = list(range(len(inner)))
        if not keys or (path and dice.number(6) == 5):
            break
        holder, key = inner, dice.pick(keys)
        path.append(str(key))
    value = dice.pick((_NOTHING, *_ODD))
    if value is _NOTHING and isinstance(holder, dict) and path:
        del holder[key]
        return body, f'{"/".join(path)} is missing'
    value = None if value is _NOTHING else value
    what = f'{"/".join(path)} is {value!r}'
    if not path:
        return value, what
    holder[key] = value
    return body, what


def spoilt(dice: dice_.Dice, kinds: tuple[str, ...] = edge.KINDS) -> Spoilt:
    first = dice.mostly(1, (2, 3))
    return Spoilt(
        dice.pick(kinds),
        first,
        dice.pick((first, 10**6)),
        bytes(dice.number(256) for _ in range(12)),
        dice.number(10),
    )
