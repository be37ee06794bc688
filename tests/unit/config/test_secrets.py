from __future__ import annotations

import copy
import dataclasses
import os
import pickle
import pprint
import traceback

import pytest

from osc_instanceha import exceptions
from osc_instanceha.config import problems
from osc_instanceha.config import secrets

MARK = problems.Mark('/etc/openstack/instanceha.yaml', 7)


def made(key, value, environ=()):
    return secrets.make(key, 'password', value, MARK, dict(environ))


@pytest.fixture
def file(tmp_path):
    path = tmp_path / 'secret'
    path.write_bytes(b'hunter2\n')
    path.chmod(0o640)
    return path


def revealed(secret):
    with pytest.raises(exceptions.DeviceError) as caught:
        secret.reveal()
    text = ''.join(traceback.format_exception(caught.value))
    assert 'hunter2' not in text
    return str(caught.value)


@pytest.mark.parametrize(
    ('raw', 'text'),
    [
        (b'hunter2', 'hunter2'),
        (b'hunter2\n', 'hunter2'),
        (b'hunter2\r\n', 'hunter2'),
        (b' hunter 2 \n', ' hunter 2 '),
        ('pässwörd\n'.encode(), 'pässwörd'),
    ],
)
def test_a_file_without_its_last_line_break(raw, text, file):
    file.write_bytes(raw)
    assert made('password_file', str(file)).reveal() == text


@pytest.mark.parametrize(
    'raw', [b'', b'\n', b'hunter2\n\n', b'hunter2\nx', b'hunter2\xff', b'\0']
)
def test_a_file_with_something_else(raw, file):
    file.write_bytes(raw)
    assert revealed(made('password_file', str(file))) == (
        f'the file {file} holds no secret: write it there, as one line of '
        f'UTF-8 text ({MARK})'
    )


@pytest.mark.parametrize('mode', [0o644, 0o602, 0o601])
def test_a_file_that_others_may_use(mode, file):
    file.chmod(mode)
    assert revealed(made('password_file', str(file))) == (
        f'the file {file} holds a secret, and others may use it: '
        f"'chmod o-rwx {file}' ({MARK})"
    )


def test_a_file_that_is_missing(tmp_path):
    path = tmp_path / 'missing'
    assert revealed(made('password_file', str(path))) == (
        f'the file {path}, which is to hold a secret, cannot be read (No '
        f'such file or directory): create it, or let this user read it '
        f'({MARK})'
    )


def test_paths(monkeypatch):
    monkeypatch.setenv('HOME', '/home/me')
    for value, path in (
        ('/a', '/a'),
        ('~/a', '/home/me/a'),
        ('a/b', '/etc/openstack/a/b'),
    ):
        assert made('password_file', value).path == path


def test_the_environment():
    secret = made('password_env', 'BMC', {'BMC': 'hunter2'})
    assert secret.reveal() == 'hunter2'


@pytest.mark.parametrize('environ', [{}, {'BMC': ''}])
def test_a_variable_that_is_missing(environ):
    assert revealed(made('password_env', 'BMC', environ)) == (
        f'the environment variable BMC, which is to hold a secret, is not '
        f'set: set it ({MARK})'
    )


def test_read_only_when_revealed(place, file):
    place.write(
        f"""\
        lock_env: LOCK
        fencing:
          hosts:
            a: {{driver: bmc, address: b, password_file: {file}}}
            c:
              driver: agent
              agent: d
              parameters: {{passwd_env: E, identity_file: /f, g: 1}}
        """
    )
    file.unlink()
    loaded = place.load()
    password = loaded.levels('a')[0][0].options['password']
    parameters = loaded.levels('c')[0][0].options['parameters']
    assert parameters.keys() == {'passwd', 'identity_file', 'g'}
    revealed(password)
    revealed(parameters['passwd'])
    with pytest.raises(exceptions.InvalidInput, match='variable LOCK'):
        loaded.lock_url()
    place.environ.update(E='hunter2', LOCK='file:///l')
    file.write_text('hunter3')
    file.chmod(0o600)
    assert password.reveal() == 'hunter3'
    assert parameters['passwd'].reveal() == 'hunter2'
    assert loaded.lock_url() == 'file:///l'


def test_what_a_host_has_of_its_own_takes_the_place(place):
    place.write(
        """\
        fencing:
          devices:
            a: {driver: bmc, address: "{host}", password_file: /x}
            b:
              driver: agent
              agent: c
              parameters: {plug: "{host}", passwd: x, login: me}
          hosts:
            d: {device: a, password: hunter2}
            e: {device: b, parameters: {passwd_env: E}}
            f:
              driver: bmc
              address: "{host}"
              password_file: /secrets/{short}
        """
    )
    loaded = place.load()
    assert loaded.levels('d')[0][0].options['password'].reveal() == 'hunter2'
    parameters = loaded.levels('e')[0][0].options['parameters']
    assert parameters['login'] == 'me'
    assert parameters['plug'] == 'e'
    assert parameters['passwd'].name == 'E'
    secret = loaded.levels('f')[0][0].options['password']
    assert secret.path == '/secrets/f'


def test_a_secret_is_never_shown(place):
    place.environ['E'] = 'hunter2'
    place.write(
        """\
        lock: redis://:hunter2@controller
        fencing:
          hosts:
            a: {driver: bmc, address: b, password: hunter2}
            c: {driver: agent, agent: d, parameters: {passwd: hunter2}}
            e: {driver: bmc, address: f, password_env: E}
        """
    )
    loaded = place.load()
    copied = copy.deepcopy(loaded.levels('a'))
    shown = [
        repr(loaded),
        str(loaded.lock),
        f'{loaded.lock}',
        pprint.pformat(loaded.fencing),
        repr(copied),
        repr(dataclasses.asdict(loaded.levels('a')[0][0])),
        repr(dataclasses.asdict(loaded.levels('c')[0][0])),
    ]
    for name in dir(loaded.lock):
        if name != '__doc__':
            shown.append(repr(getattr(loaded.lock, name)))
    assert 'hunter2' not in '\n'.join(shown)
    assert copied[0][0].options['password'].reveal() == 'hunter2'
    with pytest.raises(TypeError):
        pickle.dumps(loaded.lock)


def test_a_brace_in_a_secret_stays(place):
    place.write(
        'fencing: {hosts: {a: {driver: bmc, address: b, '
        'password: "x{host}{y}"}}}'
    )
    loaded = place.load()
    password = loaded.levels('a')[0][0].options['password']
    assert password.reveal() == 'x{host}{y}'


def test_a_fifo_has_no_permissions_to_speak_of(tmp_path):
    read, write = os.pipe()
    try:
        os.write(write, b'hunter2\n')
        os.close(write)
        path = f'/dev/fd/{read}'
        assert made('password_file', path).reveal() == 'hunter2'
    finally:
        os.close(read)


@pytest.mark.parametrize(
    ('key', 'name'),
    [
        ('passwd', 'passwd'),
        ('passwd_file', 'passwd'),
        ('passwd_env', 'passwd'),
        ('passwd_script', None),
        ('identity_file', None),
        ('key_file', None),
        ('env', None),
        ('_file', None),
    ],
)
def test_what_a_free_key_gives(key, name):
    assert secrets.secret_of(key) == name
