"""Answers that cannot be: an error of ours, never an action."""

from __future__ import annotations

import hypothesis
from hypothesis import strategies as st

from osc_instanceha.osc import command
from osc_instanceha.osc.v1 import evacuate
from osc_instanceha.osc.v1 import fencing
from tests.unit.generated import counting
from tests.unit.generated import dice as dice_
from tests.unit.generated import edge
from tests.unit.generated import spoiling

DEAD = edge.DEAD
CODES = set(command.ExitCode)

#: What all of these must be able to read before they decide on anything.
NEEDED = {
    *('tokens', 'versions', 'services', 'servers', 'migrations', 'groups'),
    *('aggregates', 'hypervisors'),
}
spoilt = dice_.rolled(spoiling.spoilt, 20)
words = st.sampled_from(
    [
        (),
        ('--image-property', 'ha=yes'),
        ('--dry-run',),
        ('--already-fenced',),
        ('--no-wait',),
        ('--tag', 'ha'),
        ('--shared-storage',),
    ]
)


def test_with_nothing_spoilt_one_goes_and_one_is_waited_for():
    cloud = edge.Edge()
    ran = edge.Ran(cloud, evacuate.EvacuateHost, DEAD)
    assert {row['Server ID']: row['Outcome'] for row in ran.rows} == {
        'go': 'evacuated',
        'disk': 'refused',
        'held': 'refused',
        'wait': 'evacuated',
    }
    assert cloud.posted == ['go']
    assert ran.code == command.ExitCode.INCOMPLETE
    assert ran.lines == []


def check(ran, cloud):
    """It ended as it is documented, and told so in one line."""
    assert ran.code in CODES
    for line in ran.lines:
        assert len(line.splitlines()) == 1
        assert line.isprintable()
        # What Python says of its own is no message to anybody.
        assert 'object has no attribute' not in line
        assert "'NoneType'" not in line
    assert len(ran.lines) <= 1
    if ran.code == command.ExitCode.ERROR:
        assert len(ran.lines) == 1
        assert ran.out.strip() == ''
        assert cloud.posted == cloud.marked == []


@counting.times(4)
@hypothesis.given(spoilt, words)
def test_a_spoilt_answer_is_no_leave_to_evacuate(spoil, more):
    cloud = edge.Edge(spoil)
    ran = edge.Ran(cloud, evacuate.EvacuateHost, DEAD, *more)
    hypothesis.note(repr((spoil, ran.lines, ran.rows)))
    check(ran, cloud)
    expected = {'go', 'disk'} if '--shared-storage' in more else {'go'}
    assert set(cloud.posted) <= expected
    # What is answered with 401 is sent again with another token: it went no
    # further than to the middleware before Nova.
    if 'x, 401' not in spoil.what.replace("b'', 401", 'x, 401'):
        assert len(set(cloud.posted)) == len(cloud.posted)
    assert cloud.marked == []
    if '--dry-run' in more:
        assert cloud.posted == []
    gone = spoil.whole and spoil.kind in NEEDED and spoil.first == 1
    if gone and spoil.last > 3:
        assert ran.code == command.ExitCode.ERROR
    for row in ran.rows:
        if row.get('Outcome') == 'evacuated':
            server = next(
                item
                for item in cloud.servers
                if item['id'] == row['Server ID']
            )
            assert server['OS-EXT-SRV-ATTR:host'] != DEAD


@counting.times(2)
@hypothesis.given(
    dice_.rolled(
        lambda dice: spoiling.spoilt(dice, ('services', 'versions', 'tokens')),
        20,
    )
)
def test_a_spoilt_answer_is_no_audit(spoil):
    cloud = edge.Edge(spoil)
    ran = edge.Ran(cloud, fencing.ListFencing)
    hypothesis.note(repr((spoil, ran.lines)))
    check(ran, cloud)
