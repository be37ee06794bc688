"""One run at a time, on real locks; of processes, in tests/functional."""

from __future__ import annotations

import logging

import pytest
from tooz import coordination
from tooz.drivers import file

from osc_instanceha import exceptions
from osc_instanceha import locking
from tests.unit import builders
from tests.unit import lock_holders

hold = lock_holders.hold


@pytest.fixture
def url(tmp_path):
    return f'file://{tmp_path}'


def test_what_another_run_holds_is_locked_until_it_ends(url):
    with hold(url, 'a', 'b'):
        with (
            pytest.raises(exceptions.HostLocked) as caught,
            hold(url, 'b'),
        ):
            pytest.fail('both hold it')
        assert caught.value.host == 'b'
        assert caught.value.waited == 0
        elsewhere = [builders.service('b', id='of another cloud')]
        with hold(url, 'c'), locking.hold(elsewhere, url=url, timeout=0):
            pass
    with hold(url, 'a', 'b'):
        pass


def test_a_lock_is_free_after_an_error(url):
    with pytest.raises(ZeroDivisionError), hold(url, 'a', 'b'):
        raise ZeroDivisionError
    with hold(url, 'b', 'a'):
        pass


def test_what_was_taken_is_let_go_when_another_is_locked(url):
    with (
        hold(url, 'b'),
        pytest.raises(exceptions.HostLocked),
        hold(url, 'a', 'b'),
    ):
        pass
    with hold(url, 'a'):
        pass


def test_locks_are_taken_in_one_order(url):
    # One that is asked for b and a waits for a first: it must not hold b.
    with (
        hold(url, 'a'),
        pytest.raises(exceptions.HostLocked) as caught,
        hold(url, 'b', 'a'),
    ):
        pass
    assert caught.value.host == 'a'
    with (
        hold(url, 'a', 'b'),
        pytest.raises(exceptions.HostLocked) as caught,
        hold(url, 'b', 'a'),
    ):
        pass
    assert caught.value.host == 'a'


def test_no_hosts_need_no_lock(url):
    with hold(url):
        pass


@pytest.mark.parametrize('host', ['a.example.org', 'ü', 'a_b-c', 'x' * 200])
def test_a_name_is_no_path(url, host):
    with hold(url, host):
        pass


def test_a_folder_that_cannot_be_used_is_told(tmp_path):
    file = tmp_path / 'file'
    file.write_text('')
    with (
        pytest.raises(exceptions.InstanceHAError, match='OS_INSTANCEHA_LOCK'),
        hold(f'file://{file}', 'a'),
    ):
        pass


def no_library(url, member, **_options):
    raise ModuleNotFoundError("No module named 'etcd3gw'")


def unreachable(url, member, **_options):
    raise coordination.ToozConnectionError('connection refused')


@pytest.mark.parametrize(
    'get_coordinator',
    [
        coordination.get_coordinator,
        no_library,
        unreachable,
    ],
)
def test_a_backend_that_cannot_be_used_is_told(monkeypatch, get_coordinator):
    monkeypatch.setattr(coordination, 'get_coordinator', get_coordinator)
    with (
        pytest.raises(exceptions.InstanceHAError),
        hold('nosuch://host', 'a'),
    ):
        pass


@pytest.mark.parametrize('failing', ['release', 'stop', 'both'])
@pytest.mark.parametrize(
    # Drivers let through what their own libraries raise.
    'error',
    [
        coordination.ToozError('hunter2'),
        OSError('hunter2'),
        ZeroDivisionError('hunter2'),
    ],
)
def test_what_was_done_is_done_although_a_lock_is_not_let_go(
    monkeypatch, caplog, url, failing, error
):
    caplog.set_level(logging.DEBUG)
    done = []

    def fails(what, original):
        def call(self):
            if what == 'release' and 'instanceha-' not in str(self.name):
                # The driver has a lock of its own, for its folder.
                return original(self)
            done.append(what)
            if failing in (what, 'both'):
                raise error
            return original(self)

        return call

    for kind, call, what in (
        (file.FileLock, 'release', 'release'),
        (file.FileDriver, '_stop', 'stop'),
    ):
        monkeypatch.setattr(kind, call, fails(what, getattr(kind, call)))
    with hold(url, 'a', 'b'):
        assert done == []
    # The others are let go nevertheless.
    assert done == ['release', 'release', 'stop']
    assert 'was not released' in caplog.text
    assert 'hunter2' not in caplog.text


def test_a_password_in_the_url_is_in_no_message(monkeypatch):
    monkeypatch.setattr(coordination, 'get_coordinator', unreachable)
    with (
        pytest.raises(exceptions.InstanceHAError) as caught,
        hold('redis://:hunter2@127.0.0.1:1', 'a'),
    ):
        pass
    assert 'hunter2' not in str(caught.value)
