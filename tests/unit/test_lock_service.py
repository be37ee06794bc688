"""Who holds a lock, what counts, and a lease that ends: on real files.

What only processes and coordination services show is in tests/functional.
"""

from __future__ import annotations

import contextlib
import gc
import os
import shutil
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
going_down = lock_holders.going_down
killed = lock_holders.killed


@pytest.fixture
def url(tmp_path):
    return f'file://{tmp_path}'


def raises(error):
    def call(*_args):
        raise error

    return call


# Who holds it.


def refused(url, *hosts):
    with (
        pytest.raises(exceptions.HostLocked) as caught,
        hold(url, *hosts),
    ):
        pytest.fail('both hold it')
    return caught.value


def test_who_waits_learns_who_holds_it_and_since_when(url):
    killed(url, 'a', since='2026-11-24T02:59:59Z')
    with hold(url, 'a', since='2026-11-24T02:59:58Z'):
        # Its name is not left behind.
        pass
    with hold(url, 'other'), hold(url, 'a', 'b'):
        error = refused(url, 'b')
    assert error.holder == (
        f'{lock_holders.WHO}, process {os.getpid()}, since '
        f'{lock_holders.SINCE}'
    )
    assert str(error).startswith(
        f'Another run ({error.holder}) works on b (lock in file:///'
    )


def test_the_last_of_those_that_were_killed_is_not_the_holder(url):
    killed(url, 'a', since='2026-11-24T02:00:00Z')
    with hold(url, 'a', since='2026-11-24T02:00:01Z'):
        assert refused(url, 'a').holder.endswith('2026-11-24T02:00:01Z')


def test_whoever_was_stopped_for_long_still_holds_it(url, tmp_path):
    """A stopped process touches no file, and keeps its lock."""
    with going_down(url, 'a'):
        records = list(tmp_path.glob('groups/*/*.raw'))
        assert len(records) == 2
        for record in records:
            then = record.stat().st_mtime - 10**7
            os.utime(record, (then, then))
        assert lock_holders.SINCE in refused(url, 'a').holder
        assert others(url, 'c') == ids('a')


def test_who_holds_it_need_not_be_known(url, monkeypatch):
    with hold(url, 'a'):
        monkeypatch.setattr(
            file.FileDriver,
            'get_members',
            raises(coordination.ToozConnectionError('no route')),
        )
        error = refused(url, 'a')
    assert error.holder == ''
    assert str(error).startswith('Another run works on a (lock')


@pytest.mark.parametrize(
    'facts',
    [None, 7, {}, {'locks': 7}, {'locks': []}, {'locks': [None]}],
)
def test_what_is_announced_may_be_anything(url, monkeypatch, facts):
    monkeypatch.setattr(
        file.FileDriver,
        'get_member_capabilities',
        lambda *_args: types.SimpleNamespace(get=lambda: facts),
    )
    with going_down(url, 'a'):
        assert refused(url, 'a').holder == ''
        assert others(url, 'b') == set()


def test_a_driver_that_cannot_tell_who_holds_a_lock_is_refused(
    url, monkeypatch
):
    """Such as those for MySQL and PostgreSQL, which have no groups."""
    monkeypatch.setattr(
        file.FileDriver, 'create_group', raises(tooz.NotImplemented)
    )
    with (
        pytest.raises(exceptions.LockUnusable, match='nor that it was lost'),
        hold(url, 'a'),
    ):
        pytest.fail('it is held')


# Waiting.


@pytest.fixture
def clock(monkeypatch):
    made = types.SimpleNamespace(now=0.0, naps=[])
    monkeypatch.setattr(lock_service, '_now', lambda: made.now)

    def sleep(seconds):
        made.naps.append(seconds)
        made.now += seconds

    monkeypatch.setattr(lock_service.time, 'sleep', sleep)
    return made


def test_a_lock_is_waited_for(url, clock):
    other = contextlib.ExitStack()
    other.enter_context(hold(url, 'a'))

    def stopped():
        if clock.now >= 3:
            other.close()
        return False

    with locking.hold([builders.service('a')], stopped, url=url, timeout=3600):
        assert 3 <= clock.now < 4


def test_a_lock_is_waited_for_no_longer_than_that(url, clock):
    with hold(url, 'a'), pytest.raises(exceptions.HostLocked) as caught:
        hold(url, 'a', timeout=1.2).__enter__()
    assert caught.value.waited == 1.2
    assert clock.now == pytest.approx(1.2)


@pytest.mark.parametrize('what', ['host', 'count'])
def test_nobody_waits_any_more(url, clock, what):
    asked = []

    def stopped():
        asked.append(True)
        return len(asked) == 2

    waiting = locking.hold(
        [builders.service('b')], stopped, url=url, timeout=3600
    )
    if what == 'host':
        with hold(url, 'b'), pytest.raises(exceptions.HostLocked), waiting:
            pass
    else:
        with (
            hold(url, 'a') as first,
            first.counting(),
            waiting as second,
            pytest.raises(exceptions.CountLocked),
            second.counting(),
        ):
            pytest.fail('both count')
    assert len(asked) == 2


def test_who_gives_up_takes_no_lock_from_another_thread(url, tmp_path):
    """A process that closes a file loses its lock by another descriptor.

    That is what POSIX says of fcntl, and tooz leaves a file open that it
    could not lock.
    """
    with hold(url, 'a'):
        refused(url, 'a')
        gc.collect()
        # Of this process and of this lock, the holder alone has it open.
        (lock,) = tmp_path.glob('osc-instanceha-*a*')
        opened = [
            fd
            for fd in os.listdir('/proc/self/fd')
            if os.path.exists(f'/proc/self/fd/{fd}')
            and os.path.samefile(f'/proc/self/fd/{fd}', lock)
        ]
        assert len(opened) == 1


def test_one_thread_at_a_time_opens_a_file(url, monkeypatch):
    opened = []
    acquire = file.FileLock.acquire

    def note(self, *args, **kwargs):
        if 'instanceha-' in str(self.name):
            opened.append(lock_service._FILES.locked())
        return acquire(self, *args, **kwargs)

    monkeypatch.setattr(file.FileLock, 'acquire', note)
    with hold(url, 'a'):
        refused(url, 'a')
    assert opened
    assert all(opened)


# What may be on its way.


def asked(url, host='a'):
    with hold(url, host) as held:
        return held.asked(builders.service(host).id)


@pytest.mark.parametrize(('query', 'lasts'), [('', 30), ('?timeout=300', 300)])
def test_what_a_killed_run_had_asked_for_may_come_for_a_while(
    url, clock, query, lasts
):
    url += query
    assert not asked(url)
    lock_holders.killed(url, 'a', asks=True)
    clock.now += lasts - 1
    assert asked(url)
    assert not asked(url, 'b')
    clock.now += 2
    assert not asked(url)


def test_before_a_boot_is_long_ago(url, clock):
    clock.now += 1000
    lock_holders.killed(url, 'a', asks=True)
    clock.now -= 990
    assert not asked(url)


def test_the_while_begins_with_what_was_said_last(url, clock):
    service = builders.service('a').id
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(file.FileDriver, 'stop', lambda self: None)
        with hold(url, 'a') as held:
            for _again in range(10):
                held.asking(service, True)
                clock.now += 7
    clock.now += 20
    assert asked(url)


@pytest.mark.parametrize('asks', [True, False])
def test_nothing_comes_of_a_run_that_has_ended(url, asks):
    with hold(url, 'a') as held:
        held.asking(builders.service('a').id, asks)
    assert not asked(url)


def test_what_was_answered_is_not_announced_any_more(url, tmp_path):
    service = builders.service('a').id
    with hold(url, 'a') as held:
        counts = []
        for on in (True, True, False, False, True):
            held.asking(service, on)
            held.check()
            counts.append(len(list(tmp_path.glob('groups/*/*.raw'))))
    assert counts == [2, 2, 1, 1, 2]
    assert list(tmp_path.glob('groups/*/*.raw')) == []


@pytest.mark.parametrize('call', ['join_group', 'leave_group'])
def test_while_it_is_said_anew_it_is_not_taken_back(
    url, clock, monkeypatch, call
):
    """A run can be killed in the middle of that too."""
    service = builders.service('a').id
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(file.FileDriver, 'stop', lambda self: None)
        with hold(url, 'a') as held:
            held.asking(service, True)
            clock.now += 7
            with monkeypatch.context() as killing:
                killing.setattr(file.FileDriver, call, raises(SystemExit))
                with pytest.raises(SystemExit):
                    held.asking(service, True)
    assert asked(url)


def test_a_word_that_was_lost_is_said_again(url, clock, tmp_path):
    """As when its lease has ended while its run stood still."""
    service = builders.service('a').id
    with hold(url, 'a') as held:
        before = set(tmp_path.glob('groups/*/*.raw'))
        held.asking(service, True)
        for record in set(tmp_path.glob('groups/*/*.raw')) - before:
            record.unlink()
        clock.now += 7
        held.asking(service, True)
        assert len(set(tmp_path.glob('groups/*/*.raw')) - before) == 1
        held.asking(service, False)
        assert set(tmp_path.glob('groups/*/*.raw')) == before


def test_a_service_that_is_away_is_not_told_again_and_again(
    leased, monkeypatch
):
    """It may answer each time only after the driver's time-out."""
    service = builders.service('a').id
    tried = []

    def away(*_args):
        tried.append(leased.now)
        raise coordination.ToozConnectionError('no route')

    with hold('x', 'a') as held:
        with monkeypatch.context() as patch:
            patch.setattr(Leased, 'create_group', away)
            for _again in range(20):
                held.asking(service, True)
                leased.now += 1
        # From then on nobody has heard of it for too long.
        assert tried == [0, 5]


@pytest.mark.parametrize('call', ['asked', 'counting', 'holder'])
def test_what_was_never_written_to_its_end_is_dropped(url, tmp_path, call):
    """By a run that was killed, or when the disk was full."""
    service = builders.service('a').id
    killed(url, 'a', asks=True)
    torn = list(tmp_path.glob('groups/*/*.raw'))
    assert len(torn) == 3
    for record in torn:
        record.write_bytes(b'')
    if call == 'holder':
        with hold(url, 'a'):
            assert lock_holders.SINCE in refused(url, 'a').holder
        return
    with hold(url, 'b') as held:
        if call == 'asked':
            assert not held.asked(service)
        else:
            with held.counting() as others:
                assert others == frozenset()


def test_what_is_being_written_is_not_dropped(url, tmp_path, monkeypatch):
    """By a run that goes on between the two looks at it."""
    with going_down(url, 'b'):
        whole = {
            record: record.read_bytes()
            for record in tmp_path.glob('groups/*/*.raw')
        }
        for record in whole:
            record.write_bytes(b'')
        get_members = file.FileDriver.get_members
        looks = []

        def written_meanwhile(self, group):
            looks.append(group)
            if len(looks) == 2:
                for record, written in whole.items():
                    record.write_bytes(written)
            return get_members(self, group)

        monkeypatch.setattr(file.FileDriver, 'get_members', written_meanwhile)
        with hold(url, 'c') as held, held.counting() as others:
            assert others == ids('b')
    assert len(looks) >= 2


def test_where_it_cannot_be_told_anything_may_come(url, monkeypatch):
    service = builders.service('a').id
    with hold(url, 'a') as held:
        for call in ('create_group', 'get_members', 'leave_group'):
            monkeypatch.setattr(
                file.FileDriver, call, raises(tooz.ToozError('gone'))
            )
        held.asking(service, True)
        held.asking(service, False)
        assert held.asked(service)


# What counts.


def others(url, *hosts):
    """What others are about to take down."""
    with hold(url, *hosts) as held, held.counting() as found:
        return set(found)


def ids(*hosts):
    return {builders.service(host).id for host in hosts}


def test_what_another_run_takes_down_is_counted_until_it_ends(url):
    with going_down(url, 'a', 'b'):
        assert others(url, 'c') == ids('a', 'b')
        # The one before has ended, and takes nothing down any more.
        assert others(url, 'd') == ids('a', 'b')
    assert others(url, 'c') == set()


def test_what_was_killed_takes_nothing_down(url):
    killed(url, 'a', 'b')
    assert others(url, 'c') == set()
    # Nor is it another that does, for who has the lock after it.
    assert others(url, 'a', 'b') == set()
    with going_down(url, 'b'):
        assert ids('b') <= others(url, 'c')


def test_what_is_locked_but_not_to_go_down_is_not_counted(url):
    with hold(url, 'a'):
        assert others(url, 'c') == set()


def test_who_is_refused_takes_nothing_down(url):
    with hold(url, 'a') as held:
        with contextlib.suppress(ZeroDivisionError), held.counting():
            raise ZeroDivisionError
        assert others(url, 'c') == set()
        with held.counting():
            pass
        assert others(url, 'c') == ids('a')


def test_one_run_counts_at_a_time(url):
    with (
        hold(url, 'a') as first,
        hold(url, 'b') as second,
        first.counting(),
        pytest.raises(exceptions.CountLocked),
        second.counting(),
    ):
        pytest.fail('both count')


# The lease.


class Leased(file.FileDriver):
    """Files, which say that they are leases of ten seconds."""

    away = False

    def heartbeat(self):
        if self.away:
            raise coordination.ToozConnectionError('no route')
        return 10


@pytest.fixture
def leased(clock, monkeypatch, tmp_path):
    """A clock of its own, and leases that are renewed only when told."""
    made = clock
    made.services = []
    monkeypatch.setattr(
        coordination,
        'get_coordinator',
        lambda url, member, executor: Leased(
            member, types.SimpleNamespace(path=str(tmp_path)), {}
        ),
    )

    class Thread:
        def __init__(self, target, daemon):
            made.services.append(target.__self__)

        def start(self):
            pass

    monkeypatch.setattr(lock_service.threading, 'Thread', Thread)
    made.renew = lambda: made.services[-1]._renew()
    return made


def lost(held):
    try:
        held.check()
    except exceptions.LockLost:
        return True
    return False


def test_a_lease_that_is_renewed_in_time_is_held(leased):
    with hold('x', 'a') as held:
        for _beat in range(5):
            leased.now += 5
            leased.renew()
            assert not lost(held)


@pytest.mark.parametrize('late', [False, True])
def test_a_lease_that_may_have_ended_is_lost_for_good(leased, late):
    with hold('x', 'a', 'b') as held:
        leased.now += 7.4
        held.check()
        leased.now += 0.2
        if late:
            # It is renewed before anybody has asked.
            leased.renew()
        for _again in range(2):
            with pytest.raises(exceptions.LockLost) as caught:
                held.check()
            assert caught.value.hosts == ('a', 'b')
            leased.renew()


def test_a_service_that_is_away_has_not_lost_it_yet(leased, monkeypatch):
    with hold('x', 'a') as held:
        monkeypatch.setattr(Leased, 'away', True)
        with pytest.raises(coordination.ToozConnectionError):
            leased.renew()
        leased.now += 7
        assert not lost(held)
        leased.now += 1
        assert lost(held)


def test_what_cannot_be_seen_is_not_renewed(leased, monkeypatch):
    gone = raises(coordination.ToozConnectionError('no route'))
    with hold('x', 'a') as held:
        monkeypatch.setattr(Leased, 'get_members', gone)
        for _beat in range(3):
            assert not lost(held)
            leased.now += 2.6
            with pytest.raises(exceptions.LockUnusable):
                leased.renew()
        assert lost(held)


def test_a_lock_that_another_has_by_now_is_lost(leased, monkeypatch):
    with hold('x', 'a') as held:
        monkeypatch.setattr(
            file.FileLock, 'is_still_owner', lambda self: False
        )
        leased.renew()
        assert lost(held)


@pytest.mark.parametrize('gone', ['member', 'group'])
@pytest.mark.parametrize('question', [True, False])
def test_a_member_that_is_gone_has_lost_its_lock(
    leased, monkeypatch, tmp_path, question, gone
):
    """Its lease ends with the one of the lock, where there are leases."""
    if not question:
        # As with etcd.
        monkeypatch.setattr(
            file.FileLock, 'is_still_owner', raises(tooz.NotImplemented)
        )
    with hold('x', 'a') as held:
        leased.renew()
        assert not lost(held)
        (record,) = tmp_path.glob('groups/*/*.raw')
        record.unlink()
        if gone == 'group':
            # The service has forgotten all that it knew.
            shutil.rmtree(record.parent)
        leased.renew()
        assert lost(held)


def test_what_is_lost_is_not_let_go(leased, monkeypatch):
    """It is another's by now, or nobody's."""
    released = []
    release = file.FileLock.release
    with hold('x', 'a'):
        leased.now += 60

        def note(self):
            released.append(str(self.name))
            return release(self)

        monkeypatch.setattr(file.FileLock, 'release', note)
    assert not any('instanceha-' in name for name in released)
    gc.collect()


def test_a_file_is_held_however_long_nobody_has_touched_it(url, clock):
    with hold(url, 'a') as held:
        clock.now += 10**6
        assert not lost(held)


def test_the_leases_are_renewed_until_the_end(clock, monkeypatch, tmp_path):
    monkeypatch.setattr(
        coordination,
        'get_coordinator',
        lambda url, member, executor: Leased(
            member, types.SimpleNamespace(path=str(tmp_path)), {}
        ),
    )
    with contextlib.ExitStack() as stack:
        service = lock_service.LockService('x', 'me', stack)
        waits = []

        def wait(seconds):
            waits.append(seconds)
            clock.now += 5
            Leased.away = len(waits) == 2
            return len(waits) == 4

        service._ended = types.SimpleNamespace(wait=wait, set=lambda: None)
        service._beat()
        assert waits == [1.0] * 4
        # One beat did not get through, and the next came too late.
        assert not service.holds()
