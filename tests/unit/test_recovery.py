"""Whole runs on a Nova that keeps its word."""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import threading

import hypothesis
from hypothesis import strategies as st
import pytest

from osc_instanceha import events
from osc_instanceha import exceptions
from osc_instanceha import model
from osc_instanceha import options as options_
from osc_instanceha import selection
from tests.unit import builders

Status = model.MigrationStatus
DEAD, SPARE = builders.DEAD, builders.SPARE


def servers(count, make=builders.server):
    return [make(f's{number}') for number in range(count)]


def test_the_plain_story(world):
    made = world(builders.server('a'), builders.stopped_server('b'))
    run = made.finish()
    assert builders.outcomes(run) == {'a': 'evacuated', 'b': 'evacuated'}
    assert {item.destination for item in run.results()} == {SPARE}
    assert {item.attempts for item in run.results()} == {1}
    assert {item.request_id for item in run.results()} == {'req-1', 'req-2'}
    assert made.compute.servers_['a'].vm_state == 'active'
    assert made.compute.servers_['b'].vm_state == 'stopped'
    assert made.lock.taken == [DEAD]
    assert not run.refusals
    assert [type(event) for event in made.seen] == [
        events.Planned,
        events.Accepted,
        events.Accepted,
        events.Ended,
        events.Ended,
    ]


def test_a_host_without_servers_is_done_at_once(world):
    made = world()
    run = made.finish()
    assert run.results() == ()
    assert made.compute.changes == []


def test_what_is_not_evacuated_is_in_the_result_too(world):
    made = world(
        builders.server('go', tags=frozenset({'ha'})),
        builders.server('skip'),
        builders.server('hidden', tags=None),
        builders.server('image', tags=frozenset({'ha'}), image_id='i'),
        builders.server('paused', tags=frozenset({'ha'}), vm_state='paused'),
        builders.server(
            'moving', tags=frozenset({'ha'}), task_state='migrating'
        ),
    )
    run = made.finish(selection=selection.Selection(tags=frozenset({'ha'})))
    assert builders.outcomes(run) == {
        'go': 'evacuated',
        'hidden': 'refused',
        'image': 'refused',
        'moving': 'refused',
        'paused': 'refused',
        'skip': 'skipped',
    }
    assert [name for name, _how in made.compute.requests] == ['go']
    assert {event.result.server_id for event in made.of(events.Ended)} == {
        item.server_id for item in run.results()
    }


def test_two_hosts_are_recovered_in_one_run(world):
    made = world(
        builders.server('a'),
        builders.server('b', host='dead2'),
        services=[
            builders.service(DEAD),
            builders.service('dead2'),
            builders.living(),
        ],
    )
    run = made.finish([DEAD, 'dead2'])
    assert builders.outcomes(run) == {'a': 'evacuated', 'b': 'evacuated'}
    assert [item.host for item in run.results()] == [DEAD, 'dead2']
    assert made.lock.taken == ['dead', 'dead2']


def test_the_locks_of_all_hosts_are_taken(world):
    made = world(services=[builders.service('a'), builders.service('b')])
    made.finish(['b', 'a'])
    assert sorted(made.lock.taken) == ['a', 'b']


def test_a_host_that_another_run_works_on_is_left_alone(world):
    made = world(builders.server())
    made.lock.held.add(DEAD)
    with pytest.raises(exceptions.HostLocked):
        next(iter(made.recovery()))
    assert made.compute.changes == []
    assert made.compute.count('servers') == 0


# Limits and names, before anything.

BEFORE = [
    ('no such host', ['nope'], {}, exceptions.HostNotFound),
    ('a part of its name', ['dea'], {}, exceptions.HostNotFound),
    ('twice', [DEAD, DEAD], {}, exceptions.InvalidInput),
    (
        'no such target',
        [DEAD],
        {'target_host': 'nope'},
        exceptions.HostNotFound,
    ),
    (
        'a target that is down',
        [DEAD],
        {'target_host': 'broken'},
        exceptions.TargetHostUnusable,
    ),
    (
        'the source as the target',
        [DEAD],
        {'target_host': DEAD},
        exceptions.TargetHostUnusable,
    ),
    (
        'too many',
        [DEAD],
        {'max_hosts_down': options_.HostLimit(1)},
        exceptions.TooManyHostsDown,
    ),
    (
        'too many of all that are fenced',
        None,
        {'max_hosts_down': options_.HostLimit(50, True)},
        exceptions.TooManyHostsDown,
    ),
]


@pytest.mark.parametrize('dry_run', [False, True])
@pytest.mark.parametrize(
    ('names', 'how', 'error'),
    [case[1:] for case in BEFORE],
    ids=[case[0] for case in BEFORE],
)
def test_refused_before_anything(world, names, how, error, dry_run):
    made = world(
        builders.server(),
        services=[
            builders.service(DEAD),
            builders.service('broken'),
            builders.living(),
        ],
    )
    run = made.recovery(names, dry_run=dry_run, **how)
    with pytest.raises(error):
        next(iter(run))
    assert run.results() == ()
    assert made.compute.changes == []
    assert made.compute.count('servers') == 0
    assert made.lock.taken == []


@pytest.mark.parametrize(
    'call', ['services', 'servers', 'service', 'evacuations', 'groups']
)
def test_nothing_is_begun_on_half_a_list(world, call):
    made = world(builders.server())
    made.compute.fail(call, 1)
    with pytest.raises(exceptions.Unreachable):
        for _event in made.watch(made.recovery()):
            pass
    assert made.compute.changes == []
    assert not made.lock.held


def test_a_cell_that_goes_down_while_its_servers_are_read_is_noticed(world):
    made = world(builders.server())
    read = made.compute.servers

    def servers_(host):
        made.compute.touch(up=None, forced_down=None)
        made.compute._shown = lambda item: item
        return read(host)[:0]

    made.compute.servers = servers_
    with pytest.raises(exceptions.IncompleteAnswer):
        next(iter(made.recovery()))


# --fenced


def test_fenced_with_none(world):
    made = world(builders.server(host=SPARE), services=[builders.living()])
    run = made.finish(None)
    assert run.results() == ()
    assert made.compute.changes == []
    assert made.lock.taken == []


def test_fenced_takes_all_that_are_forced_down(world):
    made = world(
        builders.server('a'),
        builders.server('b', host='dead2'),
        builders.server('c', host=SPARE),
        services=[
            builders.service(DEAD),
            builders.service('dead2'),
            builders.living(),
        ],
    )
    run = made.finish(None)
    assert builders.outcomes(run) == {'a': 'evacuated', 'b': 'evacuated'}


def test_fenced_leaves_out_what_was_unfenced_while_the_lock_was_waited_for(
    world,
):
    made = world(builders.server('a'))
    lock = made.lock

    def slow(names):
        made.compute.touch(forced_down=False)
        return lock(names)

    run = made.recovery(None)
    run._lock = slow
    assert list(run) == []
    assert made.compute.changes == []


def test_no_host_is_evacuated_whose_lock_is_not_held(world):
    made = world(
        builders.server('a'),
        builders.server('b', host='late'),
        services=[
            builders.service(DEAD),
            builders.living('late', quiet_for=builders.LONG_AGO),
            builders.living(),
        ],
    )
    lock = made.lock

    def slow(names):
        made.compute.services_['late'] = builders.service('late')
        return lock(names)

    run = made.recovery(None)
    run._lock = slow
    for _event in made.watch(run):
        assert {plan.host for plan in run.plans} <= set(made.lock.taken)
    assert builders.outcomes(run) == {'a': 'evacuated'}


def fenced_two(world):
    return world(
        builders.server('a'),
        builders.server('b', host='dead2'),
        services=[
            builders.service(DEAD),
            builders.service('dead2'),
            builders.living(),
        ],
    )


@pytest.mark.parametrize(
    ('names', 'told'),
    [
        # The next run finds it.
        (None, contextlib.nullcontext()),
        ([DEAD], pytest.raises(exceptions.IncompleteAnswer, match=DEAD)),
    ],
)
def test_a_service_that_was_made_anew_is_not_the_one_that_is_locked(
    world, names, told
):
    """Locks are by the ID of the service, not by the name of the host."""
    made = world(builders.server())
    run = made.recovery(names)
    lock = run._lock

    def late(services):
        made.compute.touch(DEAD, id='service-made-anew')
        return lock(services)

    run._lock = late
    with told:
        for _event in made.watch(run):
            pass
    assert made.compute.changes == []
    assert made.compute.count('servers') == 0


def test_a_record_is_as_old_as_the_question_for_it(world):
    """Nova takes 20 s to answer; the host comes alive after the first."""
    made = world(builders.server())
    services = made.compute.services

    def slow():
        found = services()
        if made.lock.held:
            made.compute.report()
            made.clock.sleep(20.0)
        return found

    made.clock.sleep(1.0)
    made.compute.services = slow
    run = made.finish()
    assert builders.outcomes(run) == {'a': 'refused'}
    assert made.compute.count('evacuate') == 0
    assert 'alive' in run.refusals[0].reason


def test_fenced_leaves_a_host_to_the_run_that_works_on_it(world):
    made = fenced_two(world)
    made.lock.held.add(DEAD)
    run = made.recovery(None)
    list(made.watch(run))
    assert builders.outcomes(run) == {'b': 'evacuated'}
    assert isinstance(run.left_out[DEAD], exceptions.HostLocked)
    assert [event.host for event in made.of(events.LeftOut)] == [DEAD]


def test_fenced_leaves_out_a_host_that_cannot_be_read(world):
    made = fenced_two(world)
    made.compute.fail('evacuations', 1)
    run = made.finish(None)
    assert builders.outcomes(run) == {'b': 'evacuated'}
    assert isinstance(run.left_out[DEAD], exceptions.Unreachable)


def test_a_run_runs_once(world):
    made = world(builders.server())
    run = made.finish()
    with pytest.raises(RuntimeError):
        next(iter(run))
    assert len(made.compute.requests) == 1


def test_fenced_tells_of_a_host_that_it_cannot_see(world):
    made = world(
        builders.server(),
        services=[
            builders.service(),
            builders.service('x', up=None, forced_down=None, enabled=None),
            builders.living(),
        ],
    )
    made.compute._shown = lambda item: item
    run = made.finish(None)
    assert list(run.left_out) == ['x']
    assert [event.host for event in made.of(events.LeftOut)] == ['x']
    assert builders.outcomes(run) == {'a': 'evacuated'}


# Dry run.

SITUATIONS = [
    ('fenced', [builders.service(), builders.living()], {}),
    (
        'not fenced',
        [builders.living(DEAD, quiet_for=100.0), builders.living()],
        {},
    ),
    (
        'vouched for',
        [builders.living(DEAD, quiet_for=100.0), builders.living()],
        {'already_fenced': True},
    ),
    (
        'not silent yet',
        [builders.service(quiet_for=1.0), builders.living()],
        {},
    ),
]


@pytest.mark.parametrize(
    ('services', 'how'),
    [case[1:] for case in SITUATIONS],
    ids=[case[0] for case in SITUATIONS],
)
def test_a_dry_run_changes_nothing(world, services, how):
    made = world(
        builders.server('a'), builders.stopped_server('b'), services=services
    )
    run = made.finish(dry_run=True, **how)
    assert made.compute.changes == []
    assert made.lock.taken == []
    assert [(step.server.id, step.action) for step in run.plans[0].steps] == [
        ('a', model.Action.EVACUATE),
        ('b', model.Action.EVACUATE),
    ]
    refused = not services[0].forced_down and not how
    assert bool(run.refusals) is refused


def test_a_dry_run_hears_a_living_host(world):
    made = world(builders.server(), services=[builders.service(quiet_for=1.0)])
    made.compute.report()
    run = made.finish(dry_run=True)
    assert 'alive' in run.refusals[0].reason


def test_a_dry_run_of_servers_that_stay_does_not_listen(world):
    made = world(
        builders.server(vm_state='paused'),
        services=[builders.service(quiet_for=1.0)],
    )
    made.finish(dry_run=True)
    assert made.clock.rounds == 0


def test_read_plans_decides_and_asks_for_no_proof(world):
    made = world(
        builders.server(), services=[builders.living(DEAD), builders.living()]
    )
    (plan,) = made.recovery(dry_run=True).read_plans()
    assert [step.action for step in plan.steps] == [model.Action.EVACUATE]
    assert made.compute.changes == []
    assert made.clock.rounds == 0


# Time.


def test_time_out_leaves_the_open_unknown_and_the_waiting_failed(world):
    made = world(*servers(3))
    made.compute.scripts = {'s0': [builders.STUCK]}
    run = made.finish(max_in_flight=1, timeout=60)
    assert builders.outcomes(run) == {
        's0': 'unknown',
        's1': 'failed',
        's2': 'failed',
    }
    assert 'still accepted' in builders.reasons(run)['s0']
    assert 'its turn did not come' in builders.reasons(run)['s1']
    assert len(made.compute.requests) == 1


def test_without_a_time_out_patience_ends_when_nothing_moves(world):
    made = world(*servers(2))
    made.compute.scripts = {'s0': [builders.STUCK]}
    began = made.clock.now
    run = made.finish()
    assert builders.outcomes(run) == {'s0': 'unknown', 's1': 'evacuated'}
    assert made.clock.now - began >= options_.PATIENCE


def test_a_run_in_which_things_move_has_all_the_time_it_needs(world):
    made = world(*servers(5))
    slow = builders.Script(takes=0.9 * options_.PATIENCE)
    made.compute.scripts = {f's{number}': [slow] for number in range(5)}
    run = made.finish(max_in_flight=1)
    assert set(builders.outcomes(run).values()) == {'evacuated'}


# --no-wait


def test_no_wait_ends_when_the_last_is_accepted(world):
    made = world(*servers(3))
    run = made.finish(wait=False)
    assert set(builders.outcomes(run).values()) == {'accepted'}
    assert len(made.compute.requests) == 3
    assert made.compute.spawned == {'s0': [], 's1': [], 's2': []}


def test_no_wait_keeps_to_max_in_flight(world):
    made = world(*servers(6))
    made.compute.max_open = 2
    run = made.finish(wait=False, max_in_flight=2)
    assert set(builders.outcomes(run).values()) == {'accepted'}


def test_no_wait_still_stops_what_nova_would_not(world):
    made = world(
        builders.server('a'),
        builders.stopped_server('b'),
        builders.stopped_server('c', vm_state='error'),
    )
    run = made.finish(wait=False)
    assert builders.outcomes(run) == {
        'a': 'accepted',
        'b': 'accepted',
        'c': 'evacuated',
    }
    assert made.compute.servers_['c'].vm_state == 'stopped'


# Many calls, few calls.


@pytest.mark.parametrize('count', [1, 30])
def test_requests_to_nova_are_few(world, count):
    made = world(*servers(count))
    run = made.finish()
    assert set(builders.outcomes(run).values()) == {'evacuated'}
    assert len(made.compute.requests) == count
    once = ('services', 'groups', 'aggregates', 'evacuate')
    polls = [
        name for _round, name, _host in made.compute.calls if name not in once
    ]
    assert set(polls) <= {'servers', 'service', 'evacuations'}
    assert len(polls) <= 2 * made.clock.rounds + 4


@pytest.mark.parametrize('delay', [None, 0.0, 3.0])
def test_at_most_three_list_calls_a_round_and_host(world, delay):
    made = world(
        *servers(12),
        *[builders.server(f'x{number}', host='dead2') for number in range(3)],
        services=[
            builders.service(quiet_for=2.0),
            builders.service('dead2'),
            builders.living(),
        ],
        delay=delay,
    )
    made.compute.scripts = {
        's1': [builders.NO_HOST, builders.BROKE],
        's2': [builders.LOST_BUT_TAKEN],
        's3': [builders.NOT_SENT],
        'x1': [builders.BROKE],
    }
    made.finish([DEAD, 'dead2'], max_in_flight=3)
    counted = made.compute.list_calls_a_round()
    later = {
        key: calls
        for key, calls in counted.items()
        # The first round reads everything.
        if key[0] > 0 and key[1]
    }
    assert later
    # Evacuations; the servers, if they are old; the service, if it is due.
    assert max(later.values()) <= 3
    assert sum(later.values()) <= 1.5 * len(later)


def test_polls_grow_rarer_while_nothing_moves(world):
    made = world(builders.server())
    made.compute.scripts = {'a': [builders.Script(takes=1000.0)]}
    made.finish()
    # Every 5 s at most, and the service record in between.
    assert 1000 / 5 <= made.compute.count('evacuations') < 1000 / 5 + 30


def test_a_slow_cloud_is_asked_less(world):
    made = world(builders.server())
    made.compute.scripts = {'a': [builders.Script(takes=1000.0)]}
    read = made.compute.evacuations

    def slow(host, known=()):
        if made.compute.requests:
            made.clock.now += 20
        return read(host, known)

    made.compute.evacuations = slow
    made.finish()
    assert 1000 / 40 <= made.compute.count('evacuations') <= 1000 / 40 + 10


@pytest.mark.parametrize(
    ('seconds', 'report_interval'), [(14, 10), (20, 10), (3, 1)]
)
def test_a_slow_cloud_is_recovered_too(world, seconds, report_interval):
    made = world(*servers(2))
    read = made.compute.evacuations

    def slow(host, known=()):
        made.clock.now += seconds
        return read(host, known)

    made.compute.evacuations = slow
    run = made.finish(max_in_flight=1, report_interval=report_interval)
    assert builders.outcomes(run) == {'s0': 'evacuated', 's1': 'evacuated'}


# Trouble.


@pytest.mark.parametrize('call', ['evacuations', 'servers', 'service'])
@pytest.mark.parametrize('times', [1, 4])
def test_a_cloud_that_does_not_answer_for_a_while_is_ridden_out(
    world, call, times
):
    made = world(*servers(4))
    made.compute.scripts = {'s0': [builders.BROKE]}
    watched = made.watch(made.recovery(max_in_flight=2))
    assert isinstance(next(watched), events.Planned)
    made.clock.at(0.1, lambda: made.compute.fail(call, times))
    for _event in watched:
        pass
    assert len(made.of(events.Trouble)) == times
    assert {len(where) for where in made.compute.spawned.values()} == {1}
    requests = [name for name, _how in made.compute.requests]
    assert sorted(requests) == ['s0', 's0', 's1', 's2', 's3']


def test_reads_that_fail_in_a_running_evacuation_begin_no_second(world):
    # The peers' worst: a failed query taken for a failed evacuation.
    made = world(*servers(3))
    watched = made.watch(made.recovery())
    next(watched)
    made.clock.at(0.1, lambda: made.compute.fail('evacuations', 20))
    for _event in watched:
        pass
    assert len(made.compute.requests) == 3


def test_a_cloud_that_stays_away_ends_in_unknown(world):
    made = world(*servers(3))
    watched = made.watch(run := made.recovery(max_in_flight=2, timeout=120))
    next(watched)
    made.clock.at(0.1, lambda: made.compute.fail('evacuations', 10**6))
    for _event in watched:
        pass
    assert builders.outcomes(run) == {
        's0': 'unknown',
        's1': 'unknown',
        's2': 'failed',
    }


# Stopped at any moment, and run again (invariants 2, 4 and 9).


def story(world, **fields):
    made = world(
        builders.server('a'),
        builders.stopped_server('b'),
        builders.server('c'),
        builders.stopped_server('d'),
        builders.server('e'),
        services=[builders.service(quiet_for=5.0), builders.living()],
        **fields,
    )
    no_host, broke = (
        builders.Script(ends=status, takes=40.0)
        for status in (Status.ERROR, Status.FAILED)
    )
    made.compute.scripts = {
        'a': [no_host],
        'b': [no_host],
        'c': [builders.LOST_BUT_TAKEN],
        'd': [broke],
        'e': [builders.NOT_SENT],
    }
    made.compute.stopped_by_owner = {'b', 'd'}
    made.compute.max_open = 2
    return made


#: More events than the story has.
MOMENTS = range(25)


@pytest.mark.parametrize('delay', [None, 0.0, 4.0])
@pytest.mark.parametrize('moment', MOMENTS)
def test_stopped_at_any_event_and_run_again(world, moment, delay):
    made = story(world, delay=delay)
    first = made.recovery(max_in_flight=2)
    watched = made.watch(first)
    for _number, _event in zip(range(moment + 1), watched, strict=False):
        pass
    watched.close()
    requests = len(made.compute.requests)
    so_far = first.results()
    assert [item.server_id for item in so_far] == list('abcde')
    assert not made.lock.held
    # What was queued is never sent.
    made.clock.sleep(0.01)
    assert len(made.compute.requests) == requests
    run = made.finish(max_in_flight=2)
    if set(builders.outcomes(run).values()) != {'evacuated'}:
        # See test_an_open_evacuation_that_fails_is_tried_again.
        made.finish(max_in_flight=2)
    for name, where in made.compute.spawned.items():
        assert where == [SPARE], name
    states = {
        name: item.vm_state for name, item in made.compute.servers_.items()
    }
    assert states == {
        'a': 'active',
        'b': 'stopped',
        'c': 'active',
        'd': 'stopped',
        'e': 'active',
    }


def test_a_server_is_stopped_by_the_next_run(world):
    made = world(builders.stopped_server('a'))
    made.compute.scripts = {'a': [builders.NO_HOST]}
    made.compute.stopped_by_owner = {'a'}
    watched = made.watch(made.recovery())
    for _event in watched:
        if len(made.of(events.Accepted)) == 2:
            break
    made.clock.sleep(30)
    watched.close()
    made.finish()
    assert made.compute.spawned['a'] == [SPARE]
    assert made.compute.servers_['a'].vm_state == 'stopped'


def test_the_story_is_shorter_than_the_moments(world):
    made = story(world)
    made.finish(max_in_flight=2)
    assert 10 < len(made.seen) <= len(MOMENTS)


def test_the_lock_is_held_while_a_request_is_on_its_way(world):
    made = world(builders.server(), delay=30.0, on_the_wire=True)
    run = iter(made.recovery(timeout=10))
    list(run)
    assert made.compute.requests or made.lock.held


def test_a_run_after_one_that_ran_out_of_time_asks_for_nothing_twice(world):
    made = world(builders.server(), delay=30.0, on_the_wire=True)
    made.finish(timeout=10)
    made.finish()
    assert len(made.compute.requests) == 1


def test_closing_before_the_first_event_is_no_error(world):
    made = world(builders.server())
    run = made.recovery()
    iter(run).close()
    assert run.results() == ()
    assert made.compute.calls == []


def test_a_run_again_after_the_end_changes_nothing(world):
    made = world(*servers(3))
    made.finish()
    requests = len(made.compute.requests)
    run = made.finish()
    assert run.results() == ()
    assert len(made.compute.requests) == requests


def test_on_real_threads(monkeypatch):
    # The clock is fake; the requests go by threads of their own.
    made = builders.World(*servers(8), delay=None)
    done = threading.Semaphore(0)
    evacuate = made.compute.evacuate
    lock = threading.Lock()

    def in_turn(*args, **kwargs):
        try:
            with lock:
                return evacuate(*args, **kwargs)
        finally:
            done.release()

    made.compute.evacuate = in_turn
    sent = []
    pool = concurrent.futures.ThreadPoolExecutor
    submit = pool.submit
    monkeypatch.setattr(
        pool,
        'submit',
        lambda *args, **kwargs: (
            sent.append(submit(*args, **kwargs)) or sent[-1]
        ),
    )
    sleep = made.clock.sleep

    def wait_and_sleep(seconds):
        concurrent.futures.wait(sent, timeout=10)
        sleep(seconds)

    made.clock.sleep = wait_and_sleep
    run = made.finish(max_in_flight=4)
    assert set(builders.outcomes(run).values()) == {'evacuated'}
    assert len(made.compute.requests) == 8


# Anything at all.

SCRIPTS = st.sampled_from(
    [
        builders.GOOD,
        builders.NO_HOST,
        builders.BROKE,
        builders.STUCK,
        builders.LOST,
        builders.LOST_BUT_TAKEN,
        builders.LOST_AND_LATE,
        builders.NOT_SENT,
        builders.ERRED,
        builders.ERRED_BUT_TAKEN,
        builders.REFUSED,
    ]
)
NAMES = ['s0', 's1', 's2', 's3']


@hypothesis.settings(max_examples=120)
@hypothesis.given(
    scripts=st.dictionaries(
        st.sampled_from(NAMES), st.lists(SCRIPTS, max_size=4)
    ),
    stopped=st.sets(st.sampled_from(NAMES)),
    grouped=st.sets(st.sampled_from(NAMES)),
    foreign=st.sets(st.sampled_from(NAMES), max_size=2),
    deleted=st.sets(st.sampled_from(NAMES), max_size=1),
    moment=st.floats(0, 20),
    trouble=st.sampled_from([None, 'evacuations', 'servers', 'server']),
    delay=st.sampled_from([None, 0.0, 2.0]),
    max_in_flight=st.integers(1, 4),
    retries=st.integers(0, 2),
)
def test_whatever_happens_nothing_runs_twice_and_all_is_told(
    scripts,
    stopped,
    grouped,
    foreign,
    deleted,
    moment,
    trouble,
    delay,
    max_in_flight,
    retries,
):
    made = builders.World(
        *[
            builders.stopped_server(name)
            if name in stopped
            else builders.server(name)
            for name in NAMES
        ],
        delay=delay,
    )
    compute = made.compute
    compute.scripts = {name: list(todo) for name, todo in scripts.items()}
    if grouped:
        compute.groups_ = (builders.group(*sorted(grouped)),)
    with made.instead_of_threads():
        # What somebody else does at the same time happens before it is
        # looked at: Nova itself has no guard against two at one moment.
        for name in foreign - grouped:
            compute.begin(name)
        for name in deleted:
            made.clock.at(moment, lambda name=name: compute.delete(name))
        if trouble:
            made.clock.at(moment, lambda: compute.fail(trouble, 3))
        run = made.finish(
            max_in_flight=max_in_flight, retries=retries, timeout=900
        )
    assert sorted(builders.outcomes(run)) == NAMES
    for result in run.results():
        requests = [item for item, _how in compute.requests].count(
            result.server_id
        )
        assert requests <= retries + 1
        assert result.attempts == requests
        server = compute.servers_.get(result.server_id)
        openly = {record.server_id for record in compute.open_records()}
        if server is None:
            continue
        if result.outcome is model.Outcome.EVACUATED:
            was_stopped = result.server_id in stopped
            assert (server.vm_state == 'stopped') is was_stopped
        elif result.outcome is model.Outcome.FAILED:
            assert server.host == DEAD
            assert server.id not in openly
            assert result.reason
        else:
            assert result.reason


@hypothesis.given(
    images=st.lists(st.booleans(), min_size=1, max_size=4),
    shared=st.booleans(),
    declared=st.booleans(),
    target=st.sampled_from([None, SPARE]),
)
def test_no_data_is_lost_that_was_not_given_up(
    images, shared, declared, target
):
    made = builders.World(
        *[
            builders.server(f's{number}', image_id='i' if image else None)
            for number, image in enumerate(images)
        ]
    )
    made.compute.shared = shared
    with made.instead_of_threads():
        run = made.finish(shared_storage=declared, target_host=target)
    if target is None or not declared:
        assert not made.compute.lost
    for result in run.results():
        if result.data is not model.Data.KEPT:
            assert result.outcome is model.Outcome.REFUSED
            assert not made.compute.spawned[result.server_id]


def test_data_is_given_up_by_name_only(world):
    made = world(builders.server(image_id='i'))
    made.compute.shared = False
    run = made.finish(allow_data_loss=True)
    assert builders.outcomes(run) == {'a': 'evacuated'}
    assert made.compute.lost == {'a'}
    assert run.results()[0].data is model.Data.UNKNOWN


def test_an_event_of_every_kind_can_be_compared():
    # A consumer may hold them in sets and compare them.
    first, second = (
        events.Accepted(builders.server(), 'req-1') for _ in range(2)
    )
    assert first == second
    with pytest.raises(dataclasses.FrozenInstanceError):
        first.request_id = 'req-2'
