"""The lock by itself, between processes: files, etcd and Redis.

No cloud is needed; what it means for a cloud is in test_locking.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
import contextlib
import getpass
import platform
import signal

import pytest

from tests.cloud import client
from tests.functional import coordination
from tests.functional import lock_holder

KINDS = ['file', *coordination.KINDS]
Hold = Callable[..., lock_holder.Holder]


@pytest.fixture(scope='module', params=KINDS)
def url(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    folder = tmp_path_factory.mktemp('locks') / request.param
    if request.param == 'file':
        yield f'file://{folder}'
    else:
        with coordination.KINDS[request.param](folder) as service:
            yield service.url


@pytest.fixture
def hold(url: str) -> Iterator[Hold]:
    """Starts a process that holds, or will hold, the locks of hosts."""
    with contextlib.ExitStack() as stack:

        def make(*hosts: str, timeout: float = 0) -> lock_holder.Holder:
            return stack.enter_context(
                lock_holder.Holder(url, *hosts, timeout=timeout)
            )

        yield make


def test_one_process_at_a_time(hold, url):
    first, second = hold('a', 'b'), hold('b', 'c')
    assert first.ask('take') == 'held'
    assert second.ask('take').startswith(
        f'Another run ({getpass.getuser()}@{platform.node()}, process '
        f'{first.pid}, since 20'
    )
    assert hold('c').ask('take') == 'held'
    assert first.end() == 'free'
    assert hold('b', 'a').ask('take') == 'held'


def test_a_process_that_was_killed_holds_nothing(hold, url):
    first = hold('a')
    assert first.ask('take') == 'held'
    assert first.ask('count') == '0'
    second = hold('a', timeout=60)
    second.tell('take')
    first.kill()
    assert second.answer() == 'held'
    # What it has announced is gone with it.
    assert second.ask('count') == '0'


def test_a_process_that_waits_gets_it_when_it_is_free(hold, url):
    first, second = hold('a'), hold('a', timeout=60)
    assert first.ask('take') == 'held'
    second.tell('take')
    assert first.ask('check') == 'held'
    assert first.end() == 'free'
    assert second.answer() == 'held'


def test_six_that_count_at_once_take_down_two(hold, url):
    made = [hold(f'host{number}', timeout=60) for number in range(6)]
    assert [each.ask('take') for each in made] == ['held'] * 6
    for each in made:
        each.tell('count')
    assert sorted(each.answer() for each in made) == [
        '0',
        '1',
        *['refused'] * 4,
    ]
    # One that ends makes room for one more.
    with lock_holder.Holder(url, 'another') as late:
        assert late.ask('take') == 'held'
        assert late.ask('count') == 'refused'
    for each in made:
        assert each.end() == 'free'
    last = hold('host7')
    assert last.ask('take') == 'held'
    assert last.ask('count') == '0'


def test_a_process_that_stands_still(hold, url):
    """A file is kept, and a lease is lost."""
    first = hold('a')
    assert first.ask('take') == 'held'
    first.send(signal.SIGSTOP)
    second = hold('a', timeout=coordination.LEASE + 5)
    told = second.ask('take')
    first.send(signal.SIGCONT)
    if url.startswith('file:'):
        assert f'process {first.pid}, since 20' in told
        assert first.ask('check') == 'held'
        assert first.end() == 'free'
        assert second.ask('take') == 'held'
    else:
        assert told == 'held'
        assert first.ask('check') == 'lost'
        assert second.ask('check') == 'held'
        # It takes nothing along that is another's.
        assert first.end() == 'free'
        assert second.ask('check') == 'held'
        assert hold('a').ask('take').startswith('Another run (')


def test_a_lease_is_kept_for_as_long_as_its_holder_lives(hold, url):
    first, second = hold('a'), hold('a', timeout=2 * coordination.LEASE)
    assert first.ask('take') == 'held'
    assert second.ask('take').startswith('Another run (')
    assert first.ask('check') == 'held'


def wipe(service: coordination.Service) -> None:
    for path in sorted(service.folder.rglob('*'), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()


@pytest.mark.parametrize('kind', coordination.KINDS)
@pytest.mark.parametrize(
    'memory', [pytest.param(True, id='kept'), pytest.param(False, id='gone')]
)
def test_a_service_that_starts_again(tmp_path, kind, memory):
    """The lock is there if the service still knows of it, and only then."""
    service = coordination.KINDS[kind](tmp_path / kind, lease=600)
    with service, lock_holder.Holder(service.url, 'a') as first:
        assert first.ask('take') == 'held'
        service.kill()
        if not memory:
            wipe(service)
        service.start()
        if memory:
            with lock_holder.Holder(service.url, 'a') as second:
                assert second.ask('take').startswith('Another run (')
            assert first.ask('check') == 'held'
        else:
            client.wait_for(
                lambda: first.ask('check') == 'lost', 'the loss noticed', 60
            )


@pytest.mark.parametrize('kind', coordination.KINDS)
def test_a_service_that_is_gone(tmp_path, kind):
    """The lock is held until its lease may have ended, and no longer."""
    service = coordination.KINDS[kind](tmp_path / kind)
    with service, lock_holder.Holder(service.url, 'a') as first:
        assert first.ask('take') == 'held'
        service.kill()
        client.wait_for(
            lambda: first.ask('check') == 'lost', 'the loss noticed', 60
        )
