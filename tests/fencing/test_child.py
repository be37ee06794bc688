"""Running other programs: what they are given, and that they end."""

from __future__ import annotations

import os
import pathlib
import time

import psutil
import pytest

from osc_instanceha import exceptions
from osc_instanceha.fencing import child

#: Seconds by which a call may end later than it was told to.
GRACE = 1.0


def shell(script: str, **options: object) -> child.Ended:
    return child.run(['/bin/sh', '-c', script], **{'timeout': 10.0, **options})


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def wait_until_gone(pid: int) -> None:
    deadline = time.monotonic() + 5
    while not gone(pid):
        assert time.monotonic() < deadline, f'{pid} lives on'
        time.sleep(0.01)


def test_how_it_ended() -> None:
    ended = shell('cat; echo "Ärger" >&2; exit 3', stdin='given\n')

    assert ended == child.Ended(3, 'given\n', 'Ärger\n')


def test_a_signal_is_no_exit_code() -> None:
    assert shell('kill -9 $$').code == -9


def test_what_is_no_text_does_not_matter() -> None:
    assert shell(r'printf "\377ok"').stdout == '\N{REPLACEMENT CHARACTER}ok'


def test_more_than_a_pipe_holds() -> None:
    text = 'x' * 500_000

    ended = shell('cat; cat <&0 >/dev/null; exit 0', stdin=text)

    assert ended.stdout == text


def test_one_that_does_not_read() -> None:
    assert shell('exit 0', stdin='x' * 500_000).code == 0


def test_nothing_of_our_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('OS_PASSWORD', 's3cret')
    monkeypatch.setenv('https_proxy', 'http://127.0.0.1:9')
    monkeypatch.setenv('PCMK_service', 'pacemaker-fenced')
    monkeypatch.setenv('HOME', '/home/me')

    names = dict(
        line.split('=', 1)
        for line in child.run(['/usr/bin/env'], timeout=10).stdout.splitlines()
    )

    assert names.keys() == {'PATH', 'LANG', 'HOME'}
    assert names['PATH'].endswith(':/usr/sbin:/sbin')


def test_nothing_of_what_we_have_open(tmp_path: pathlib.Path) -> None:
    with (tmp_path / 'open').open('w') as file:
        os.set_inheritable(file.fileno(), True)

        listed = shell('ls -l /proc/self/fd').stdout

    assert str(tmp_path) not in listed


@pytest.mark.parametrize(
    'script',
    [
        pytest.param('sleep 60', id='alone'),
        pytest.param('sleep 60 & echo $!; wait', id='with a child'),
        pytest.param('trap "" TERM INT; sleep 60', id='deaf'),
        pytest.param('exec >&- 2>&-; sleep 60', id='silent'),
    ],
)
def test_it_ends_in_time(script: str) -> None:
    before = set(psutil.Process().children(recursive=True))
    start = time.monotonic()

    with pytest.raises(child.Overdue, match='sh did not end within 0.3 s'):
        shell(script, timeout=0.3)

    assert time.monotonic() - start < 0.3 + GRACE
    assert set(psutil.Process().children(recursive=True)) == before


def test_its_children_end_with_it(tmp_path: pathlib.Path) -> None:
    with pytest.raises(child.Overdue):
        shell(f'sleep 60 & echo $! > {tmp_path}/pid; wait', timeout=0.5)

    wait_until_gone(int((tmp_path / 'pid').read_text()))


def test_what_it_left_running_ends_too() -> None:
    start = time.monotonic()

    # It keeps open what the shell had for its output.
    ended = shell('sleep 60 & echo $!')

    assert time.monotonic() - start < 5
    wait_until_gone(int(ended.stdout))


def test_one_that_left_its_group_keeps_nobody(tmp_path: pathlib.Path) -> None:
    start = time.monotonic()

    ended = shell('setsid sleep 3 & echo done')

    assert ended.stdout == 'done\n'
    assert time.monotonic() - start < 2


def test_being_late_can_be_tried_again() -> None:
    assert issubclass(child.Overdue, exceptions.DeviceUnreachable)


def test_what_cannot_be_started(tmp_path: pathlib.Path) -> None:
    script = tmp_path / 'fence_torn'
    script.write_text('#!/no/such/interpreter\n')
    script.chmod(0o755)

    with pytest.raises(exceptions.DeviceError, match='cannot be started'):
        child.run([str(script)], timeout=10)


class TestFind:
    def test_on_the_path(self, tmp_path, monkeypatch):
        program = tmp_path / 'fence_mine'
        program.write_text('#!/bin/sh\n')
        program.chmod(0o755)
        monkeypatch.setenv('PATH', str(tmp_path))

        assert child.find('fence_mine') == str(program)
        assert child.find(str(program)) == str(program)

    def test_where_administrators_have_it(self, monkeypatch):
        monkeypatch.setenv('PATH', '/nowhere')

        assert child.find('chroot') == '/usr/sbin/chroot'

    def test_what_is_not_executable(self, tmp_path, monkeypatch):
        (tmp_path / 'fence_mine').write_text('#!/bin/sh\n')
        monkeypatch.setenv('PATH', str(tmp_path))

        with pytest.raises(exceptions.DeviceError, match='fence_mine'):
            child.find('fence_mine')
