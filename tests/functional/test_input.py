"""Bad input: one clear line, and nothing has been changed."""

from __future__ import annotations

import os
import pty
import subprocess
import termios

import pytest
import yaml

from tests.functional import command

BAD = {
    'unknown host': (['nope'], 1, "No compute host 'nope'"),
    'host misspelt': (['hots1'], 1, 'did you mean host1'),
    'hypervisor name': (
        ['host1.cloud.example'],
        1,
        'the name of a hypervisor; its compute host is host1',
    ),
    'in capitals': (['HOST1'], 1, "No compute host 'HOST1'"),
    'no host': ([], 2, '--fenced'),
    'host and --fenced': (['host1', '--fenced'], 2, '--fenced'),
    'twice': (['host1', 'host1'], 1, 'Host host1 is named twice'),
    'its own target': (
        ['host1', '--target-host', 'host1'],
        1,
        'Target host host1 cannot take servers',
    ),
    'unknown target': (
        ['host1', '--target-host', 'hots2'],
        1,
        'did you mean host2',
    ),
    'empty tag': (['host1', '--tag', ''], 2, '1 to 60 characters'),
    'long tag': (['host1', '--tag', 'x' * 61], 2, '1 to 60 characters'),
    'tag with a comma': (['host1', '--not-tag', 'a,b'], 2, 'a comma'),
    'no key': (['host1', '--property', '=x'], 2, 'has no key'),
    'no value': (['host1', '--flavor-property', 'x='], 2, 'has no value'),
    'none in flight': (['host1', '--max-in-flight', '0'], 2, 'at least 1'),
    'no number': (['host1', '--timeout', 'soon'], 2, 'whole number'),
    'no limit': (['host1', '--max-hosts-down', 'few'], 2, 'no limit'),
    'no such column': (['host1', '-c', 'Typo'], 2, "No column 'Typo'"),
    'one such column': (['host1', '-c', 'Name', '-c', 'Typo'], 2, 'Typo'),
    'column of a dry run': (['host1', '-c', 'Action'], 2, 'Outcome'),
    'no such project': (
        ['host1', '--project', 'nobody'],
        1,
        "No project 'nobody'",
    ),
    'no such version': (
        ['--os-compute-api-version=two', 'host1'],
        1,
        'two',
    ),
}


@pytest.mark.parametrize('args, code, words', BAD.values(), ids=BAD)
def test_bad_input(embedded, args, code, words):
    # Nothing is changed, so one cloud will do for all of them.
    openstack = command.Openstack(embedded)
    embedded.forget_requests()
    done = openstack.evacuate(*args)
    assert done.code == code
    assert words in done.stderr
    assert 'Traceback' not in done.stderr
    if code == 1:
        assert len(done.stderr.strip().splitlines()) == 1
    assert done.stdout == ''
    assert command.changes(embedded) == []


@pytest.mark.parametrize('how', ['down', 'disabled'])
def test_a_target_host_that_is_of_no_use(cloud, openstack, how):
    cloud.create_server('one', host='host1')
    command.lose(cloud, 'host1')
    if how == 'down':
        cloud.crash('host3')
    else:
        cloud.set_service('host3', status='disabled', disabled_reason='old')
    cloud.forget_requests()

    done = openstack.evacuate('host1', '--target-host', 'host3')

    assert done.code == 1
    assert f'it is {how}' in done.stderr
    assert command.changes(cloud) == []


def test_no_credentials(embedded):
    openstack = command.Openstack(embedded)
    for name in ('OS_CLOUD', 'OS_CLIENT_CONFIG_FILE'):
        del openstack.env[name]
    done = openstack.evacuate('host1')
    assert done.code == 1
    assert 'Traceback' not in done.stderr


def test_nova_cannot_be_reached(embedded, tmp_path):
    config = yaml.safe_load(embedded.clouds.read_text())
    config['clouds']['embedded']['compute_endpoint_override'] = (
        'http://127.0.0.1:9/v2.1'
    )
    clouds = tmp_path / 'clouds.yaml'
    clouds.write_text(yaml.safe_dump(config))
    openstack = command.Openstack(embedded, OS_CLIENT_CONFIG_FILE=str(clouds))

    done = openstack.evacuate('host1')

    assert done.code == 1
    assert 'Compute API' in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_ceiling_from_clouds_yaml(embedded, tmp_path):
    config = yaml.safe_load(embedded.clouds.read_text())
    config['clouds']['embedded']['compute_api_version'] = '2.1'
    clouds = tmp_path / 'clouds.yaml'
    clouds.write_text(yaml.safe_dump(config))
    openstack = command.Openstack(embedded, OS_CLIENT_CONFIG_FILE=str(clouds))

    done = openstack.evacuate('host1')

    assert done.code == 1
    assert 'limited to 2.1' in done.stderr


# -- what is shown while it goes on ---------------------------------------


def test_lines_when_nobody_watches_and_nothing_with_q(cloud, openstack):
    cloud.create_servers(2, host='host1', volume_backed=True)
    command.lose(cloud)

    done = openstack.evacuate('host1')
    assert 'evacuation accepted (req-' in done.stderr
    assert 'evacuated to host' in done.stderr
    assert '\r' not in done.stderr
    assert len(done.rows) == 2

    cloud.start('host1')
    cloud.set_service('host1', forced_down=False)
    cloud.crash('host1')
    cloud.create_server('other', host='host2', volume_backed=True)
    command.lose(cloud, 'host2')
    quiet = openstack('-q', *openstack._evacuate(('host2',)))
    assert quiet.code == 0
    assert quiet.stderr == ''


def test_a_bar_on_a_terminal(cloud, openstack):
    cloud.create_servers(2, host='host1', volume_backed=True)
    command.lose(cloud)
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 100))
    process = subprocess.Popen(
        [str(command.OPENSTACK), *openstack._evacuate(('host1',))],
        env=openstack.env,
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b''
    while True:
        try:
            chunk = os.read(ours, 4096)
        except OSError:
            break
        if not chunk:
            break
        shown += chunk
    stdout, _stderr = process.communicate()
    os.close(ours)

    assert process.returncode == 0
    assert command.Done(0, stdout, '').outcomes() == {
        'server-0': 'evacuated',
        'server-1': 'evacuated',
    }
    assert b'2/2' in shown
    assert b'\r' in shown
