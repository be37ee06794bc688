"""What is sent, when, and what never is (invariants 1, 2, 4)."""

from __future__ import annotations

import concurrent.futures
from unittest import mock

import pytest

from osc_instanceha import events
from osc_instanceha import model
from osc_instanceha import recovery
from osc_instanceha import selection
from osc_instanceha import tracking
from tests.unit import builders

Status = model.MigrationStatus
DEAD, SPARE = builders.DEAD, builders.SPARE
TAGGED = selection.Selection(tags=frozenset({'ha'}))


def servers(count, **fields):
    return [builders.server(f's{number}', **fields) for number in range(count)]


def names(made):
    return [name for name, _how in made.compute.requests]


# How many at once.


@pytest.mark.parametrize('delay', [None, 0.0, 3.0])
@pytest.mark.parametrize('limit', [1, 2, 5])
def test_no_more_than_max_in_flight_are_open(world, limit, delay):
    made = world(*servers(7), delay=delay)
    made.compute.max_open = limit
    made.compute.scripts = {
        's0': [builders.NO_HOST, builders.NO_HOST],
        's1': [builders.LOST_BUT_TAKEN],
        's2': [builders.ERRED_BUT_TAKEN],
    }
    run = made.finish(max_in_flight=limit)
    assert set(builders.outcomes(run).values()) == {'evacuated'}


def test_all_that_fit_are_sent_at_once(world):
    made = world(*servers(7))
    made.finish(max_in_flight=5)
    firsts = [
        number
        for number, name, _ in made.compute.calls[:20]
        if name == 'evacuate'
    ]
    assert firsts[:5] == [firsts[0]] * 5


def test_a_host_shares_its_places_with_the_other(world):
    made = world(
        *servers(3),
        *[builders.server(f'x{number}', host='dead2') for number in range(3)],
        services=[
            builders.service(),
            builders.service('dead2'),
            builders.living(),
        ],
    )
    made.compute.max_open = 2
    run = made.finish([DEAD, 'dead2'], max_in_flight=2)
    assert set(builders.outcomes(run).values()) == {'evacuated'}


def test_the_open_evacuations_of_others_take_up_places(world):
    made = world(builders.server('other'), *servers(3, tags={'ha'}))
    made.compute.begin('other', builders.Script(takes=40.0))
    made.compute.max_open = 2
    run = made.finish(max_in_flight=2, selection=TAGGED)
    assert builders.outcomes(run) == {
        'other': 'skipped',
        's0': 'evacuated',
        's1': 'evacuated',
        's2': 'evacuated',
    }


def test_it_goes_on_when_the_evacuations_of_others_have_ended(world):
    made = world(builders.server('other'), *servers(2, tags={'ha'}))
    made.compute.begin('other', builders.Script(takes=40.0))
    run = made.finish(max_in_flight=1, selection=TAGGED)
    assert builders.outcomes(run) == {
        'other': 'skipped',
        's0': 'evacuated',
        's1': 'evacuated',
    }


# Groups.


@pytest.mark.parametrize('script', [builders.GOOD, builders.NO_HOST])
@pytest.mark.parametrize('policy', ['anti-affinity', 'affinity'])
def test_members_of_a_group_go_one_after_the_other(world, policy, script):
    made = world(*servers(5))
    made.compute.groups_ = (
        builders.group('s0', 's1', 's2', policy=policy),
        builders.group('s2', 's3', group_id='g2'),
    )
    made.compute.scripts = {'s0': [script]}
    run = made.finish()
    assert set(builders.outcomes(run).values()) == {'evacuated'}


def test_a_member_that_somebody_else_evacuates_keeps_the_others_back(world):
    made = world(builders.server('other'), *servers(2, tags={'ha'}))
    made.compute.groups_ = (builders.group('other', 's0'),)
    made.compute.begin('other', builders.Script(takes=30.0))
    run = made.finish(selection=TAGGED)
    assert builders.outcomes(run)['s0'] == 'evacuated'
    assert names(made) == ['s1', 's0']


def test_members_on_two_hosts_go_one_after_the_other(world):
    made = world(
        builders.server('a'),
        builders.server('b', host='dead2'),
        services=[
            builders.service(),
            builders.service('dead2'),
            builders.living(),
        ],
    )
    made.compute.groups_ = (builders.group('a', 'b'),)
    made.finish([DEAD, 'dead2'])


# What changes between the plan and the request.


def after_the_plan(made, change, **options):
    """Run, with a change just after the list was read."""
    watched = made.watch(run := made.recovery(**options))
    assert isinstance(next(watched), events.Planned)
    change()
    # The next look at the servers is a fresh one.
    made.clock.now += 6
    for _event in watched:
        pass
    return run


CHANGES = [
    ('deleted', lambda c: c.delete('a'), 'skipped', 'deleted'),
    (
        'gone elsewhere',
        lambda c: c.change('a', host='other'),
        'skipped',
        'left the host',
    ),
    (
        'untagged',
        lambda c: c.change('a', tags=frozenset()),
        'skipped',
        'no longer selected',
    ),
    (
        'opted out',
        lambda c: c.change('a', tags=frozenset({'ha', 'no'})),
        'skipped',
        'no longer selected',
    ),
    (
        'its tags are hidden',
        lambda c: c.change('a', tags=None),
        'refused',
        'cannot tell',
    ),
    (
        'migrating',
        lambda c: c.change('a', task_state='migrating'),
        'refused',
        'live-migrated',
    ),
    (
        'deleting',
        lambda c: c.change('a', task_state='deleting'),
        'refused',
        'deleted',
    ),
    (
        'rebuilt by its owner',
        lambda c: c.change('a', task_state='rebuilding'),
        'refused',
        'rebuild',
    ),
    (
        'paused by a reset',
        lambda c: c.change('a', vm_state='paused'),
        'refused',
        'paused',
    ),
]


@pytest.mark.parametrize(
    ('change', 'outcome', 'words'),
    [case[1:] for case in CHANGES],
    ids=[case[0] for case in CHANGES],
)
def test_a_server_that_changed_is_not_asked_for(world, change, outcome, words):
    made = world(builders.server(tags=frozenset({'ha'})))
    run = after_the_plan(
        made,
        lambda: change(made.compute),
        selection=selection.Selection(
            tags=frozenset({'ha'}), not_tags=frozenset({'no'})
        ),
    )
    assert builders.outcomes(run) == {'a': outcome}
    assert words in builders.reasons(run)['a']
    assert names(made) == []


@pytest.mark.parametrize(
    ('vm_state', 'power_state'), [('stopped', 4), ('active', 1)]
)
def test_a_server_is_followed_in_the_state_it_had_when_asked_for(
    world, vm_state, power_state
):
    made = world(builders.server())
    run = after_the_plan(
        made,
        lambda: made.compute.change(
            'a', vm_state=vm_state, power_state=power_state
        ),
    )
    assert builders.outcomes(run) == {'a': 'evacuated'}


def test_a_server_that_the_list_no_longer_shows_is_not_taken_for_gone(world):
    made = world(builders.server('a'), builders.server('b'))
    read = made.compute.servers

    def short():
        made.compute.servers = lambda host: read(host)[1:]

    run = after_the_plan(made, short, timeout=60)
    assert builders.outcomes(run)['a'] == 'failed'
    assert 'a' not in names(made)
    assert any(
        'no longer lists' in str(event.error)
        for event in made.of(events.Trouble)
    )


@pytest.mark.parametrize(
    ('script', 'outcome', 'requests'),
    [
        (builders.GOOD, 'evacuated', []),
        (
            builders.Script(ends=Status.FAILED, takes=30.0),
            'evacuated',
            ['a'],
        ),
    ],
)
def test_somebody_elses_evacuation_is_waited_for(
    world, script, outcome, requests
):
    made = world(builders.server())
    run = after_the_plan(made, lambda: made.compute.begin('a', script))
    assert builders.outcomes(run) == {'a': outcome}
    assert names(made) == requests


def test_somebody_elses_is_seen_though_the_servers_were_just_read(world):
    made = world(builders.server())
    watched = made.watch(run := made.recovery())
    next(watched)
    made.compute.begin('a')
    for _event in watched:
        pass
    assert builders.outcomes(run) == {'a': 'evacuated'}
    assert names(made) == []


@pytest.mark.parametrize('takes', [2.0, 30.0])
def test_an_open_evacuation_is_waited_for(world, takes):
    made = world(builders.server())
    made.compute.begin('a', builders.Script(takes=takes))
    run = made.finish()
    assert builders.outcomes(run) == {'a': 'evacuated'}
    assert 'open already' in builders.reasons(run)['a']
    assert names(made) == []
    assert run.results()[0].attempts == 0


@pytest.mark.parametrize(
    'script',
    [
        builders.Script(ends=Status.FAILED, takes=30.0),
        builders.NO_HOST,
    ],
)
def test_an_open_evacuation_that_fails_is_tried_again(world, script):
    made = world(builders.server())
    made.compute.begin('a', script)
    run = made.finish()
    assert builders.outcomes(run) == {'a': 'evacuated'}
    assert names(made) == ['a']


def test_an_open_evacuation_that_fails_and_would_lose_data_is_not_retried(
    world,
):
    made = world(builders.server(image_id='i'))
    made.compute.begin('a', builders.Script(ends=Status.FAILED, takes=30.0))
    run = made.finish()
    assert builders.outcomes(run) == {'a': 'failed'}
    assert 'spawn failed' in builders.reasons(run)['a']
    assert names(made) == []


@pytest.mark.parametrize('ends', [Status.DONE, Status.FAILED])
def test_an_open_evacuation_older_than_finished_ones_is_followed(world, ends):
    made = world(builders.server('a'), builders.server('b'))
    made.compute.begin('a', builders.Script(ends=ends, takes=300.0))
    made.compute.begin('b', builders.NO_HOST)
    made.clock.sleep(10)
    made.compute.page = 1
    run = made.finish()
    assert builders.outcomes(run) == {'a': 'evacuated', 'b': 'evacuated'}


def test_an_open_evacuation_older_than_finished_ones_takes_up_a_place(world):
    made = world(builders.server('other'), *servers(3, tags=frozenset({'ha'})))
    made.compute.begin('other', builders.Script(takes=300.0))
    made.compute.begin('s0', builders.NO_HOST)
    made.clock.sleep(10)
    made.compute.page = 1
    made.compute.max_open = 2
    made.finish(max_in_flight=2, selection=TAGGED)


# The proof, as the run keeps to it.


def test_a_host_that_is_not_forced_down_is_left_alone(world):
    made = world(
        builders.server(),
        services=[
            builders.living(DEAD, quiet_for=builders.LONG_AGO),
            builders.living(),
        ],
    )
    run = made.finish()
    assert builders.outcomes(run) == {'a': 'refused'}
    assert 'not forced down' in builders.reasons(run)['a']
    assert made.compute.changes == []
    assert [refusal.host for refusal in run.refusals] == [DEAD]
    assert len(made.of(events.HostRefused)) == 1


def test_a_host_that_is_vouched_for_is_marked_once(world):
    made = world(
        *servers(2),
        services=[
            builders.living(DEAD, quiet_for=builders.LONG_AGO),
            builders.living(),
        ],
    )
    run = made.finish(already_fenced=True)
    assert set(builders.outcomes(run).values()) == {'evacuated'}
    assert made.compute.changes == ['mark_down', 'evacuate', 'evacuate']
    marked = made.compute.services_[DEAD]
    assert marked.forced_down
    assert not marked.enabled
    assert 'test@here' in marked.disabled_reason
    assert made.of(events.Marked)[0].reason == marked.disabled_reason


def test_a_host_that_is_marked_already_is_not_marked_again(world):
    made = world(builders.server())
    made.finish(already_fenced=True)
    assert 'mark_down' not in made.compute.changes


@pytest.mark.parametrize('alive', [False, True])
def test_a_host_that_is_vouched_for_is_marked_though_nothing_is_on_it(
    world, alive
):
    made = world(
        services=[builders.living(DEAD, quiet_for=3.0), builders.living()]
    )
    if alive:
        made.compute.report()
    run = made.finish(already_fenced=True)
    assert made.compute.changes == ([] if alive else ['mark_down'])
    assert bool(run.refusals) is alive


@pytest.mark.parametrize('already_fenced', [False, True])
@pytest.mark.parametrize('quiet_for', [0.0, 9.0])
def test_a_host_that_is_alive_is_found_out_before_the_first_request(
    world, already_fenced, quiet_for
):
    made = world(
        *servers(2),
        services=[
            builders.living(
                DEAD, quiet_for=quiet_for, forced_down=not already_fenced
            ),
            builders.living(),
        ],
    )
    made.clock.at(10 - quiet_for, lambda: None)
    made.compute.report()
    run = made.finish(already_fenced=already_fenced)
    assert set(builders.outcomes(run).values()) == {'refused'}
    assert 'alive' in builders.reasons(run)['s0']
    # Not marked, not evacuated.
    assert made.compute.changes == []
    assert len(made.of(events.Listening)) == 1


def test_a_dead_host_that_was_heard_lately_is_listened_to_first(world):
    made = world(
        builders.server(),
        services=[builders.service(quiet_for=3.0), builders.living()],
    )
    began = made.clock.now
    run = made.finish()
    assert builders.outcomes(run) == {'a': 'evacuated'}
    assert made.clock.now - began >= 10.5
    assert len(made.of(events.Listening)) == 1


def test_one_put_of_somebodys_delays_and_no_more(world):
    made = world(
        builders.server(),
        services=[builders.service(quiet_for=3.0), builders.living()],
    )
    made.clock.at(4.0, lambda: made.compute.touch(disabled_reason='mine'))
    run = made.finish()
    assert builders.outcomes(run) == {'a': 'evacuated'}
    assert not run.refusals


@pytest.mark.parametrize('moment', [1.0, 15.0])
def test_a_host_that_comes_back_in_the_middle_stops_what_is_left(
    world, moment
):
    made = world(*servers(40))
    made.clock.at(moment, made.compute.report)
    run = made.finish(max_in_flight=2)
    outcomes = list(builders.outcomes(run).values())
    assert set(outcomes) == {'evacuated', 'refused'}
    evacuated = outcomes.count('evacuated')
    # The open ones were followed to their end, and nothing else was asked.
    assert evacuated == len(made.compute.requests)
    assert not made.compute.open_records()
    assert len(made.of(events.HostRefused)) == 1
    assert 'alive' in run.refusals[0].reason


def test_forced_down_lifted_in_the_middle_stops_what_is_left(world):
    made = world(*servers(6))
    slow = builders.Script(takes=30.0)
    made.compute.scripts = {f's{number}': [slow] for number in range(6)}
    made.clock.at(5.0, lambda: made.compute.touch(forced_down=False))
    run = made.finish(max_in_flight=2)
    assert list(builders.outcomes(run).values()) == [
        'evacuated',
        'evacuated',
        'refused',
        'refused',
        'refused',
        'refused',
    ]
    assert 'lifted' in run.refusals[0].reason
    assert len(made.compute.requests) == 2
    assert len(made.of(events.HostRefused)) == 1


def test_forced_down_lifted_a_moment_ago_nova_itself_refuses(world):
    made = world(*servers(40))
    made.clock.at(5.0, lambda: made.compute.touch(forced_down=False))
    run = made.finish(max_in_flight=2)
    outcomes = list(builders.outcomes(run).values())
    assert set(outcomes) == {'evacuated', 'failed', 'refused'}
    assert outcomes.count('failed') <= 2
    assert len(made.of(events.HostRefused)) == 1


def test_forced_down_lifted_is_not_set_again_by_us(world):
    made = world(
        *servers(40),
        services=[
            builders.living(DEAD, quiet_for=builders.LONG_AGO),
            builders.living(),
        ],
    )
    made.clock.at(5.0, lambda: made.compute.touch(forced_down=False))
    made.finish(max_in_flight=2, already_fenced=True)
    assert made.compute.changes.count('mark_down') == 1


def test_nova_says_that_the_host_is_up(world):
    made = world(*servers(4))
    made.compute.scripts = {'s0': [builders.HOST_IN_USE]}
    run = made.finish(max_in_flight=1)
    assert len(made.compute.requests) == 1
    assert builders.outcomes(run)['s0'] == 'failed'
    assert set(builders.outcomes(run).values()) == {'failed', 'refused'}
    assert 'Nova takes it to be up' in run.refusals[0].reason


def test_nova_says_that_another_host_is_up(world):
    # The server has moved between our look and our request.
    made = world(*servers(3))
    evacuate = made.compute.evacuate

    def meanwhile(server_id, **how):
        if server_id == 's0':
            made.compute.change('s0', host=SPARE)
        return evacuate(server_id, **how)

    made.compute.evacuate = meanwhile
    run = made.finish(max_in_flight=1)
    assert builders.outcomes(run) == {
        's0': 'skipped',
        's1': 'evacuated',
        's2': 'evacuated',
    }
    assert not run.refusals


def test_no_more_requests_are_on_their_way_than_there_are_threads(world):
    # What waits for a thread is sent on what was known a while ago.
    made = world(*servers(50), delay=5.0)
    waiting = []
    submit = builders.FakePool.submit

    def counted(pool, *args, **kwargs):
        future = submit(pool, *args, **kwargs)
        waiting.append(future)
        on_their_way = [item for item in waiting if not item.done()]
        assert len(on_their_way) <= recovery.MOST_THREADS
        return future

    with mock.patch.object(builders.FakePool, 'submit', counted):
        run = made.finish(max_in_flight=50)
    assert set(builders.outcomes(run).values()) == {'evacuated'}
    assert len(waiting) == 50


# How it is asked for.


@pytest.mark.parametrize(
    ('fields', 'how', 'expected'),
    [
        ({}, {}, (False, None, False)),
        ({}, {'stopped': True}, (False, None, True)),
        ({}, {'target_host': SPARE}, (False, SPARE, False)),
        ({'image_id': 'i'}, {'shared_storage': True}, (True, None, False)),
        (
            {'image_id': 'i'},
            {'shared_storage': True, 'target_host': SPARE},
            (False, SPARE, False),
        ),
        ({}, {'shared_storage': True}, (False, None, False)),
    ],
)
def test_the_request_says_what_was_planned(world, fields, how, expected):
    made = world(builders.server(**fields))
    made.finish(**how)
    ((_name, asked),) = made.compute.requests
    assert (
        asked['guarded'],
        asked['target_host'],
        asked['stopped'],
    ) == expected


def test_a_declaration_that_is_wrong_costs_no_data(world):
    made = world(builders.server(image_id='i'))
    made.compute.shared = False
    run = made.finish(shared_storage=True, retries=1)
    assert builders.outcomes(run) == {'a': 'failed'}
    assert 'Invalid state of instance files' in builders.reasons(run)['a']
    assert not made.compute.lost
    assert len(made.compute.requests) == 2


def test_an_image_of_glances_decides_once_and_is_not_asked_again(world):
    made = world(
        builders.server('a', image_id='i'), builders.server('b', image_id='i')
    )
    made.images.known = {'a': model.ImageFacts({'ha': 'yes'})}
    run = made.finish(
        selection=selection.Selection(
            image_properties=(selection.Property('ha'),)
        ),
        shared_storage=True,
    )
    assert builders.outcomes(run) == {'a': 'evacuated', 'b': 'refused'}
    assert sorted(made.images.asked) == ['a', 'b']


def test_glance_is_not_asked_for_what_the_tags_decide(world):
    made = world(
        builders.server('a', image_id='i', tags=frozenset({'ha'})),
        builders.server('b', image_id='i'),
    )
    made.images.known = {'a': model.ImageFacts({'ha': 'yes'})}
    made.finish(
        selection=selection.Selection(
            tags=frozenset({'ha'}),
            image_properties=(selection.Property('ha'),),
        ),
        shared_storage=True,
    )
    assert made.images.asked == ['a']


def test_a_request_that_no_thread_has_taken_is_taken_back(world):
    made = world(builders.server())
    run = made.recovery()
    next(iter(run))
    (host,) = run._hosts
    (track,) = host.tracks
    track.enter(tracking.Phase.POSTING, 0.0)
    track.attempts = 1
    waiting = concurrent.futures.Future()
    waiting.cancel()
    host._sending._requests = {waiting: track}
    assert list(host.collect()) == []
    assert (track.phase, track.attempts) == (tracking.Phase.WAITING, 0)
