"""What differs from host to host in options that many of them share."""

from __future__ import annotations

import re

from osc_instanceha import exceptions

#: Braces with something else in them (JSON, say) are left alone.
_WORD = re.compile(r'\{([\w .:!-]*)\}')

WORDS = ('host', 'short', 'number')

_DIGITS = re.compile(r'[0-9]+')


def unknown(text: str) -> str | None:
    """The first word in braces that stands for nothing, if any."""
    for word in _WORD.findall(text):
        if word not in WORDS:
            return str(word)
    return None


def apply(text: str, host: str) -> str:
    """The text for this host.

    :raises InvalidInput: if it asks for a number that the host has not
    """
    short = host.partition('.')[0]
    numbers = _DIGITS.findall(short)
    values = {'host': host, 'short': short}
    if numbers:
        values['number'] = numbers[-1]
    try:
        return _WORD.sub(lambda match: values[match[1]], text)
    except KeyError:
        raise exceptions.InvalidInput(
            f'{host} has no number for {{number}}; use {{host}} or {{short}}'
        ) from None
