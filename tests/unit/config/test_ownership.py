from __future__ import annotations

import os
import pwd

import pytest

from osc_instanceha import exceptions
from osc_instanceha.config import ownership


@pytest.mark.parametrize(
    ('owner', 'user', 'fine'),
    [
        (0, 0, True),
        (0, 1000, True),
        (1000, 1000, True),
        (None, 1000, True),
        (1000, 0, False),
        (1001, 1000, False),
        (65534, 1000, False),
    ],
)
def test_root_and_oneself_are_trusted(owner, user, fine, monkeypatch):
    monkeypatch.setattr(os, 'geteuid', lambda: user)
    assert (ownership.foreign('/x', owner) == '') is fine


def test_the_owner_is_named_and_the_cure_can_be_typed(monkeypatch):
    monkeypatch.setattr(os, 'geteuid', lambda: 0)
    nobody = pwd.getpwnam('nobody')
    assert ownership.foreign('/a b', nobody.pw_uid) == (
        'belongs to nobody, not to root or to this user; if what it says can '
        "be trusted: 'chown root '/a b''"
    )


@pytest.mark.parametrize('name', ['instanceha.yaml', 'instanceha-secure.yaml'])
@pytest.mark.parametrize('mode', [0o600, 0o644])
def test_a_file_of_somebody_else_is_refused(name, mode, place, stranger):
    other = stranger(place.write('limits: {max_hosts_down: 1}', name, mode))
    assert place.problems() == [
        f'{name}: belongs to {other}, not to root or to this user; if what '
        f"it says can be trusted: 'chown bob {name}'"
    ]


def test_the_secret_of_somebody_else_is_not_taken(place, stranger):
    secret = place.write('hunter2', 'secret', 0o600)
    place.write('lock_file: secret')
    loaded = place.load()
    other = stranger(secret)
    with pytest.raises(exceptions.InvalidInput) as caught:
        loaded.lock_url()
    assert str(caught.value) == (
        f'the file {secret} belongs to {other}, not to root or to this user; '
        f"if what it says can be trusted: 'chown bob {secret}' "
        f'({place.folder}/instanceha.yaml:1)'
    )


def test_a_pipe_has_no_owner_to_speak_of(place, stranger):
    read, write = os.pipe()
    stranger(read)
    try:
        os.write(write, b'limits: {max_hosts_down: 1}')
        os.close(write)
        place.environ['OS_INSTANCEHA_CONFIG'] = f'/dev/fd/{read}'
        assert place.load().max_hosts_down.number == 1
    finally:
        os.close(read)
