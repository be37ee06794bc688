"""One run at a time, by processes that share a lock and nothing else.

Each has a home and temporary files of its own; the lock is a folder, or a
real coordination service. What Nova was asked and what ran where tells
whether two of them did more than one (invariant 9).
"""

from __future__ import annotations

import collections
from collections.abc import Callable
from collections.abc import Iterator
import contextlib
import getpass
import pathlib
import platform
import signal

import pytest

from tests.cloud import client
from tests.functional import command
from tests.functional import coordination
from tests.functional import rack

Start = Callable[..., command.Running]


@pytest.fixture(scope='module')
def urls(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[[str], str]]:
    """Whatever gives the locks, by its kind; a service is started once."""
    folder = tmp_path_factory.mktemp('coordination')
    # What a killed run had asked for is not waited for longer than a lease.
    made = {'file': f'file://{folder}/locks?timeout={coordination.LEASE}'}
    with contextlib.ExitStack() as stack:

        def url(kind: str) -> str:
            if kind not in made:
                service = coordination.KINDS[kind](folder / kind)
                made[kind] = stack.enter_context(service).url
            return made[kind]

        yield url


class Runs:
    """Starts runs of the command on a cloud.

    :ivar url: of the lock that they share, and of nothing else
    """

    def __init__(self, cloud: client.Cloud, folder: pathlib.Path) -> None:
        self.url = ''
        self._cloud = cloud
        self._folder = folder
        self._made: list[command.Openstack] = []

    def __call__(
        self,
        *args: str,
        kind: type[command.Running] = command.Preloaded,
        config: str | None = None,
    ) -> command.Running:
        home = self._folder / f'home{len(self._made)}'
        home.mkdir()
        env = {
            'HOME': str(home),
            'TMPDIR': str(home),
            'OS_INSTANCEHA_LOCK': self.url,
        }
        if config is not None:
            env['OS_INSTANCEHA_CONFIG'] = config
        made = command.Openstack(self._cloud, kind, **env)
        self._made.append(made)
        if args[0] == 'evacuate':
            return made.start_evacuate(*args[1:])
        return made.start('host', *args, '-f', 'json')

    def stop(self) -> None:
        for made in self._made:
            made.stop()


@pytest.fixture
def runs(cloud: client.Cloud, tmp_path: pathlib.Path) -> Iterator[Runs]:
    made = Runs(cloud, tmp_path)
    yield made
    made.stop()


@pytest.fixture(params=['file', 'etcd', 'redis'])
def run(
    request: pytest.FixtureRequest, runs: Runs, urls: Callable[[str], str]
) -> Runs:
    """Starts runs, with each kind of lock."""
    runs.url = urls(request.param)
    return runs


@pytest.fixture(params=['etcd', 'redis'])
def leased(
    request: pytest.FixtureRequest, runs: Runs, urls: Callable[[str], str]
) -> Runs:
    """Starts runs whose locks are leases."""
    runs.url = urls(request.param)
    return runs


@pytest.fixture(params=['etcd', 'redis'])
def service(
    request: pytest.FixtureRequest, runs: Runs, tmp_path: pathlib.Path
) -> Iterator[coordination.Service]:
    """A coordination service of this test's own, for runs."""
    lease = getattr(request.function, 'lease', coordination.LEASE)
    kind = coordination.KINDS[request.param]
    with kind(tmp_path / 'service', lease) as made:
        runs.url = made.url
        yield made


def servers(cloud: client.Cloud, count: int) -> list[str]:
    """Servers of host1, which has died and is marked."""
    made = [
        cloud.create_server(
            f'server{number}', host='host1', volume_backed=True
        )
        for number in range(count)
    ]
    for number, server in enumerate(made):
        cloud.set_server(
            server, created_at=f'2020-01-0{number + 1} 00:00:00.000000'
        )
    command.lose(cloud)
    cloud.forget_requests()
    return made


def posted(cloud: client.Cloud, count: int) -> None:
    """Wait for so many evacuate requests."""
    client.wait_for(
        lambda: len(command.evacuate_posts(cloud)) >= count,
        f'{count} evacuate requests',
        60,
    )


def begun(cloud: client.Cloud, before: int) -> None:
    """Wait until one more run has looked for its hosts: next is the lock."""
    client.wait_for(lambda: looks(cloud) > before, 'another run', 60)


def looks(cloud: client.Cloud) -> int:
    return len(cloud.requests(match='/os-services', method='GET'))


def check(cloud: client.Cloud, made: list[str], moved: int) -> None:
    """No more than one request for each, and so many of them were moved."""
    asked = collections.Counter(
        request['path'].split('/')[-2]
        for request in command.evacuate_posts(cloud)
    )
    assert asked == dict.fromkeys(made[:moved], 1)
    for number, server in enumerate(made):
        gone = number < moved
        assert (command.on(cloud, server) != 'host1') is gone
        assert cloud.spawns(server) == 1 + gone
    assert cloud.ran_twice() == []


def lost(done: command.Done) -> bool:
    return 'The lock of host1 was lost: its lease in' in done.stderr


# Two at once.


def test_two_at_once_do_no_more_than_one(cloud, run):
    made = servers(cloud, 4)
    both = [run('evacuate', 'host1', kind=command.Program) for _ in range(2)]
    assert [each.wait().code for each in both] == [0, 0]
    check(cloud, made, 4)


def test_whoever_waits_too_long_learns_for_whom(cloud, run):
    made = servers(cloud, 1)
    cloud.hold()
    first = run('evacuate', 'host1')
    posted(cloud, 1)
    second = run('evacuate', 'host1', '--lock-timeout', '1').wait()
    assert second.code == 1
    assert second.stdout == ''
    (line,) = second.stderr.splitlines()
    assert line.startswith(
        f'Another run ({getpass.getuser()}@{platform.node()}, process '
        f'{first.pid}, since 20'
    )
    assert 'works on host1 (lock in ' in line
    cloud.release()
    assert first.wait().code == 0
    check(cloud, made, 1)


@pytest.mark.parametrize(
    ('verb', 'number', 'code'),
    [
        ('evacuate', signal.SIGTERM, 143),
        ('fence', signal.SIGINT, 130),
        ('unfence', signal.SIGTERM, 143),
    ],
)
def test_nobody_is_kept_waiting(cloud, runs, urls, verb, number, code):
    runs.url = urls('file')
    made = servers(cloud, 1)
    cloud.hold()
    first = runs('evacuate', 'host1')
    posted(cloud, 1)
    before = looks(cloud)
    second = runs(verb, 'host1', '--lock-timeout', '600')
    begun(cloud, before)
    second.send(number)
    assert second.wait().code == code
    cloud.release()
    assert first.wait().code == 0
    check(cloud, made, 1)
    assert len(command.changes(cloud)) == 1


# A holder that dies.


def test_whoever_waits_goes_on_when_the_holder_was_killed(cloud, run):
    made = servers(cloud, 2)
    cloud.hold()
    first = run('evacuate', 'host1', '--max-in-flight', '1')
    posted(cloud, 1)
    before = looks(cloud)
    second = run('evacuate', 'host1')
    begun(cloud, before)
    first.send(signal.SIGKILL)
    posted(cloud, 2)
    cloud.release()
    done = second.wait()
    assert done.code == 0
    assert done.outcomes() == dict.fromkeys(
        ['server0', 'server1'], 'evacuated'
    )
    check(cloud, made, 2)


@pytest.mark.parametrize('run', ['file', 'etcd'], indirect=True)
def test_one_after_the_other_is_killed(cloud, run):
    """Whoever has just sent a request; the last one finishes."""
    made = servers(cloud, 6)
    alive = [
        run('evacuate', 'host1', '--max-in-flight', '1') for _ in range(4)
    ]
    done_by: list[command.Running] = []

    def sender() -> command.Running | None:
        return next(
            (each for each in alive if 'accepted' in each.heard()), None
        )

    while len(alive) > 1:
        found = client.wait_for(sender, 'a request', 90)
        found.send(signal.SIGKILL)
        alive.remove(found)
        done_by.append(found)
    done = alive[0].wait()
    assert done.code == 0
    assert len(done_by) == 3
    check(cloud, made, 6)


# A holder that stands still.


def test_a_holder_that_stands_still_keeps_a_file(cloud, runs, urls):
    """The kernel's lock ends with its process and not before."""
    runs.url = urls('file')
    made = servers(cloud, 2)
    cloud.hold()
    first = runs('evacuate', 'host1', '--max-in-flight', '1')
    posted(cloud, 1)
    first.send(signal.SIGSTOP)
    # Longer than tooz has a record of a folder count.
    second = runs('evacuate', 'host1', '--lock-timeout', '12').wait()
    assert second.code == 1
    assert f'process {first.pid}, since 20' in second.stderr
    first.send(signal.SIGCONT)
    cloud.release()
    done = first.wait()
    assert done.code == 0
    assert not lost(done)
    check(cloud, made, 2)


def test_a_holder_that_stood_still_for_too_long_sends_no_more(cloud, leased):
    made = servers(cloud, 3)
    cloud.hold()
    first = leased('evacuate', 'host1', '--max-in-flight', '1')
    posted(cloud, 1)
    first.send(signal.SIGSTOP)
    second = leased('evacuate', 'host1', '--max-in-flight', '2')
    # The lease has ended.
    posted(cloud, 2)
    first.send(signal.SIGCONT)
    client.wait_for(lambda: 'was lost' in first.heard(), 'the loss told', 60)
    cloud.release()
    late = first.wait()
    assert late.code == 3
    assert lost(late)
    # What it had begun is told as it is, and the rest was not its own.
    assert late.outcomes() == {
        'server0': 'evacuated',
        'server1': 'refused',
        'server2': 'refused',
    }
    assert 'The lock of host1 was lost' in late.row(made[1])['Reason']
    assert second.wait().code == 0
    check(cloud, made, 3)


# A service that dies.


def test_a_service_that_dies_ends_what_may_be_begun(cloud, runs, service):
    made = servers(cloud, 2)
    cloud.hold()
    first = runs('evacuate', 'host1', '--max-in-flight', '1')
    posted(cloud, 1)
    service.kill()
    client.wait_for(lambda: 'was lost' in first.heard(), 'the loss told', 60)
    cloud.release()
    done = first.wait(240)
    assert done.code == 3
    assert done.outcomes() == {'server0': 'evacuated', 'server1': 'refused'}
    assert 'Traceback' not in done.stderr
    check(cloud, made, 1)


def test_a_service_that_comes_back_is_not_missed(cloud, runs, service):
    made = servers(cloud, 2)
    cloud.hold()
    first = runs('evacuate', 'host1', '--max-in-flight', '1')
    posted(cloud, 1)
    service.kill()
    service.start()
    cloud.release()
    done = first.wait()
    assert done.code == 0
    assert not lost(done)
    check(cloud, made, 2)


test_a_service_that_comes_back_is_not_missed.lease = 60  # type: ignore[attr-defined]


def test_a_service_that_has_forgotten_all_is_noticed(cloud, runs, tmp_path):
    """Redis without persistence: another run could have the lock by now."""
    made = servers(cloud, 2)
    cloud.hold()
    with coordination.Redis(tmp_path / 'redis', lease=600) as forgetful:
        runs.url = forgetful.url
        first = runs('evacuate', 'host1', '--max-in-flight', '1')
        posted(cloud, 1)
        forgetful.kill()
        for path in sorted(forgetful.folder.rglob('*'), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        forgetful.start()
        client.wait_for(lambda: 'was lost' in first.heard(), 'the loss', 60)
        cloud.release()
        done = first.wait()
    assert done.code == 3
    check(cloud, made, 1)


def test_without_the_service_nothing_is_done(cloud, runs):
    made = servers(cloud, 1)
    runs.url = f'etcd3+http://127.0.0.1:{coordination.free_port()}'
    done = runs('evacuate', 'host1').wait()
    assert done.code == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(f'The lock in {runs.url} cannot be taken (')
    assert command.changes(cloud) == []
    check(cloud, made, 0)


# How many hosts may go down.


@pytest.fixture(scope='module')
def wide() -> Iterator[client.Cloud]:
    """A cloud with room for six hosts that die, and one more."""
    with client.Cloud.launch(hosts=7) as running:
        yield running


@pytest.mark.parametrize('kind', ['file', 'etcd'])
def test_six_fences_at_once_take_down_two(wide, urls, tmp_path, kind):
    wide.reset()
    hosts = wide.hosts[:6]
    for host in hosts:
        wide.crash(host)
    wide.forget_requests()
    runs = Runs(wide, tmp_path)
    runs.url = urls(kind)
    with rack.running(wide) as devices:
        config = devices.write(tmp_path)
        try:
            made = [
                runs('fence', host, '--max-hosts-down', '2', config=config)
                for host in hosts
            ]
            done = [each.wait(240) for each in made]
        finally:
            runs.stop()
        assert sorted(each.code for each in done) == [0, 0, 5, 5, 5, 5]
        fenced = [
            host
            for host, each in zip(hosts, done, strict=True)
            if each.code == 0
        ]
        power = {host: devices.machine(host).power() for host in hosts}
        off = [host for host in hosts if power[host] == 'off']
        assert off == fenced
    assert len(command.changes(wide)) == 2
