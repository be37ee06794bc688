"""A failed evacuation whose guest may run all the same."""

from __future__ import annotations

import datetime

import pytest

from osc_instanceha import model
from osc_instanceha import remains
from tests.unit import builders

SECOND = datetime.timedelta(seconds=1)
Status = model.MigrationStatus


def record(destination=builders.SPARE):
    return builders.evacuation(status=Status.FAILED, destination=destination)


@pytest.mark.parametrize(
    ('launched_at', 'evacuation', 'words', 'expected'),
    [
        (builders.LAUNCHED, record(), 'the spawn failed', None),
        (builders.EPOCH - SECOND, record(), 'the spawn failed', None),
        (None, record(), 'the spawn failed', None),
        (builders.EPOCH, record(), 'the spawn failed', builders.SPARE),
        (builders.EPOCH + SECOND, record(), '', builders.SPARE),
        (builders.EPOCH + SECOND, record(None), '', None),
        (builders.EPOCH + SECOND, None, '', None),
        (
            builders.LAUNCHED,
            record(),
            'Conflict updating instance a. Expected: ...',
            builders.SPARE,
        ),
        (
            builders.LAUNCHED,
            record(),
            'Instance a already exists.',
            builders.SPARE,
        ),
        (builders.LAUNCHED, record(None), 'RemoteError', None),
    ],
)
def test_where_a_guest_may_run(launched_at, evacuation, words, expected):
    server = builders.server(launched_at=launched_at)
    assert remains.may_run(server, evacuation, words) == expected


def left_behind(made):
    """Let evacuations fail after the guest was spawned."""
    fail = made.compute._fail

    def after_the_spawn(record_id, before, status, missing):
        fail(record_id, before, status, missing)
        made.compute.spawned[before.id].append(builders.SPARE)
        made.compute.change(before.id, launched_at=made.compute.moment)

    made.compute._fail = after_the_spawn


def test_a_server_that_may_run_already_is_not_asked_for_again(world):
    made = world(builders.server())
    made.compute.scripts = {'a': [builders.BROKE]}
    left_behind(made)
    run = made.finish()
    assert builders.outcomes(run) == {'a': 'unknown'}
    assert builders.SPARE in builders.reasons(run)['a']
    assert len(made.compute.requests) == 1
    # Nor by the next run.
    run = made.finish()
    assert builders.outcomes(run) == {'a': 'refused'}
    assert len(made.compute.requests) == 1
