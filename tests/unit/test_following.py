"""From a request to an outcome (invariants 2, 3, 6)."""

from __future__ import annotations

import pytest

from osc_instanceha import events
from osc_instanceha import exceptions
from osc_instanceha import model
from tests.unit import builders

Status = model.MigrationStatus
DEAD, SPARE = builders.DEAD, builders.SPARE
GOOD, NO_HOST, BROKE = builders.GOOD, builders.NO_HOST, builders.BROKE


def run_one(world, *scripts, server=None, setup=None, **options):
    made = world(server or builders.server())
    made.compute.scripts = {'a': list(scripts)}
    if setup:
        setup(made.compute)
    run = made.finish(**options)
    return made, run.results()[0]


# Retries.


@pytest.mark.parametrize('retries', [0, 1, 2, 3])
@pytest.mark.parametrize('failure', [NO_HOST, BROKE])
def test_never_more_than_retries_and_one_requests(world, retries, failure):
    made, result = run_one(world, *[failure] * 9, retries=retries)
    assert result.outcome is model.Outcome.FAILED
    assert result.attempts == retries + 1
    assert len(made.compute.requests) == retries + 1
    assert len(made.of(events.Retrying)) == retries


@pytest.mark.parametrize('failures', [1, 2])
def test_a_retry_that_succeeds_is_a_success(world, failures):
    # The peers count the failed records of earlier attempts.
    made, result = run_one(world, *[NO_HOST] * failures)
    assert result.outcome is model.Outcome.EVACUATED
    assert result.attempts == failures + 1
    assert result.reason == ''
    assert result.request_id == f'req-{failures + 1}'


def test_the_reason_of_a_failure_is_novas(world):
    _made, result = run_one(world, NO_HOST, retries=0)
    assert result.reason == 'No valid host was found. (request req-1)'
    assert result.request_id == 'req-1'


def test_failed_records_of_former_runs_are_old_news(world):
    def setup(compute):
        compute.begin('a', NO_HOST)
        compute.clock.sleep(10)
        compute.change('a', vm_state='active', status='ACTIVE')

    made, result = run_one(world, builders.Script(takes=60), setup=setup)
    assert result.outcome is model.Outcome.EVACUATED
    assert result.attempts == 1


def test_a_retry_waits_until_nova_has_put_the_server_in_order(world):
    made = world(builders.server())
    made.compute.scripts = {'a': [BROKE]}
    fail = made.compute._fail

    def slowly(*args):
        fail(*args)
        made.compute.change('a', task_state='rebuilding')
        made.clock.at(20, lambda: made.compute.change('a', task_state=None))

    made.compute._fail = slowly
    run = made.finish()
    assert builders.outcomes(run) == {'a': 'evacuated'}
    assert len(made.compute.requests) == 2


def test_a_server_that_nova_never_puts_in_order_is_not_asked_for_again(world):
    made = world(builders.server())
    made.compute.scripts = {'a': [BROKE]}
    fail = made.compute._fail

    def halfway(*args):
        fail(*args)
        made.compute.change('a', task_state='rebuilding')

    made.compute._fail = halfway
    run = made.finish()
    assert builders.outcomes(run) == {'a': 'failed'}
    assert 'rebuild' in builders.reasons(run)['a']
    assert len(made.compute.requests) == 1


def test_what_failed_goes_behind_what_was_not_tried(world):
    made = world(*[builders.server(name) for name in 'abc'])
    made.compute.scripts = {'a': [NO_HOST]}
    made.finish(max_in_flight=1)
    assert [name for name, _how in made.compute.requests] == list('abca')


@pytest.mark.parametrize(
    ('change', 'outcome'),
    [
        (lambda c: c.delete('a'), 'skipped'),
        (lambda c: c.change('a', host='other'), 'evacuated'),
        (lambda c: c.change('a', vm_state='shelved'), 'failed'),
    ],
)
def test_what_becomes_of_a_server_after_its_failure(world, change, outcome):
    made = world(builders.server())
    made.compute.scripts = {'a': [BROKE]}
    fail = made.compute._fail

    def then(*args):
        fail(*args)
        change(made.compute)

    made.compute._fail = then
    run = made.recovery()
    for _event in run:
        pass
    assert builders.outcomes(run) == {'a': outcome}
    assert len(made.compute.requests) == 1


def test_a_server_on_no_host_is_not_evacuated(world):
    made = world(builders.server())
    made.compute.scripts = {'a': [BROKE]}
    fail = made.compute._fail

    def then(*args):
        fail(*args)
        made.compute.change('a', host='', vm_state='shelved_offloaded')

    made.compute._fail = then
    run = made.recovery()
    for _event in run:
        pass
    assert builders.outcomes(run) != {'a': 'evacuated'}


# Power states.

STATES = [
    ('running', builders.server(), [], {}, 'active'),
    ('running, retried', builders.server(), [BROKE], {}, 'active'),
    ('stopped', builders.stopped_server(), [], {}, 'stopped'),
    ('stopped, no host', builders.stopped_server(), [NO_HOST], {}, 'stopped'),
    ('stopped, broken', builders.stopped_server(), [BROKE], {}, 'stopped'),
    (
        'stopped, twice',
        builders.stopped_server(),
        [NO_HOST, BROKE],
        {},
        'stopped',
    ),
    ('asked to stop', builders.server(), [], {'stopped': True}, 'stopped'),
    (
        'asked to stop, retried',
        builders.server(),
        [BROKE],
        {'stopped': True},
        'stopped',
    ),
    (
        'in error, running',
        builders.server(vm_state='error', status='ERROR'),
        [],
        {},
        'active',
    ),
    (
        'in error, shut down',
        builders.server(vm_state='error', status='ERROR', power_state=4),
        [],
        {},
        'stopped',
    ),
    (
        'in error, to be stopped',
        builders.server(vm_state='error', status='ERROR'),
        [],
        {'stopped': True},
        'stopped',
    ),
]


@pytest.mark.parametrize('by_nova', [False, True])
@pytest.mark.parametrize(
    ('server', 'scripts', 'how', 'expected'),
    [case[1:] for case in STATES],
    ids=[case[0] for case in STATES],
)
def test_a_server_ends_in_its_power_state(
    world, server, scripts, how, expected, by_nova
):
    def setup(compute):
        compute.stops_itself = by_nova

    made, result = run_one(world, *scripts, server=server, setup=setup, **how)
    assert result.outcome is model.Outcome.EVACUATED
    assert made.compute.servers_['a'].vm_state == expected


@pytest.mark.parametrize('by_owner', [False, True])
def test_where_only_history_tells_it_is_asked(world, by_owner):
    def setup(compute):
        compute.stopped_by_owner = {'a'} if by_owner else set()

    server = builders.server(vm_state='error', status='ERROR', power_state=0)
    made, result = run_one(world, server=server, setup=setup)
    assert made.compute.count('was_stopped') == 1
    expected = 'stopped' if by_owner else 'active'
    assert made.compute.servers_['a'].vm_state == expected


def test_history_is_not_asked_of_a_server_that_stays(world):
    server = builders.server(
        vm_state='error', power_state=0, task_state='migrating'
    )
    made, _result = run_one(world, server=server)
    assert made.compute.count('was_stopped') == 0


def test_a_stopped_one_is_stopped_once(world):
    made, _result = run_one(world, NO_HOST, server=builders.stopped_server())
    assert made.compute.count('stop') == 1


def test_nova_stopped_it_and_we_do_not(world):
    def setup(compute):
        compute.stops_itself = True

    made, result = run_one(world, setup=setup, stopped=True)
    assert result.outcome is model.Outcome.EVACUATED
    assert made.compute.count('stop') == 0


def test_a_server_that_will_not_stop_is_unknown(world):
    made = world(builders.stopped_server())
    made.compute.scripts = {'a': [NO_HOST]}
    stop = made.compute.stop

    def refuse(server_id):
        if made.clock.now < 0:
            stop(server_id)
        raise exceptions.CloudError('no', code=409)

    made.compute.stop = refuse
    run = made.finish(timeout=200)
    assert builders.outcomes(run) == {'a': 'unknown'}
    assert 'not stopped as before' in builders.reasons(run)['a']


def test_a_server_deleted_before_it_is_stopped_is_told(world):
    made = world(builders.stopped_server())
    made.compute.scripts = {'a': [NO_HOST]}
    move = made.compute._move

    def then(*args):
        move(*args)
        made.clock.at(0, lambda: made.compute.servers_.pop('a'))

    made.compute._move = then
    run = made.finish()
    assert builders.outcomes(run) == {'a': 'skipped'}


# Answers that were lost.


@pytest.mark.parametrize(
    'script', [builders.LOST_BUT_TAKEN, builders.LOST_AND_LATE]
)
def test_a_lost_request_that_nova_took_is_followed(world, script):
    made, result = run_one(world, script)
    assert result.outcome is model.Outcome.EVACUATED
    assert len(made.compute.requests) == 1
    assert result.attempts == 1


def test_a_lost_request_without_a_trace_is_unknown_and_never_repeated(world):
    made, result = run_one(world, builders.LOST)
    assert result.outcome is model.Outcome.UNKNOWN
    assert 'no trace' in result.reason
    assert 'read timed out' in result.reason
    assert len(made.compute.requests) == 1


@pytest.mark.parametrize('failure', [NO_HOST, BROKE])
def test_an_older_failure_does_not_speak_for_a_lost_retry(world, failure):
    made, result = run_one(world, failure, builders.LOST, retries=5)
    assert result.outcome is model.Outcome.UNKNOWN
    assert len(made.compute.requests) == 2


def test_a_lost_request_that_nova_takes_after_all_is_not_sent_twice(world):
    very_late = builders.Script(
        builders.LOST.answer, late=1000.0, message='read timed out'
    )
    made = world(builders.server('a'), builders.server('b'))
    made.compute.scripts = {'a': [very_late], 'b': [builders.STUCK]}
    run = made.finish(timeout=1500)
    assert builders.outcomes(run) == {'a': 'unknown', 'b': 'unknown'}
    assert len(made.compute.requests) == 2


def test_a_lost_request_that_failed_is_tried_again(world):
    lost_and_failed = builders.Script(
        builders.LOST.answer, ends=Status.FAILED, message='timed out'
    )
    made, result = run_one(world, lost_and_failed)
    assert result.outcome is model.Outcome.EVACUATED
    assert len(made.compute.requests) == 2


def test_a_lost_request_keeps_its_place_until_it_is_known(world):
    made = world(builders.server('a'), builders.server('b'))
    made.compute.scripts = {'a': [builders.LOST]}
    began = made.clock.now
    run = made.finish(max_in_flight=1)
    assert builders.outcomes(run) == {'a': 'unknown', 'b': 'evacuated'}
    sent = [event for event in made.seen if isinstance(event, events.Accepted)]
    assert [event.server.id for event in sent] == ['b']
    assert made.clock.now - began > 60


def test_a_lost_request_for_a_server_that_is_rebuilding_is_open(world):
    # The record is not there yet, but the task state is.
    made = world(builders.server())
    made.compute.scripts = {'a': [builders.LOST]}
    evacuate = made.compute.evacuate

    def half(server_id, **how):
        answer = evacuate(server_id, **how)
        made.compute.change('a', task_state='rebuilding')
        made.clock.at(200, lambda: made.compute.begin('a'))
        return answer

    made.compute.evacuate = half
    run = made.finish()
    assert builders.outcomes(run) == {'a': 'evacuated'}


@pytest.mark.parametrize(
    ('change', 'outcome'),
    [
        (lambda c: c.delete('a'), 'skipped'),
        (lambda c: c.change('a', host=SPARE), 'evacuated'),
    ],
)
def test_a_lost_request_for_a_server_that_is_not_there_now(
    world, change, outcome
):
    made = world(builders.server())
    made.compute.scripts = {'a': [builders.LOST]}
    made.clock.at(30, lambda: change(made.compute))
    run = made.finish()
    assert builders.outcomes(run) == {'a': outcome}


def test_a_request_that_was_never_sent_is_sent_again(world):
    made, result = run_one(world, *[builders.NOT_SENT] * 5, retries=0)
    assert result.outcome is model.Outcome.EVACUATED
    assert result.attempts == 1
    assert len(made.compute.requests) == 1
    assert len(made.of(events.Trouble)) == 5


def test_the_pauses_before_a_request_is_sent_again_grow(world):
    made = world(builders.server())
    made.compute.scripts = {'a': [builders.NOT_SENT] * 8}
    sent = []
    evacuate = made.compute.evacuate

    def noted(*args, **kwargs):
        sent.append(made.clock.now)
        return evacuate(*args, **kwargs)

    made.compute.evacuate = noted
    made.finish()
    pauses = [
        after - before for before, after in zip(sent, sent[1:], strict=False)
    ]
    assert len(pauses) == 8
    for number, pause in enumerate(pauses):
        assert pause >= min(2**number, 30)
        assert pause <= 30 + 6


def test_requests_that_can_never_be_sent_end_in_failure(world):
    made, result = run_one(world, *[builders.NOT_SENT] * 4000, timeout=100)
    assert result.outcome is model.Outcome.FAILED
    assert result.reason == 'connection refused; run the command again'
    assert result.attempts == 0
    assert made.compute.requests == []


# Errors and refusals.


def test_an_error_of_novas_without_a_trace_is_a_failure(world):
    made, result = run_one(world, builders.ERRED)
    assert result.outcome is model.Outcome.FAILED
    assert result.reason == 'Unexpected API Error'
    assert len(made.compute.requests) == 1


def test_an_error_of_novas_with_a_trace_is_followed(world):
    made, result = run_one(world, builders.ERRED_BUT_TAKEN)
    assert result.outcome is model.Outcome.EVACUATED
    assert len(made.compute.requests) == 1


def test_an_error_with_a_record_that_never_ends_is_unknown(world):
    # The record is there, but its message was lost.
    script = builders.Script(
        builders.ERRED.answer, ends=None, message='oops', code=500
    )
    made, result = run_one(world, script, timeout=300)
    assert result.outcome is model.Outcome.UNKNOWN
    assert len(made.compute.requests) == 1


def test_a_refusal_is_a_failure_in_novas_words(world):
    made, result = run_one(world, builders.REFUSED)
    assert result.outcome is model.Outcome.FAILED
    assert result.reason == 'it has a vTPM'
    assert result.request_id == 'req-1'
    assert len(made.compute.requests) == 1


def test_a_refusal_since_somebody_else_was_faster_is_followed(world):
    # 409 of an older Nova: the task state is in the way.
    made = world(builders.server())
    made.compute.scripts = {'a': [builders.REFUSED]}
    evacuate = made.compute.evacuate

    def other(server_id, **how):
        answer = evacuate(server_id, **how)
        made.compute.begin('a')
        return answer

    made.compute.evacuate = other
    run = made.finish()
    assert builders.outcomes(run) == {'a': 'evacuated'}
    assert len(made.compute.requests) == 1


@pytest.mark.parametrize('moment', [3.0, 8.0])
def test_a_server_deleted_in_the_middle_is_told(world, moment):
    made = world(builders.server())
    made.clock.at(moment, lambda: made.compute.delete('a'))
    run = made.finish()
    assert builders.outcomes(run) == {'a': 'skipped'}
    assert 'deleted' in builders.reasons(run)['a']


def test_a_record_that_is_gone_is_not_taken_for_anything(world):
    made = world(builders.server())
    made.compute.scripts = {'a': [builders.STUCK]}

    def forget():
        made.compute.records.clear()
        made.compute.change('a', task_state=None)

    made.clock.at(5.0, forget)
    run = made.finish()
    assert builders.outcomes(run) == {'a': 'unknown'}
    assert len(made.compute.requests) == 1


def test_an_active_server_on_its_old_host_has_not_moved(world):
    # Nova saves ACTIVE before it changes the host, and a claim that fails
    # leaves ACTIVE too: the state proves nothing.
    made = world(builders.server())
    made.compute.scripts = {'a': [builders.STUCK]}
    made.clock.at(
        5.0,
        lambda: made.compute.change('a', vm_state='active', task_state=None),
    )
    run = made.finish(timeout=100)
    assert builders.outcomes(run) == {'a': 'unknown'}


@pytest.mark.parametrize('status', [Status.DONE, Status.COMPLETED])
def test_a_record_that_says_done_is_a_success(world, status):
    made = world(builders.server())
    moved = made.compute._set

    def set_(record_id, new, destination=None):
        moved(record_id, status if new.succeeded else new, destination)

    made.compute._set = set_
    run = made.finish()
    assert builders.outcomes(run) == {'a': 'evacuated'}
    assert run.results()[0].destination == SPARE


@pytest.mark.parametrize('call', ['server', 'failure', 'stop'])
@pytest.mark.parametrize('times', [1, 2])
def test_a_call_for_one_server_that_fails_is_repeated(world, call, times):
    made = world(builders.stopped_server('a'), builders.server('b'))
    made.compute.scripts = {'a': [BROKE]}
    made.compute.fail(call, times)
    run = made.finish()
    assert builders.outcomes(run) == {'a': 'evacuated', 'b': 'evacuated'}
    assert len(made.of(events.Trouble)) == times
    assert made.compute.servers_['a'].vm_state == 'stopped'


def test_a_stop_that_did_not_get_through_is_repeated(world):
    made = world(builders.stopped_server())
    made.compute.scripts = {'a': [BROKE]}
    made.compute.fail('stop', 3)
    run = made.finish()
    assert builders.outcomes(run) == {'a': 'evacuated'}
    assert made.compute.servers_['a'].vm_state == 'stopped'


# What the start of nova-compute on the dead host writes down.


def completed(made, status=Status.COMPLETED):
    """Write on the open record, as a nova-compute that starts does."""
    (record,) = made.compute.open_records()
    made.compute._set(record.id, status, record.destination)
    return record


@pytest.mark.parametrize(
    ('ends', 'outcome'),
    [(Status.DONE, 'evacuated'), (Status.FAILED, 'failed')],
)
def test_completed_and_still_under_way(world, ends, outcome):
    made = world(builders.server())
    made.compute.scripts = {'a': [builders.STUCK]}
    records = []

    def end():
        record = records[0]
        if ends is Status.DONE:
            made.compute.change('a', host=SPARE)
        made.compute.change(
            'a', task_state=None, fault=model.Fault('Oh.', None)
        )
        made.compute._set(record.id, ends, SPARE)

    made.clock.at(5.0, lambda: records.append(completed(made)))
    made.clock.at(100.0, end)
    run = made.finish(retries=0)
    assert builders.outcomes(run) == {'a': outcome}
    assert made.clock.now - made.compute.began >= 100


def test_completed_and_never_more(world):
    made = world(builders.server())
    made.compute.scripts = {'a': [builders.STUCK]}
    made.clock.at(5.0, lambda: completed(made))
    run = made.finish(timeout=100)
    assert builders.outcomes(run) == {'a': 'unknown'}
    assert 'completed when nova-compute started' in run.results()[0].reason
    assert len(made.compute.requests) == 1


def test_completed_and_at_rest_where_it_was(world):
    made = world(builders.server())
    made.compute.scripts = {'a': [builders.STUCK]}

    def end():
        completed(made)
        made.compute.change('a', task_state=None)

    made.clock.at(5.0, end)
    run = made.finish(timeout=1000)
    assert builders.outcomes(run) == {'a': 'unknown'}
    assert 'completed, but shows it where it was' in run.results()[0].reason
    assert made.clock.now - made.compute.began < 200


# Somebody else, between our list and our request.


@pytest.mark.parametrize('ours', [Status.DONE, Status.FAILED])
@pytest.mark.parametrize(
    ('destination', 'twice'), [('host3', True), (None, False), (SPARE, False)]
)
def test_two_evacuations_at_once(world, ours, destination, twice):
    made = world(builders.server())
    made.compute.scripts = {
        'a': [GOOD if ours is Status.DONE else BROKE, NO_HOST, NO_HOST]
    }

    def another():
        made.compute.records.insert(
            0,
            builders.evacuation(
                'theirs',
                'a',
                status=Status.FAILED,
                destination=destination,
                created=made.compute.moment,
            ),
        )

    made.clock.at(1.0, another)
    run = made.finish(retries=1)
    (result,) = run.results()
    if twice:
        assert result.outcome is model.Outcome.UNKNOWN
        assert len(made.compute.requests) == 1
        for host in (SPARE, destination):
            assert f'to {host} (' in result.reason
    else:
        assert result.outcome is not model.Outcome.UNKNOWN


def test_the_note_stays_with_what_failed(world):
    made = world(builders.server('a'), builders.server('b'))
    made.compute.groups_ = (builders.group('a', 'b', policy='affinity'),)
    made.compute.scripts = {'a': [NO_HOST], 'b': [NO_HOST]}
    run = made.finish(retries=0)
    for result in run.results():
        assert result.outcome is model.Outcome.FAILED
        assert 'No valid host' in result.reason
        assert 'demands affinity' in result.reason
