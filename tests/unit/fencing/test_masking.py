"""Secrets in texts from outside (invariant 10)."""

from __future__ import annotations

import urllib.parse

import hypothesis
from hypothesis import strategies as st
import pytest

from osc_instanceha.fencing import masking
from tests.unit.fencing import fakes


@pytest.mark.parametrize(
    ('secrets', 'text', 'shown'),
    [
        ([], 'as it is', 'as it is'),
        (['s3cret'], 'not s3cret!', 'not ***!'),
        (['s3cret'], 's3crets3cret', '******'),
        (['', 's3cret'], 'a b', 'a b'),
        # One is a part of another.
        (['ab', 'abcd'], 'x abcd ab', 'x *** ***'),
        (['a.*'], 'aXX a.*', 'aXX ***'),
        (["it's"], repr("it's \n"), '"*** \\n"'),
        (['tab\there'], repr('tab\there'), "'***'"),
        (['a b/c'], 'http://h?p=a%20b%2Fc', 'http://h?p=***'),
        (['a b/c'], 'http://h?p=a%20b/c', 'http://h?p=***'),
        (['a b/c'], 'http://h?p=a+b%2Fc', 'http://h?p=***'),
        (['two\nlines'], 'x two\nlines', 'x ***'),
        ([], ' one\n\t line ', 'one line'),
    ],
)
def test_what_is_shown(secrets, text, shown):
    assert masking.Mask(secrets)(text) == shown


FORMS = [
    str,
    repr,
    ascii,
    lambda text: urllib.parse.quote(text, safe=''),
    urllib.parse.quote,
    urllib.parse.quote_plus,
    lambda text: urllib.parse.urlencode({'p': text}),
    lambda text: repr({'password': text}),
    lambda text: __import__('json').dumps({'password': text}),
]


@pytest.mark.parametrize('form', FORMS, ids=range(len(FORMS)))
def test_no_form_of_it_is_shown(form):
    shown = masking.Mask([fakes.SECRET])(f'oops: {form(fakes.SECRET)} !')
    assert 'tr0ub4dor' not in shown
    assert shown.startswith('oops: ')
    assert shown.endswith('!')


@hypothesis.given(
    st.lists(st.text(min_size=4), max_size=4), st.text(), st.text()
)
def test_no_secret_survives_whatever_is_around_it(secrets, before, after):
    mask = masking.Mask(secrets)
    for secret in secrets:
        marker = '⁂'
        hypothesis.assume(marker not in before + after + secret)
        shown = mask(f'{before}{marker}{secret}{marker}{after}')
        if secret.strip():
            assert f'{marker}{secret}{marker}' not in shown
