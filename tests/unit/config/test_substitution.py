from __future__ import annotations

import pytest

from osc_instanceha import exceptions
from osc_instanceha.config import substitution


@pytest.mark.parametrize(
    ('text', 'host', 'filled'),
    [
        ('{host}', 'a1.b2', 'a1.b2'),
        ('{short}', 'a1.b2', 'a1'),
        ('{number}', 'r7-c013x.b2', '013'),
        ('{short}-{short}', 'a', 'a-a'),
        ('{"a": {"b": 1}}', 'a', '{"a": {"b": 1}}'),
        ('{', 'a', '{'),
    ],
)
def test_apply(text, host, filled):
    assert substitution.apply(text, host) == filled
    assert substitution.unknown(text) is None


@pytest.mark.parametrize('host', ['a', 'a.b2'])
def test_no_number(host):
    with pytest.raises(exceptions.InvalidInput, match='has no number'):
        substitution.apply('{number}', host)


@pytest.mark.parametrize(
    ('text', 'word'),
    [
        ('{}', ''),
        ('{Host}', 'Host'),
        ('{host }', 'host '),
        ('{host}{hots}', 'hots'),
        ('{host!r}', 'host!r'),
        ('{host.name}', 'host.name'),
    ],
)
def test_unknown(text, word):
    assert substitution.unknown(text) == word
