from __future__ import annotations

import pytest

from osc_instanceha import exceptions
from osc_instanceha import options


@pytest.mark.parametrize(
    ('text', 'number', 'percent'),
    [
        ('0', 0, False),
        ('3', 3, False),
        ('200', 200, False),
        ('0%', 0, True),
        ('10%', 10, True),
        ('100%', 100, True),
    ],
)
def test_a_limit_is_parsed(text, number, percent):
    limit = options.HostLimit.parse(text)
    assert limit == options.HostLimit(number, percent)
    assert str(limit) == text


@pytest.mark.parametrize(
    'text',
    ['', '%', '-1', '1.5', '10 %', 'ten', '101%', '1%%', '٣', '²', '+3', ' 3'],
)
def test_what_is_no_limit_is_refused(text):
    with pytest.raises(exceptions.InvalidInput) as caught:
        options.HostLimit.parse(text)
    assert caught.value.what == '--max-hosts-down'


@pytest.mark.parametrize(
    ('text', 'down', 'total', 'exceeded'),
    [
        ('0', 0, 10, False),
        ('0', 1, 10, True),
        ('3', 3, 10, False),
        ('3', 4, 10, True),
        ('0%', 0, 10, False),
        ('0%', 1, 1000, True),
        ('10%', 1, 10, False),
        ('10%', 2, 19, True),
        ('10%', 2, 20, False),
        ('33%', 1, 3, True),
        ('34%', 1, 3, False),
        ('100%', 10, 10, False),
    ],
)
def test_a_limit_holds_to_the_host(text, down, total, exceeded):
    limit = options.HostLimit.parse(text)
    assert limit.exceeded(down, total) is exceeded


@pytest.mark.parametrize(
    ('name', 'bad', 'good'),
    [
        ('max_in_flight', 0, 1),
        ('retries', -1, 0),
        ('timeout', 0.5, 1),
        ('timeout', 0, None),
        ('report_interval', 0, 1),
    ],
)
def test_the_least_of_an_option(name, bad, good):
    with pytest.raises(exceptions.InvalidInput) as caught:
        options.Options(**{name: bad})
    assert caught.value.what == '--' + name.replace('_', '-')
    assert getattr(options.Options(**{name: good}), name) == good


def test_by_default_nothing_is_vouched_for_and_no_data_given_up():
    plain = options.Options()
    assert not plain.already_fenced
    assert not plain.shared_storage
    assert not plain.allow_data_loss
    assert plain.wait
