"""What can go wrong with a request, one column of the matrix each."""

from __future__ import annotations

import dataclasses
from typing import Any

from tests.cloud import front
from tests.cloud import tap
from tests.functional.faults import kinds

# Seconds for which the client waits for an answer, and the service for ever.
PATIENCE = 4.0
FOR_EVER = 600.0

# A passing trouble is over after so many requests.
TIMES = 2

PAGE = """<!DOCTYPE html>
<html>
<head><title>Temporarily unavailable</title></head>
<body><h1>Temporarily unavailable</h1></body>
</html>
"""
UNAUTHORIZED = {
    'error': {
        'code': 401,
        'title': 'Unauthorized',
        'message': 'The request you have made requires authentication.',
    }
}


@dataclasses.dataclass(frozen=True, eq=False)
class Trouble:
    """A column.

    :ivar name: its heading
    :ivar rule: fields of :class:`tap.Fault`; None for a connection refused
    :ivar slow: the client has to give up waiting
    :ivar once: so much for a passing one
    """

    name: str
    rule: dict[str, Any] | None
    slow: bool = False
    times: int = TIMES

    def make(
        self, stage: front.Front, kind: kinds.Kind, lasting: bool
    ) -> None:
        """Let it befall requests of this kind."""
        if self.rule is None:
            stage.refuse(
                kind.service,
                front.Refusal(
                    kind.before,
                    kind.skip_before,
                    None if lasting else kind.shut,
                ),
            )
            return
        rule = dict(self.rule)
        if self is EMPTY:
            rule['body'] = kind.empty
        stage.taps[kind.service].faults = [
            tap.Fault(
                kind.match,
                skip=kind.skip,
                times=None if lasting else self.times,
                **rule,
            )
        ]

    def befalls(self, kind: kinds.Kind) -> bool:
        """Whether it can happen to requests of this kind."""
        if self is EMPTY:
            return kind.empty is not None
        return self.rule is not None or kind.before != ''


EMPTY = Trouble('empty list', {'status': 200})
TROUBLES = (
    Trouble('refused', None),
    Trouble('cut before', {'reset': True}),
    Trouble('cut after', {'reset': True, 'after': True}),
    Trouble('answered late', {'linger': FOR_EVER}, slow=True, times=1),
    Trouble('held up', {'delay': 20.0}, slow=True, times=1),
    Trouble('429', {'status': 429}),
    Trouble(
        '429, again in 1 s', {'status': 429, 'headers': {'Retry-After': '1'}}
    ),
    Trouble(
        '503, again in 1 h',
        {'status': 503, 'headers': {'Retry-After': '3600'}},
    ),
    Trouble('500', {'status': 500}),
    Trouble('502', {'status': 502, 'body': PAGE}),
    Trouble('503', {'status': 503}),
    Trouble('504', {'status': 504, 'body': PAGE, 'after': True}),
    Trouble('HTML page', {'status': 200, 'body': PAGE}),
    Trouble('truncated', {'truncate': True}),
    # The next token is a good one.
    Trouble('401', {'status': 401, 'body': UNAUTHORIZED}, times=1),
    EMPTY,
)
