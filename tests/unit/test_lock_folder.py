"""The folder for locks that nobody has named."""

from __future__ import annotations

import os
import pathlib
import types

import pytest

from osc_instanceha import exceptions
from osc_instanceha import lock_folder
from osc_instanceha import locking
from tests.unit import builders

ME = os.geteuid()


@pytest.mark.parametrize(
    ('uid', 'expected'),
    [
        (0, '/run/osc-instanceha'),
        (5, '/home/joe/.cache/osc-instanceha'),
        (6, '/tmp/osc-instanceha-6'),
    ],
)
def test_it_is_the_same_in_every_environment(monkeypatch, uid, expected):
    homes = {5: types.SimpleNamespace(pw_dir='/home/joe')}
    monkeypatch.setattr(lock_folder.pwd, 'getpwuid', homes.__getitem__)
    monkeypatch.setattr(lock_folder.os, 'geteuid', lambda: uid)
    monkeypatch.setenv('HOME', '/home/other')
    monkeypatch.setenv('XDG_RUNTIME_DIR', '/run/user/5')
    monkeypatch.setenv('TMPDIR', '/var/tmp')
    assert lock_folder._folder() == pathlib.Path(expected)


@pytest.fixture
def folder(monkeypatch, tmp_path):
    made = tmp_path / 'cache' / 'locks'
    monkeypatch.setattr(lock_folder, '_folder', lambda: made)
    return made


def test_it_is_made_for_its_user_alone(folder):
    before = os.umask(0)
    try:
        for _again in range(2):
            assert lock_folder.default_url() == f'file://{folder}'
            assert folder.stat().st_mode & 0o777 == 0o700
    finally:
        os.umask(before)


def file(folder):
    folder.write_text('')


def link(folder):
    target = folder.with_name('elsewhere')
    target.mkdir(0o700)
    folder.symlink_to(target)


def dangling(folder):
    folder.symlink_to('nowhere')


def writable(mode):
    def make(folder):
        folder.mkdir()
        folder.chmod(mode)

    return make


@pytest.mark.parametrize(
    ('make', 'words'),
    [
        (file, 'it is no folder'),
        (link, 'it is no folder'),
        (dangling, 'it is no folder'),
        (writable(0o777), 'others may write in it: chmod go-w {}'),
        (writable(0o1777), 'others may write in it'),
        (writable(0o770), 'others may write in it'),
    ],
)
def test_one_that_others_could_change_is_refused(folder, make, words):
    folder.parent.mkdir()
    make(folder)
    with (
        pytest.raises(exceptions.LockUnusable) as caught,
        locking.hold([builders.service('a')]),
    ):
        pytest.fail('it is held')
    assert words.format(folder) in str(caught.value)
    assert 'OS_INSTANCEHA_LOCK' in str(caught.value)
    assert '\n' not in str(caught.value)


def test_another_users_is_refused(folder, monkeypatch):
    """Whoever may make it first, as in /tmp, could take locks away."""
    folder.mkdir(parents=True)
    monkeypatch.setattr(lock_folder.os, 'geteuid', lambda: ME + 1)
    with pytest.raises(
        exceptions.LockUnusable, match=f'another user, uid {ME}'
    ):
        lock_folder.default_url()


def test_one_that_cannot_be_made_is_told(folder):
    folder.parent.write_text('')
    with pytest.raises(exceptions.LockUnusable, match='File exists'):
        lock_folder.default_url()


def test_only_writing_matters(folder):
    """Reading takes no lock away, and a umask of 022 is common."""
    folder.mkdir(parents=True)
    folder.chmod(0o755)
    assert lock_folder.default_url()
