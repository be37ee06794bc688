from __future__ import annotations

import os

from openstack.config import loader
import pytest


def test_the_first_folder_and_suffix(place, monkeypatch):
    folders = [place.folder / name for name in ('one', 'two', 'three')]
    for folder in folders[1:]:
        folder.mkdir()
    monkeypatch.setattr(loader, 'CONFIG_SEARCH_PATH', list(map(str, folders)))
    place.write('', 'three/instanceha.yaml')
    place.write('', 'two/instanceha.json')
    second = place.write('', 'two/instanceha.yml')
    secure = place.write('', 'three/instanceha-secure.yaml')
    assert place.load().files == (str(second), str(secure))


def test_where_clouds_yaml_is():
    # Not ours; but documented by us.
    assert '/etc/openstack' in loader.CONFIG_SEARCH_PATH
    assert os.getcwd() in loader.CONFIG_SEARCH_PATH


@pytest.mark.parametrize(
    ('variable', 'name'),
    [
        ('OS_INSTANCEHA_CONFIG', 'instanceha.yaml'),
        ('OS_INSTANCEHA_SECURE_CONFIG', 'instanceha-secure.yaml'),
    ],
)
def test_the_environment_names_a_file(variable, name, place):
    place.write('limits: {max_hosts_down: 1}', name)
    other = place.write('limits: {max_hosts_down: 2}', 'other')
    place.environ[variable] = str(other)
    loaded = place.load()
    assert loaded.files == (str(other),)
    assert loaded.max_hosts_down.number == 2
    place.environ[variable] = ''
    assert place.load().max_hosts_down.number == 1
    place.environ[variable] = str(place.folder / 'missing')
    assert place.problems() == [
        f'missing: there is no such file, and {variable} names it; create it '
        f'or unset the variable'
    ]


def test_what_is_there_and_cannot_be_read(place):
    (place.folder / 'instanceha.yaml').mkdir()
    (place.folder / 'instanceha-secure.yaml').symlink_to('nowhere')
    assert place.problems() == [
        'instanceha.yaml: cannot be read (Is a directory); let this user '
        'read it',
        'instanceha-secure.yaml: cannot be read (No such file or directory); '
        'let this user read it',
    ]


@pytest.mark.skipif(os.geteuid() == 0, reason='root reads everything')
def test_no_permission(place):
    place.write('', mode=0)
    assert place.problems() == [
        'instanceha.yaml: cannot be read (Permission denied); let this user '
        'read it'
    ]


def test_the_secure_file_alone(place):
    place.write('limits: {max_hosts_down: 1}', 'instanceha-secure.yaml')
    assert place.load().max_hosts_down.number == 1


def test_the_secure_file_over_the_other(place):
    place.write(
        """\
        limits: {max_hosts_down: 1}
        evacuate: {retries: 1, selection: {tags: [a, b]}}
        fencing:
          devices:
            bmc: {driver: bmc, address: "{host}", username: u}
          hosts:
            a[1-2]: bmc
        """,
        mode=0o644,
    )
    place.write(
        """\
        limits:
        evacuate: {timeout: 9, selection: {tags: [c]}}
        fencing:
          devices:
            bmc: {password: hunter2, username: v}
          hosts:
            b: {driver: person}
        """,
        'instanceha-secure.yaml',
    )
    loaded = place.load()
    assert loaded.max_hosts_down.number == 1
    assert loaded.evacuate == {'retries': 1, 'timeout': 9}
    assert loaded.selection.tags == {'c'}
    assert loaded.hosts == ('a1', 'a2', 'b')
    ((device,),) = loaded.levels('a2')
    assert device.options['username'] == 'v'
    assert device.options['address'] == 'a2'
    assert device.options['password'].reveal() == 'hunter2'
    assert device.where == f'{place.folder}/instanceha.yaml:5'


def test_problems_name_the_file_in_which_they_stand(place):
    place.write(
        'fencing:\n  devices:\n    a:\n      driver: bmc\n'
        '      password_file: /x',
    )
    place.write(
        '\nfencing: {devices: {a: {password: x, port: y}}}',
        'instanceha-secure.yaml',
    )
    assert place.problems() == [
        'instanceha-secure.yaml:2: fencing.devices.a.port: is a text; write '
        'a whole number'
    ]
    place.write(
        '\nfencing: {devices: {a: {password: x}}}', 'instanceha-secure.yaml'
    )
    assert place.problems() == [
        'instanceha.yaml:5: fencing.devices.a.password_file: password is '
        'given too (instanceha-secure.yaml:2); leave one of them'
    ]


def test_one_file_that_is_no_yaml_is_enough(place):
    # Nothing is said of what the other file would have made whole.
    place.write('fencing: {hosts: {a: bmc}}')
    place.write('fencing: [', 'instanceha-secure.yaml')
    (line,) = place.problems()
    assert line.startswith('instanceha-secure.yaml:1: is no YAML')
