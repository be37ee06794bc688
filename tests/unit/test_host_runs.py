"""What fencing and unfencing of several hosts have in common."""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import functools
import threading
from unittest import mock

import pytest
from tooz import coordination
from tooz.drivers import file

from osc_instanceha import events
from osc_instanceha import exceptions
from osc_instanceha import locking
from osc_instanceha import options
from osc_instanceha import side_by_side
from osc_instanceha.fencing import result
from tests.unit import builders
from tests.unit.fencing import scene as scene_

Outcome = result.HostOutcome
#: As they are before a fixture puts something in their place.
SIDE_BY_SIDE = side_by_side.run
THREADS = concurrent.futures.ThreadPoolExecutor

NAMES = ['dead1', 'dead2', 'dead3']


def to_fence(scene):
    made = scene(
        services=[*(scene_.broken(name) for name in NAMES), builders.living()]
    )
    for name in NAMES:
        made.add(host=name)
    return made, made.fence, Outcome.FENCED


def to_unfence(scene):
    made = scene(
        services=[
            *(
                builders.service(name, disabled_reason='instanceha: fenced x')
                for name in NAMES
            ),
            builders.living(),
        ]
    )
    for name in NAMES:
        made.machine(name, on=False)
        made.add(host=name)
    return made, made.unfence, Outcome.UNFENCED


@pytest.fixture(params=[to_fence, to_unfence], ids=['fence', 'unfence'])
def three(request, scene):
    return request.param(scene)


def by_host(found):
    return {item.host: item.outcome for item in found}


def test_every_host_has_one_result_in_the_order_asked_for(three):
    made, begin, good = three
    order = ['dead2', 'dead3', 'dead1']
    found = made.complete(begin(order))
    assert [item.host for item in found] == order
    assert {item.outcome for item in found} == {good}
    ended = made.of(events.HostEnded)
    assert sorted(event.result.host for event in ended) == NAMES
    assert {event.result for event in ended} == set(found)


def test_hosts_are_worked_on_side_by_side(three):
    """Each device waits for those of the other hosts to be asked."""
    made, begin, good = three
    met = threading.Barrier(3)
    for name in NAMES:
        (spec,) = made.levels[name][0]
        spec.options['device'].before_switch = lambda state: met.wait(30)
    with (
        mock.patch.object(side_by_side, 'run', SIDE_BY_SIDE),
        mock.patch.object(concurrent.futures, 'ThreadPoolExecutor', THREADS),
    ):
        found = made.complete(begin(NAMES))
    assert {item.outcome for item in found} == {good}


def test_one_that_is_locked_keeps_no_other_waiting(three):
    made, begin, good = three
    made.lock.held.add('dead2')
    run = begin(NAMES)
    for _event in made.observed(run):
        pass
    found = run.results()
    assert by_host(found) == {
        'dead1': good,
        'dead2': Outcome.FAILED,
        'dead3': good,
    }
    (locked,) = [item for item in found if item.host == 'dead2']
    assert 'Another run' in locked.reason
    assert (locked.state, locked.evidence) == ('down', ())
    assert made.lock.held == {'dead2'}


def test_one_that_fails_keeps_no_other_waiting(three):
    made, begin, good = three
    (spec,) = made.levels['dead2'][0]
    spec.options['device'].silent = True
    assert by_host(made.complete(begin(NAMES))) == {
        'dead1': good,
        'dead2': Outcome.FAILED,
        'dead3': good,
    }


def test_a_host_that_nova_cannot_read_is_the_only_one_that_fails(three):
    made, begin, good = three
    read = made.compute.service

    def service(host):
        if host == 'dead2':
            raise exceptions.Unreachable('its cell is away', code=503)
        return read(host)

    made.compute.service = service
    found = made.complete(begin(NAMES))
    assert by_host(found) == {
        'dead1': good,
        'dead2': Outcome.FAILED,
        'dead3': good,
    }
    assert 'its cell is away' in found[1].reason


def test_a_lock_that_cannot_be_used_denies_nothing_of_the_others(three):
    """It may go away in the middle, when others are fenced already."""
    made, begin, good = three
    lock = made.lock

    @contextlib.contextmanager
    def failing(services, stopped):
        if services[0].host == 'dead2':
            raise exceptions.LockUnusable('etcd', 'is away')
        with lock(services, stopped) as held:
            yield held

    made.lock = failing
    run = begin(NAMES)
    for _event in made.observed(run):
        pass
    assert by_host(run.results()) == {
        'dead1': good,
        'dead2': Outcome.FAILED,
        'dead3': good,
    }
    assert 'The lock in etcd cannot be taken (is away)' in (
        run.results()[1].reason
    )


def test_a_defect_denies_nothing_of_the_others(three):
    made, begin, good = three
    read = made.compute.service

    def service(host):
        if host == 'dead2':
            raise ZeroDivisionError
        return read(host)

    made.compute.service = service
    run = begin(NAMES)
    with pytest.raises(ZeroDivisionError):
        made.complete(run)
    assert by_host(run.results()) == {
        'dead1': good,
        'dead2': Outcome.FAILED,
        'dead3': good,
    }


# Before anything.

BEFORE = [
    ('no such host', ['dead1', 'nope'], exceptions.HostNotFound),
    ('a part of a name', ['dead'], exceptions.HostNotFound),
    ('twice', ['dead1', 'dead1'], exceptions.InvalidInput),
]


@pytest.mark.parametrize(
    ('names', 'error'),
    [case[1:] for case in BEFORE],
    ids=[case[0] for case in BEFORE],
)
def test_bad_names_are_refused_before_anything(three, names, error):
    made, begin, _good = three
    run = begin(names)
    with pytest.raises(error):
        made.complete(run)
    assert run.results() == ()
    assert made.compute.changes == []
    assert made.made == []
    assert made.lock.taken == []


def test_a_cloud_that_is_away_is_an_error_before_anything(three):
    made, begin, _good = three
    made.compute.fail('services', 1)
    run = begin(NAMES)
    with pytest.raises(exceptions.Unreachable):
        made.complete(run)
    assert run.results() == ()
    assert made.made == []


def test_a_cell_that_is_away_is_an_error_before_anything(three):
    made, begin, _good = three
    shown = made.compute._shown
    made.compute._shown = lambda item: (
        dataclasses.replace(shown(item), up=None)
        if item.host == 'dead2'
        else shown(item)
    )
    run = begin(NAMES)
    with pytest.raises(exceptions.IncompleteAnswer):
        made.complete(run)
    assert made.made == []


def test_it_runs_once(three):
    made, begin, _good = three
    run = begin(NAMES)
    made.complete(run)
    with pytest.raises(RuntimeError):
        next(iter(run))


# Under the lock.


def test_every_host_has_its_own_lock_and_it_is_let_go(three):
    made, begin, _good = three
    made.complete(begin(NAMES))
    assert sorted(made.lock.taken) == NAMES
    assert not made.lock.held


def test_the_host_is_read_again_under_the_lock(three):
    made, begin, _good = three
    made.complete(begin(['dead1']))
    calls = [name for _round, name, _host in made.compute.calls]
    assert calls[:2] == ['services', 'service']


def test_a_service_that_was_made_anew_meanwhile_is_another_one(three):
    made, begin, _good = three
    shown = made.compute._shown
    made.compute.service = lambda host: dataclasses.replace(
        shown(made.compute.services_[host]), id='another'
    )
    (found,) = made.complete(begin(['dead1']))
    assert found.outcome is Outcome.FAILED
    assert 'not the same any more' in found.reason
    assert made.compute.changes == []


@pytest.mark.parametrize('gone', [None, 'stub'])
def test_a_service_that_is_gone_under_the_lock(three, gone):
    made, begin, _good = three
    stub = builders.service('dead1', up=None, forced_down=None)
    made.compute.service = lambda host: gone and stub
    (found,) = made.complete(begin(['dead1']))
    assert found.outcome is Outcome.FAILED
    assert made.compute.changes == []


def test_stopped_while_another_run_has_the_lock(three):
    """It has not waited for as long as the message about that says."""
    made, begin, _good = three
    run = begin(NAMES)

    def locked(services, stopped):
        run._stop.set()
        raise exceptions.HostLocked(services[0].host, 60, 'a test')

    run._lock = locked
    found = made.complete(run)
    assert {item.outcome for item in found} == {Outcome.FAILED}
    assert all(item.reason.startswith('interrupted') for item in found)


def test_stopped_while_the_lock_is_waited_for(three):
    made, begin, _good = three
    run = begin(NAMES)
    lock = run._lock

    def late(services, stopped):
        run._stop.set()
        return lock(services, stopped)

    run._lock = late
    found = made.complete(run)
    assert {item.outcome for item in found} == {Outcome.FAILED}
    assert all(item.reason.startswith('interrupted') for item in found)
    assert made.compute.changes == []
    for name in NAMES:
        assert made.levels[name][0][0].options['device'].asked == []


@pytest.mark.parametrize(
    'kind, call', [(file.FileLock, 'release'), (file.FileDriver, '_stop')]
)
def test_a_lock_that_cannot_be_let_go_spoils_no_report(
    three, monkeypatch, tmp_path, kind, call
):
    made, begin, good = three
    original = getattr(kind, call)

    def fail(self):
        if kind is file.FileLock and 'instanceha-' not in str(self.name):
            # The driver has a lock of its own, for its folder.
            return original(self)
        raise coordination.ToozError('gone')

    monkeypatch.setattr(kind, call, fail)
    run = begin(NAMES)
    run._lock = functools.partial(locking.hold, url=f'file://{tmp_path}')
    found = made.complete(run)
    assert by_host(found) == dict.fromkeys(NAMES, good)
    assert len(made.of(events.HostEnded)) == 3


# The limit, and the lease.


def test_hosts_that_others_take_down_are_counted(three):
    made, begin, good = three
    if good is not Outcome.FENCED:
        pytest.skip('what comes back is not limited')
    made.lock.going_down = frozenset({'a service of another cloud'})
    run = begin(['dead1'], max_hosts_down=options.HostLimit.parse('1'))
    for _event in made.observed(run):
        pass
    assert by_host(run.results()) == {'dead1': good}
    alive = {item.host: item.id for item in made.compute.services()}
    made.lock.going_down = frozenset({alive[builders.SPARE]})
    run = begin(['dead2'], max_hosts_down=options.HostLimit.parse('2'))
    for _event in made.observed(run):
        pass
    (refused,) = run.results()
    assert refused.outcome is Outcome.REFUSED
    assert 'more than --max-hosts-down 2' in refused.reason
    assert builders.SPARE in refused.reason
    (spec,) = made.levels['dead2'][0]
    assert spec.options['device'].asked == []


def test_a_lock_that_was_lost_ends_it(three):
    made, begin, _good = three
    made.lock.lost = True
    found = made.complete(begin(['dead1']))
    assert found[0].outcome is Outcome.FAILED
    assert 'The lock of dead1 was lost' in found[0].reason
    assert made.compute.changes == []
    (spec,) = made.levels['dead1'][0]
    assert spec.options['device'].asked == []


# The end.


def test_devices_are_closed_at_the_end(three):
    made, begin, _good = three
    made.complete(begin(NAMES))
    drivers = [
        item
        for name in NAMES
        for item in made.levels[name][0][0].options['device'].drivers
    ]
    assert len(drivers) == 3
    assert {item.closed for item in drivers} == {1}


def test_closing_it_early_leaves_true_results_and_no_lock(three):
    made, begin, good = three
    run = begin(NAMES)
    going = made.observed(run)
    next(going)
    going.close()
    made.look(run)
    assert [item.host for item in run.results()] == NAMES
    assert {item.outcome for item in run.results()} <= {good, Outcome.FAILED}
    assert any('interrupted' in item.reason for item in run.results())
    # What had not begun has not begun.
    assert made.lock.taken == ['dead1']
    assert not made.lock.held
