"""Whatever happens to a run, and to those after it."""

from __future__ import annotations

import dataclasses

import hypothesis

from osc_instanceha import model
from tests.unit import builders
from tests.unit.generated import counting
from tests.unit.generated import stories

DEAD = builders.DEAD
Outcome = model.Outcome


@counting.times(6)
@hypothesis.given(stories.interrupted_stories)
def test_ended_anywhere_and_run_again_it_ends_the_same(story):
    at_once = dataclasses.replace(story, ends=()).tell()
    at_once.settle()
    told = story.tell()
    told.settle()
    assert told.state() == at_once.state()
    for name, (
        host,
        vm_state,
        task,
        spawned,
        _requests,
    ) in told.state().items():
        assert host != DEAD
        assert task is None
        assert len(spawned) == 1
        assert (vm_state == 'stopped') is (name in story.stopped)


@counting.times(12)
@hypothesis.given(stories.eventful_stories)
def test_whatever_happens_the_report_is_true(story):
    told = story.tell()
    compute = told.compute
    openly = {record.server_id for record in compute.open_records()}
    for run in told.runs:
        names = [result.server_id for result in run.results()]
        assert len(set(names)) == len(names)
    run = told.runs[-1]
    for result in run.results():
        server = compute.servers_.get(result.server_id)
        assert result.reason or result.outcome is Outcome.EVACUATED
        assert '\n' not in result.reason
        assert result.attempts <= story.retries + 1
        if server is None or server.id in told.touched:
            continue
        match result.outcome:
            case Outcome.EVACUATED:
                stopped = server.id in story.stopped
                assert server.host == result.destination != DEAD
                assert (server.vm_state == 'stopped') is stopped
            case Outcome.FAILED | Outcome.REFUSED:
                assert server.host == DEAD
                assert server.id not in openly
            case Outcome.ACCEPTED:
                assert not story.wait
            case Outcome.SKIPPED:
                raise AssertionError(f'{server.id} was asked for')
