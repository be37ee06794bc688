"""Which of a server's records tells how it stands, for any of them."""

from __future__ import annotations

import hypothesis
from hypothesis import strategies as st

from osc_instanceha import model
from osc_instanceha import tracking
from tests.unit import builders
from tests.unit.generated import counting
from tests.unit.generated import dice as dice_


def history(dice):
    """Records of two servers, newest first."""
    return tuple(
        builders.evacuation(
            f'e{number}',
            dice.pick('ab'),
            dice.pick(tuple(model.MigrationStatus)),
        )
        for number in range(dice.number(6))
    )


@counting.times(5)
@hypothesis.given(
    dice_.rolled(history, 16),
    st.frozensets(st.sampled_from(['e0', 'e1', 'e2', 'e3'])),
)
def test_as_long_as_one_is_open_nothing_is_over(records, known):
    track = tracking.Track(None, tracking.Phase.OPEN, known=known)
    track.step = type('Step', (), {'server': builders.server('a')})
    found = tracking.newest(track, records)
    fresh = [
        record
        for record in records
        if record.server_id == 'a' and record.id not in known
    ]
    if not fresh:
        assert found is None
    elif any(record.status.open for record in fresh):
        assert found in fresh
        assert found.status.open
    else:
        assert found == fresh[0]
