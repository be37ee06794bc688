"""Exactly the hosts that were named, and none too many."""

from __future__ import annotations

import pytest

from osc_instanceha import exceptions
from osc_instanceha import hosts
from osc_instanceha import options
from tests.unit import builders


def nobody(name):
    return None


def named(*names):
    return [builders.living(name) for name in names]


@pytest.mark.parametrize(
    'names', [['compute1'], ['compute10', 'compute1'], []]
)
def test_hosts_are_found_by_their_exact_names_in_this_order(names):
    services = named('compute1', 'compute10', 'compute11')
    found = hosts.find(names, services, nobody)
    assert [service.host for service in found] == names


@pytest.mark.parametrize(
    ('name', 'nearest'),
    [
        ('compute2', {'compute1', 'compute10', 'compute11'}),
        ('COMPUTE1', set()),
        ('zzz', set()),
        ('compute', {'compute1', 'compute10', 'compute11'}),
        ('', set()),
    ],
)
def test_a_part_or_a_typo_is_no_host_but_names_its_neighbours(name, nearest):
    services = named('compute1', 'compute10', 'compute11')
    with pytest.raises(exceptions.HostNotFound) as caught:
        hosts.find([name], services, nobody, what='--target-host')
    assert caught.value.host == name
    assert set(caught.value.nearest) == nearest
    assert caught.value.what == '--target-host'
    for neighbour in nearest:
        assert neighbour in str(caught.value)


def test_the_name_of_a_hypervisor_leads_to_its_host():
    with pytest.raises(exceptions.HostNotFound, match='is compute1') as caught:
        hosts.find(
            ['c1.example.org'],
            named('compute1'),
            {'c1.example.org': 'compute1'}.get,
        )
    assert caught.value.service_host == 'compute1'


def test_hypervisors_are_asked_for_only_where_no_host_has_the_name():
    def ask(name):
        raise AssertionError('asked')

    assert hosts.find(['a'], named('a'), ask)


def test_a_host_named_twice_is_refused():
    with pytest.raises(exceptions.InvalidInput, match='a is named twice'):
        hosts.find(['a', 'b', 'a'], named('a', 'b'), nobody)


def test_two_services_of_one_host_are_refused():
    with pytest.raises(exceptions.IncompleteAnswer, match='2 compute'):
        hosts.find(['a'], named('a', 'b', 'a'), nobody)


@pytest.mark.parametrize('missing', [{'up': None}, {'forced_down': None}])
def test_a_cell_that_is_down_is_refused(missing):
    services = [builders.service('a', **missing), builders.service('b')]
    with pytest.raises(exceptions.IncompleteAnswer, match='cell of a'):
        hosts.find(['a'], services, nobody)
    assert hosts.find(['b'], services, nobody)


def test_fenced_hosts_are_those_that_are_forced_down():
    services = [
        builders.service('b'),
        builders.living('c'),
        builders.service('a'),
        builders.service('d', forced_down=None),
        builders.living('e', up=False, enabled=False),
    ]
    assert hosts.fenced(services) == ['a', 'b']


TARGETS = [
    ('a good one', builders.living('t'), None),
    ('down', builders.living('t', up=False), 'it is down'),
    ('forced down', builders.living('t', forced_down=True), 'it is down'),
    ('unknown', builders.living('t', up=None), 'it is down'),
    (
        'disabled',
        builders.living('t', enabled=False, disabled_reason='a new disk'),
        'a new disk',
    ),
    ('the dead one itself', builders.living('dead'), 'to be evacuated'),
]


@pytest.mark.parametrize(
    ('service', 'words'),
    [case[1:] for case in TARGETS],
    ids=[case[0] for case in TARGETS],
)
def test_a_target_host_must_be_able_to_take_servers(service, words):
    if words is None:
        hosts.check_target(service.host, ['dead'], service)
        return
    with pytest.raises(exceptions.TargetHostUnusable, match=words) as caught:
        hosts.check_target(service.host, ['dead'], service)
    assert caught.value.what == '--target-host'
    assert caught.value.host == service.host


FLEET = [
    builders.service('down1'),
    builders.service('down2'),
    builders.service('stub', up=None, forced_down=None, enabled=None),
    *named('up1', 'up2', 'up3', 'up4', 'up5', 'up6', 'up7'),
]


@pytest.mark.parametrize(
    ('limit', 'asked', 'down'),
    [
        (None, ['up1', 'up2', 'up3'], None),
        ('4', ['up1'], None),
        ('3', ['up1'], {'down1', 'down2', 'stub', 'up1'}),
        ('3', ['down1'], None),
        ('2', ['down1'], {'down1', 'down2', 'stub'}),
        ('40%', ['up1'], None),
        ('39%', ['up1'], {'down1', 'down2', 'stub', 'up1'}),
        ('100%', ['up1', 'up2', 'up3', 'up4', 'up5', 'up6', 'up7'], None),
        ('0', [], {'down1', 'down2', 'stub'}),
    ],
)
def test_no_more_hosts_than_the_limit_are_down(limit, asked, down):
    parsed = options.HostLimit.parse(limit) if limit else None
    if down is None:
        hosts.check_limit(parsed, asked, FLEET)
        return
    with pytest.raises(exceptions.TooManyHostsDown) as caught:
        hosts.check_limit(parsed, asked, FLEET)
    assert set(caught.value.down) == down
    assert caught.value.total == 10
    assert caught.value.limit == limit
