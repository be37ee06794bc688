from __future__ import annotations

import re
import subprocess

import pytest

from osc_instanceha import exceptions
from osc_instanceha.config import permissions

INLINE = [
    ('lock', 'lock: redis://:hunter2@controller'),
    ('lock', 'lock: "redis://controller?password=hunter2"'),
    (
        'fencing.devices.a.password',
        'fencing: {devices: {a: {driver: bmc, password: hunter2}}}',
    ),
    # Also where a mistake hides what it is.
    (
        'fencing.devices.a.password',
        'fencing: {devices: {a: {driver: bmcc, password: hunter2}}}',
    ),
    ('password', 'password: hunter2'),
    (
        'fencing.devices.a.address',
        'fencing: {devices: {a: {driver: bmc, address: "https://b:c@d"}}}',
    ),
    (
        'fencing.hosts.b[0][0].parameters.passwd',
        'fencing: {hosts: {b: [[{driver: agent, agent: x, '
        'parameters: {passwd: hunter2}}]]}}',
    ),
]

#: Nothing in them that others may not know.
OPEN = [
    'lock: etcd3+http://controller:2379',
    'lock_file: /x',
    'fencing: {devices: {token: {driver: bmc, password_file: /x}}}',
    'fencing: {devices: {password: {driver: person}}, '
    'hosts: {token: password}}',
    'fencing: {hosts: {a: {driver: agent, agent: x, '
    'parameters: {passwd_env: X, passwd_script: /y, port: 1}}}}',
]


@pytest.mark.parametrize('mode', [0o604, 0o602, 0o601, 0o644, 0o777])
@pytest.mark.parametrize(('path', 'text'), INLINE)
@pytest.mark.parametrize('name', ['instanceha.yaml', 'instanceha-secure.yaml'])
def test_a_secret_that_others_may_use(name, path, text, mode, place):
    file = place.write(text, name, mode)
    lines = place.problems()
    assert (
        f'{name}:1: {path}: a secret in a file that others may use; '
        f"'chmod o-rwx {name}'"
    ) in lines
    assert 'hunter2' not in '\n'.join(lines)
    # The cure is the cure.
    file.chmod(mode & ~0o007)
    try:
        place.load()
    except exceptions.InvalidConfig as error:
        assert 'others may use' not in str(error)


@pytest.mark.parametrize('mode', [0o600, 0o640, 0o660, 0o440])
def test_the_group_may(mode, place):
    place.write('lock: redis://:hunter2@controller', mode=mode)
    assert place.load().lock_url() == 'redis://:hunter2@controller'


@pytest.mark.parametrize('text', OPEN)
def test_without_secrets_others_may_read(text, place):
    place.write(text, mode=0o644)
    place.load()


def test_others_may_never_write(place):
    place.write('limits: {max_hosts_down: 1}', mode=0o646)
    assert place.problems() == [
        "instanceha.yaml: others may write this file; 'chmod o-rwx "
        "instanceha.yaml'"
    ]


def test_a_secret_that_the_other_file_replaces_is_still_there(place):
    text = 'fencing: {devices: {a: {driver: bmc, password: hunter2}}}'
    place.write(text, mode=0o644)
    place.write(text, 'instanceha-secure.yaml', mode=0o600)
    (line,) = place.problems()
    assert line.startswith('instanceha.yaml:1: fencing.devices.a.password:')


def test_the_cure_can_be_typed(place):
    path = place.write('lock: redis://:x@y', 'a b', mode=0o644)
    place.environ['OS_INSTANCEHA_CONFIG'] = str(path)
    with pytest.raises(exceptions.InvalidConfig) as caught:
        place.load()
    typed = re.search("'(chmod .*)'$", str(caught.value))[1]
    subprocess.run(['sh', '-c', typed], check=True)
    assert place.load().lock_url() == 'redis://:x@y'


@pytest.mark.parametrize(
    ('url', 'answer'),
    [
        ('redis://:x@y', True),
        ('redis://x@y', False),
        ('redis://y?sentinel=z', False),
        ('redis://y?sentinel_password=z', True),
        ('redis://:x@[y', True),
        ('a:b@c', False),
    ],
)
def test_has_password(url, answer):
    assert permissions.has_password(url) is answer
