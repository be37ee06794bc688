"""The simulated Nova does to a server what a real one does."""

from __future__ import annotations

import pytest

from osc_instanceha import model
from osc_instanceha import ports
from tests.unit import builders

DEAD, SPARE = builders.DEAD, builders.SPARE
Status = model.MigrationStatus


@pytest.fixture
def compute():
    made = builders.FakeCompute(
        builders.FakeClock(),
        [builders.server('a')],
        [builders.service(), builders.living()],
    )
    made.objects = False
    return made


def post(compute, server_id='a'):
    return compute.evacuate(
        server_id, guarded=False, target_host=None, stopped=False
    )


def statuses(compute):
    return [record.status for record in compute.records]


def test_a_second_request_is_accepted_and_the_guest_runs_twice(compute):
    assert post(compute).answer is ports.Answer.ACCEPTED
    compute.clock.sleep(2)
    assert post(compute).answer is ports.Answer.ACCEPTED
    assert any(what.startswith('2:') for what in compute.broken)
    compute.clock.sleep(60)
    assert compute.spawned['a'] == [SPARE, SPARE]
    assert statuses(compute) == [Status.FAILED, Status.DONE]


def test_a_second_request_is_an_objection(compute):
    compute.objects = True
    post(compute)
    with pytest.raises(builders.InvariantBroken, match='^2:'):
        post(compute)


def test_after_no_valid_host_it_is_in_error(compute):
    compute.scripts = {'a': [builders.NO_HOST]}
    post(compute)
    compute.clock.sleep(60)
    found = compute.server('a')
    assert (found.host, found.vm_state) == (DEAD, 'error')
    assert found.task_state is None
    assert statuses(compute) == [Status.ERROR]
    assert compute.records[0].destination is None


def test_after_a_failed_claim_it_is_active_where_it_does_not_run(compute):
    compute.scripts = {'a': [builders.NO_ROOM]}
    post(compute)
    compute.clock.sleep(60)
    found = compute.server('a')
    assert (found.host, found.vm_state) == (DEAD, 'active')
    assert (found.task_state, found.fault) == (None, None)
    assert statuses(compute) == [Status.FAILED]
    assert compute.records[0].destination == SPARE


def test_a_record_can_stay_accepted_for_ever(compute):
    compute.scripts = {'a': [builders.STUCK]}
    post(compute)
    compute.clock.sleep(10**6)
    assert statuses(compute) == [Status.ACCEPTED]
    assert compute.server('a').task_state == 'rebuilding'


def test_an_answer_is_lost_after_it_took_effect(compute):
    compute.scripts = {'a': [builders.LOST_BUT_TAKEN]}
    assert post(compute).answer is ports.Answer.UNCERTAIN
    compute.clock.sleep(60)
    assert compute.spawned['a'] == [SPARE]


def test_a_request_without_an_answer_arrives_late(compute):
    compute.scripts = {'a': [builders.LOST_AND_LATE]}
    assert post(compute).answer is ports.Answer.UNCERTAIN
    compute.clock.sleep(builders.LOST_AND_LATE.late - 1)
    assert compute.records == []
    compute.clock.sleep(60)
    assert compute.spawned['a'] == [SPARE]
