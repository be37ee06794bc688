from __future__ import annotations

import pytest

from osc_instanceha import exceptions
from osc_instanceha.compute import microversions


@pytest.mark.parametrize(
    ('text', 'expected'),
    [
        ('', None),
        ('2', None),
        ('latest', None),
        ('2.latest', None),
        ('2.60', (2, 60)),
        ('2.100', (2, 100)),
        ('2.1', (2, 1)),
    ],
)
def test_a_version_is_parsed(text, expected):
    assert microversions.parse(text) == expected


@pytest.mark.parametrize(
    'text',
    ['3', '3.0', '1.1', '2.', '2.x', '2.9.1', 'new', '2.²', ' 2.9', '-'],
)
def test_what_is_no_version_is_refused(text):
    with pytest.raises(exceptions.InvalidInput) as caught:
        microversions.parse(text)
    assert caught.value.what == '--os-compute-api-version'


# reading, evacuating, stopping
CHOICES = [
    ((2, 60), None, (2, 60), (2, 60), None),
    ((2, 93), None, (2, 93), (2, 93), None),
    ((2, 95), None, (2, 95), (2, 94), (2, 95)),
    ((2, 96), None, (2, 96), (2, 94), (2, 95)),
    ((2, 104), None, (2, 98), (2, 94), (2, 95)),
    ((2, 104), (2, 90), (2, 90), (2, 90), None),
    ((2, 104), (2, 94), (2, 94), (2, 94), None),
    ((2, 90), (2, 104), (2, 90), (2, 90), None),
    ((2, 104), (2, 60), (2, 60), (2, 60), None),
]


@pytest.mark.parametrize(
    ('offered', 'ceiling', 'reading', 'evacuating', 'stopping'), CHOICES
)
def test_what_is_used_for_what(
    offered, ceiling, reading, evacuating, stopping
):
    choice = microversions.choose(offered, ceiling)
    assert choice == microversions.Choice(reading, evacuating, stopping)
    # 2.95 leaves servers stopped, whatever they were.
    assert choice.evacuating < microversions.STOPS


@pytest.mark.parametrize(
    ('offered', 'ceiling', 'words'),
    [
        ((2, 59), None, 'ends at 2.59'),
        ((2, 104), (2, 59), 'limited to 2.59'),
        ((2, 104), (2, 1), 'limited to 2.1'),
        ((2, 1), (2, 90), 'ends at 2.1'),
    ],
)
def test_what_is_too_old_is_refused(offered, ceiling, words):
    with pytest.raises(exceptions.MicroversionTooLow, match=words):
        microversions.choose(offered, ceiling)


def test_the_guard_is_the_last_version_that_has_it():
    assert microversions.text(microversions.GUARDED) == '2.13'
