from __future__ import annotations

import pytest

from osc_instanceha.agents import parameters

PLAIN = parameters.Given(
    action='off',
    host='host1',
    cloud='main',
    clouds_file='/etc/openstack/clouds.yaml',
    config='/etc/openstack/instanceha.yaml',
    off_timeout=50.0,
)


def lines(**values):
    return [f'{name}={value}\n' for name, value in values.items()]


def test_what_pacemaker_sends():
    """As it was received from Pacemaker 2.1.5."""
    given, strange = parameters.from_lines(
        lines(action='off', nodename='cmp1', port='host1', cloud='main')
    )
    assert given == PLAIN
    assert strange == 0


HOSTS = [
    ({'nodename': 'cmp1'}, 'cmp1'),
    ({'nodename': 'cmp1', 'plug': 'host1'}, 'host1'),
    ({'nodename': 'cmp1', 'port': 'host1'}, 'host1'),
    ({'plug': 'configured', 'port': 'host1'}, 'host1'),
    ({'port': ''}, ''),
    ({}, ''),
]


@pytest.mark.parametrize(('values', 'host'), HOSTS)
def test_the_host_has_several_names(values, host):
    given, _strange = parameters.from_lines(lines(**values))
    assert given.host == host


def test_the_same_by_options():
    assert (
        parameters.from_arguments(
            ['--action', 'OFF', '-n', 'host1', '--cloud=main']
        )
        == PLAIN
    )


def test_the_last_one_wins_and_comments_do_not_count():
    given, strange = parameters.from_lines(
        ['# off', '', ' plug = a ', 'plug=b', 'off-timeout=7s', 'cloud=x=y']
    )
    assert (given.host, given.off_timeout, given.cloud) == ('b', 7.0, 'x=y')
    assert strange == 0


def test_what_is_not_known_is_counted_and_not_shown():
    _given, strange = parameters.from_lines(
        ['password=hunter2', 'hunter2', 'action=on']
    )
    assert strange == 2


@pytest.mark.parametrize('value', ['soon', '0', '-1', 'nan', 'inf', '1e9'])
def test_a_time_that_is_none(value):
    with pytest.raises(parameters.WrongUsage, match='off_timeout'):
        parameters.from_lines(lines(off_timeout=value))
