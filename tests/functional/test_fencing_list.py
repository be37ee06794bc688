"""openstack host fencing list: the audit before the bad night."""

from __future__ import annotations

import json

from tests.functional import command
from tests.functional import test_fence


def audit(openstack: command.Openstack, *args: str) -> command.Done:
    return openstack('host', 'fencing', 'list', '-f', 'json', *args)


def problems(done: command.Done) -> dict[str, str]:
    return {row['Host']: row['Problem'] for row in done.rows}


def test_lists_without_asking(cloud, openstack, fencing):
    done = audit(openstack)

    assert done.code == 0
    assert problems(done) == dict.fromkeys(cloud.hosts, '')
    assert 'Power State' not in done.rows[0]
    assert fencing.machine('host1').requests() == []


def test_checks_every_device(cloud, openstack, fencing):
    cloud.forget_requests()

    done = audit(openstack, '--check')

    assert done.code == 0
    assert {row['Power State'] for row in done.rows} == {'on'}
    assert {row['State'] for row in done.rows} == {'up'}
    for row in done.rows:
        (evidence,) = row['Evidence']
        assert evidence['power_state'] == 'on'
        assert evidence['requested'] is None
    assert fencing.requests() == []
    assert command.changes(cloud) == []


def test_finds_what_would_fail_at_night(cloud, openstack, rack, tmp_path):
    openstack.env['OS_INSTANCEHA_CONFIG'] = rack.write(
        tmp_path,
        '\n'.join(
            [
                f'host1: {rack.device("host1")}',
                f'host2: {rack.device("host2")}',
                f'host9: {rack.device("host3-b")}',
                f'host4: [{rack.device("host4")}, {{driver: manual}}]',
            ]
        ),
    )
    rack.machine('host1').behave('silent')
    test_fence.hang(cloud, 'host4')

    done = audit(openstack, '--check')

    assert done.code == 3
    found = problems(done)
    assert 'answer' in found['host1']
    assert found['host2'] == ''
    assert found['host3'] == 'no fencing device'
    assert 'no compute host' in found['host9']
    levels = [row['Level'] for row in done.rows if row['Host'] == 'host4']
    assert levels == [1, 2]
    # Without --check, what needs no device is seen too, and is no failure.
    done = audit(openstack)
    assert done.code == 0
    assert problems(done)['host3'] == 'no fencing device'


def test_a_device_of_another_machine(cloud, openstack, rack, tmp_path):
    openstack.env['OS_INSTANCEHA_CONFIG'] = rack.write(
        tmp_path, f'host1: {rack.device("host2-b")}'
    )
    rack.machine('host2-b').set_power('off')

    done = audit(openstack, '--check', 'host1')

    assert done.code == 3
    assert 'another machine' in problems(done)['host1']


def test_drivers(cloud, openstack):
    done = openstack('host', 'fencing', 'driver', 'list', '-f', 'json')
    assert {row['Name'] for row in done.rows} >= {
        'redfish',
        'ipmi',
        'fence_agent',
        'ironic',
        'pacemaker',
        'manual',
    }
    done = openstack(
        'host', 'fencing', 'driver', 'show', 'redfish', '-f', 'json'
    )
    options = {row['Option']: row for row in json.loads(done.stdout)}
    assert options['password']['Secret'] is True
    assert options['system']['Required'] is True
    done = openstack('host', 'fencing', 'driver', 'show', 'redfsh')
    assert (done.code, done.stdout) == (1, '')
    assert 'redfish' in done.stderr
