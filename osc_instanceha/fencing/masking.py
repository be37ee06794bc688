"""Keeping secrets out of every text (invariant 10)."""

from __future__ import annotations

from collections.abc import Iterable
import html
import json
import urllib.parse

_MASK = '***'


class Mask:
    """Replaces secrets in texts that come from outside.

    :param secrets: the secrets as plain text
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        forms = {
            form
            for secret in secrets
            if secret
            for form in (
                secret,
                repr(secret)[1:-1],
                ascii(secret)[1:-1],
                json.dumps(secret)[1:-1],
                json.dumps(secret, ensure_ascii=False)[1:-1],
                html.escape(secret),
                urllib.parse.quote(secret),
                urllib.parse.quote(secret, safe=''),
                urllib.parse.quote_plus(secret),
            )
        }
        # The longest first: one secret may be a part of another.
        self._forms = sorted(forms, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """The text in one line, without the secrets."""
        for form in self._forms:
            text = text.replace(form, _MASK)
        return ' '.join(text.split())
