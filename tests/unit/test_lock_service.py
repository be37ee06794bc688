"""Who holds a lock, what counts, and a lease that ends: on real files.

What only a coordination service shows is in tests/functional.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import types

import pytest
import tooz
from tooz import coordination
from tooz.drivers import file

from osc_instanceha import exceptions
from osc_instanceha import lock_service
from osc_instanceha import locking
from tests.unit import builders
from tests.unit import lock_holders

hold = lock_holders.hold
holder = lock_holders.holder


@pytest.fixture
def url(tmp_path):
    return f'file://{tmp_path}'


def raises(error):
    def call(*_args):
        raise error

    return call


@pytest.fixture
def no_groups(monkeypatch):
    """As with the drivers for MySQL and PostgreSQL."""
    for call in ('create_group', 'get_members'):
        monkeypatch.setattr(file.FileDriver, call, raises(tooz.NotImplemented))


# Who holds it.


def test_who_waits_learns_who_holds_it_and_since_when(url):
    with holder(url, 'a', since='2026-11-24T02:59:59Z') as killed:
        killed.kill()
        killed.wait()
    with hold(url, 'a'):
        # Its name is not left behind.
        pass
    with (
        holder(url, 'a', 'b') as process,
        pytest.raises(exceptions.HostLocked) as caught,
        hold(url, 'a'),
    ):
        pass
    assert caught.value.holder == (
        f'{lock_holders.WHO}, process {process.pid}, since '
        f'{lock_holders.SINCE}'
    )
    assert str(caught.value).startswith(
        f'Another run ({caught.value.holder}) works on a (lock in file:///'
    )


def test_the_last_of_those_that_were_killed_is_not_the_holder(url):
    """Where the locks are files, what they announced stays."""
    with holder(url, 'a') as killed:
        killed.kill()
        killed.wait()
    with (
        locking.hold(
            [builders.service('a')],
            url=url,
            who=lambda: ('ann@there', '2026-11-24T03:00:01Z'),
        ),
        pytest.raises(exceptions.HostLocked) as caught,
        hold(url, 'a'),
    ):
        pass
    assert caught.value.holder.startswith('ann@there, process ')


def test_who_holds_it_need_not_be_known(url, no_groups):
    with holder(url, 'a'):
        with pytest.raises(exceptions.HostLocked) as caught, hold(url, 'a'):
            pass
        assert caught.value.holder == ''
        assert str(caught.value).startswith('Another run works on a (lock')
        with hold(url, 'b') as held:
            held.check()


def test_what_is_announced_may_be_anything(url, monkeypatch):
    monkeypatch.setattr(
        file.FileDriver,
        'get_member_capabilities',
        lambda *_args: types.SimpleNamespace(get=lambda: {'who': 7}),
    )
    with holder(url, 'a', counts=True):
        with pytest.raises(exceptions.HostLocked) as caught, hold(url, 'a'):
            pass
        assert caught.value.holder == ''
        with hold(url, 'b') as held, held.counting() as others:
            assert others == frozenset()


def test_nobody_waits_any_more(url):
    asked = []

    def stopped():
        asked.append(True)
        return len(asked) == 2

    with (
        holder(url, 'a'),
        pytest.raises(exceptions.HostLocked),
        locking.hold([builders.service('a')], stopped, url=url, timeout=3600),
    ):
        pass
    assert len(asked) == 2


# What may be on its way.


def asked(url, host='a'):
    with hold(url, host) as held:
        return held.asked(builders.service(host).id)


def announcements(url):
    folder = pathlib.Path(url.removeprefix('file://').partition('?')[0])
    return list(folder.glob('groups/*/*.raw'))


def age(url, seconds):
    """Let what was announced be so much older."""
    for path in announcements(url):
        then = path.stat().st_mtime - seconds
        os.utime(path, (then, then))


@pytest.mark.parametrize(('query', 'lasts'), [('', 30), ('?timeout=300', 300)])
def test_what_a_killed_run_had_asked_for_may_come_for_a_while(
    url, query, lasts
):
    assert not asked(url + query)
    with holder(url + query, 'a', asks=True) as killed:
        killed.kill()
        killed.wait()
    age(url, lasts - 10)
    assert asked(url + query)
    assert not asked(url + query, 'b')
    age(url, 11)
    assert not asked(url + query)


@pytest.mark.parametrize('asks', [True, False])
def test_nothing_comes_of_a_run_that_has_ended(url, asks):
    with holder(url, 'a', asks=asks) as process:
        process.stdin.close()
        assert process.stdout.readline() == 'free\n'
    assert not asked(url)


def test_what_was_answered_is_not_announced_any_more(url):
    service = builders.service('a').id
    with hold(url, 'a') as held:
        counts = [len(announcements(url))]
        for on in (True, False, True):
            held.asking(service, on)
            held.check()
            counts.append(len(announcements(url)))
    assert counts == [1, 2, 1, 2]
    assert announcements(url) == []


def test_what_is_on_its_way_need_not_be_known(url, no_groups):
    service = builders.service('a').id
    with hold(url, 'a') as held:
        held.asking(service, True)
        held.asking(service, False)
        assert not held.asked(service)
        held.check()


def test_a_service_that_does_not_answer_knows_of_nothing(url, monkeypatch):
    service = builders.service('a').id
    with hold(url, 'a') as held:
        for call in ('create_group', 'get_members', 'leave_group'):
            monkeypatch.setattr(
                file.FileDriver, call, raises(tooz.ToozError('gone'))
            )
        held.asking(service, True)
        held.asking(service, False)
        assert not held.asked(service)


# What counts.


def going_down(url, *hosts):
    """What others are about to take down."""
    with hold(url, *hosts) as held, held.counting() as others:
        return set(others)


def ids(*hosts):
    return {builders.service(host).id for host in hosts}


def test_what_another_run_takes_down_is_counted_until_it_ends(url):
    with holder(url, 'a', 'b', counts=True) as process:
        assert going_down(url, 'c') == ids('a', 'b')
        # The one before has ended, and takes nothing down any more.
        assert going_down(url, 'd') == ids('a', 'b')
        process.stdin.close()
        assert process.stdout.readline() == 'free\n'
        assert going_down(url, 'c') == set()


def test_what_was_killed_takes_nothing_down(url):
    with holder(url, 'a', 'b', counts=True) as process:
        process.kill()
        process.wait()
        assert going_down(url, 'c') == set()
    with holder(url, 'b', counts=True):
        assert going_down(url, 'c') == ids('b')


def test_what_is_locked_but_not_to_go_down_is_not_counted(url):
    with holder(url, 'a'):
        assert going_down(url, 'c') == set()


def test_who_is_refused_takes_nothing_down(url):
    with hold(url, 'a') as held:
        with contextlib.suppress(ZeroDivisionError), held.counting():
            raise ZeroDivisionError
        assert going_down(url, 'c') == set()
        with held.counting():
            pass
        assert going_down(url, 'c') == ids('a')


def test_one_run_counts_at_a_time(url):
    with (
        hold(url, 'a') as first,
        hold(url, 'b') as second,
        first.counting(),
        pytest.raises(exceptions.CountLocked),
        second.counting(),
    ):
        pytest.fail('both count')


def test_where_nothing_can_be_announced_the_others_wait(url, no_groups):
    with hold(url, 'a') as first:
        with first.counting():
            pass
        with (
            hold(url, 'b') as second,
            pytest.raises(exceptions.CountLocked),
            second.counting(),
        ):
            pytest.fail('the first is not over')
    assert going_down(url, 'b') == set()


# The lease.


class Leased(file.FileDriver):
    """Files, which say that they are leases of ten seconds."""

    away = False

    def heartbeat(self):
        if self.away:
            raise coordination.ToozConnectionError('no route')
        return 10


@pytest.fixture
def leased(monkeypatch, tmp_path):
    """A clock of its own, and a heart that beats only when told."""
    made = types.SimpleNamespace(now=0.0, pulse=None)
    monkeypatch.setattr(lock_service, '_now', lambda: made.now)
    monkeypatch.setattr(
        coordination,
        'get_coordinator',
        lambda url, member, executor: Leased(
            member, types.SimpleNamespace(path=str(tmp_path)), {}
        ),
    )

    class Heart:
        def __init__(self, pulse):
            made.pulse = pulse

        def start(self):
            pass

        def stop(self):
            made.pulse = None

    monkeypatch.setattr(coordination, 'Heart', Heart)
    return made


def test_a_lease_that_is_renewed_in_time_is_held(leased):
    with hold('x', 'a') as held:
        for _beat in range(5):
            leased.now += 5
            leased.pulse.heartbeat()
            held.check()
    assert leased.pulse is None


@pytest.mark.parametrize('late', [False, True])
def test_a_lease_that_may_have_ended_is_lost_for_good(leased, late):
    with hold('x', 'a', 'b') as held:
        leased.now += 7.4
        held.check()
        leased.now += 0.2
        if late:
            # It beats again before anybody has asked.
            leased.pulse.heartbeat()
        for _again in range(2):
            with pytest.raises(exceptions.LockLost) as caught:
                held.check()
            assert caught.value.hosts == ('a', 'b')
            leased.pulse.heartbeat()


def test_a_service_that_is_away_has_not_lost_it_yet(leased, monkeypatch):
    with hold('x', 'a') as held:
        monkeypatch.setattr(Leased, 'away', True)
        gone = raises(coordination.ToozConnectionError('no route'))
        monkeypatch.setattr(Leased, 'get_members', gone)
        monkeypatch.setattr(file.FileLock, 'is_still_owner', gone)
        with pytest.raises(coordination.ToozConnectionError):
            leased.pulse.heartbeat()
        leased.now += 7
        held.check()
        leased.now += 1
        with pytest.raises(exceptions.LockLost):
            held.check()


def test_a_lock_that_another_has_by_now_is_lost(url, monkeypatch):
    with hold(url, 'a') as held:
        held.check()
        monkeypatch.setattr(
            file.FileLock, 'is_still_owner', lambda self: False
        )
        with pytest.raises(exceptions.LockLost):
            held.check()


def test_a_member_that_is_gone_has_lost_its_lock(url, tmp_path):
    """Its lease ends with the one of the lock, where there are leases."""
    with hold(url, 'a') as held:
        held.check()
        (record,) = tmp_path.glob('groups/*/*.raw')
        record.unlink()
        with pytest.raises(exceptions.LockLost):
            held.check()
