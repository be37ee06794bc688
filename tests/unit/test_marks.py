"""What Nova's disabled reason says, and what is read out of it again."""

from __future__ import annotations

import hypothesis
from hypothesis import strategies as st
import pytest

from osc_instanceha import marks
from tests.unit import builders

HOW = 'by bmc (redfish) at noon for joe@mon'


def disabled(reason):
    return builders.living(enabled=False, disabled_reason=reason)


def test_it_says_by_what_and_by_whom():
    reason = marks.reason(HOW, builders.living())
    assert reason == f'instanceha: fenced {HOW}'


@pytest.mark.parametrize(
    ('earlier', 'kept'), [('a new disk', 'a new disk'), (None, 'no reason')]
)
def test_it_keeps_what_was_there_before(earlier, kept):
    reason = marks.reason(HOW, disabled(earlier))
    assert reason.endswith(f'; disabled before: {kept}')
    assert marks.before(disabled(reason)) == kept


@pytest.mark.parametrize('length', [0, 1, 100, 127, 128, 255])
@pytest.mark.parametrize('how', ['x', HOW, 'j' * 300])
def test_it_is_as_long_as_nova_takes(how, length):
    for service in (builders.living(), disabled('x' * length)):
        assert 0 < len(marks.reason(how, service)) <= 255


@pytest.mark.parametrize('how', ['x', HOW, 'j' * 300])
@pytest.mark.parametrize('length', [1, 100, 127])
def test_a_long_list_of_devices_does_not_displace_what_was_before(how, length):
    earlier = 'x' * length
    reason = marks.reason(how, disabled(earlier))
    assert marks.before(disabled(reason)) == earlier


@hypothesis.given(st.text(), st.text(min_size=1, max_size=255), st.text())
def test_fencing_again_loses_nothing_and_adds_nothing(how, earlier, again):
    hypothesis.assume(not earlier.startswith('instanceha: fenced'))
    hypothesis.assume('; disabled before: ' not in how + again)
    once = disabled(marks.reason(how, disabled(earlier)))
    twice = disabled(marks.reason(again, once))
    kept = marks.before(twice)
    assert kept is not None
    assert earlier.startswith(kept)
    assert len(kept) >= min(len(earlier), 127)
    assert twice.disabled_reason.count('disabled before') == (
        1 + kept.count('disabled before')
    )


@pytest.mark.parametrize(
    ('service', 'ours', 'before'),
    [
        (builders.living(), False, None),
        (disabled('a new disk'), False, 'a new disk'),
        (disabled(None), False, 'no reason'),
        (disabled(''), False, 'no reason'),
        (disabled(f'instanceha: fenced {HOW}'), True, None),
        (
            disabled(f'instanceha: fenced {HOW}; disabled before: x; y'),
            True,
            'x; y',
        ),
        # Nova's own: nobody has decided it, and nobody would undo it.
        (disabled('AUTO: Connection to libvirt lost: 1'), False, None),
        (disabled('AUTOMATIC: new disks'), False, 'AUTOMATIC: new disks'),
        # Somebody else's words about us.
        (
            disabled('see instanceha: fenced'),
            False,
            'see instanceha: fenced',
        ),
        # Enabled since: whatever is left of the reason means nothing.
        (
            builders.living(disabled_reason='instanceha: fenced x'),
            False,
            None,
        ),
    ],
)
def test_what_is_read_out_of_it(service, ours, before):
    assert marks.is_ours(service) is ours
    assert marks.before(service) == before
