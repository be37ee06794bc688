"""No secret is ever shown, whatever goes wrong (invariant 10)."""

from __future__ import annotations

from collections import abc
import dataclasses
import pathlib
import shutil
import urllib.parse

import pytest
import yaml

from tests.cloud import client
from tests.devices import ipmi
from tests.devices import process
from tests.devices import redfish
from tests.fencing import leftovers
from tests.functional import command
from tests.functional import rack as rack_
from tests.functional import test_fence

# As bad as a password may be, for whoever quotes, formats or parses it.
IPMI = 'b%d{x}"\'&'
AGENT = 'agent%40 "s3cr3t\''
IRONIC = 'ironic-s3cr3t'
LOCK = 'lock-s3cr3t'
WRONG = 'wrong-s3cr3t'
SECRETS = (rack_.PASSWORD, IPMI, AGENT, IRONIC, LOCK, WRONG)


@dataclasses.dataclass
class Place:
    """Everything that a run could leave a secret in, but its files.

    :ivar config: instanceha.yaml, as data
    """

    folder: pathlib.Path
    openstack: command.Openstack
    config: dict[str, object]

    def device(self, name: str) -> dict[str, object]:
        return self.config['fencing']['hosts'][name]

    def run(self, *args: str) -> command.Done:
        """Run a command with --debug, and look for secrets everywhere."""
        path = self.folder / 'instanceha.yaml'
        path.write_text(yaml.safe_dump(self.config, sort_keys=False))
        path.chmod(0o600)
        with leftovers.Watch() as watch:
            done = self.openstack('--debug', 'host', *args)
        left = [
            file.read_text(errors='replace')
            for folder in ('tmp', 'home')
            for file in (self.folder / folder).rglob('*')
            if file.is_file()
        ]
        assert 'openstack' in watch.command_lines()
        for text in (
            done.stdout,
            done.stderr,
            watch.command_lines(),
            *left,
        ):
            for secret in SECRETS:
                for form in (
                    secret,
                    repr(secret)[1:-1],
                    urllib.parse.quote(secret),
                ):
                    assert form not in text
        return done


@pytest.fixture(scope='module')
def bmc() -> abc.Iterator[process.Simulator]:
    """A BMC with IPMI; the machine below it is nobody's."""
    with ipmi.simulator('host2', password=IPMI) as simulator:
        yield simulator


@pytest.fixture
def place(
    cloud: client.Cloud,
    program: command.Openstack,
    rack: rack_.Rack,
    bmc: process.Simulator,
    tmp_path: pathlib.Path,
) -> Place:
    """Each host has a device of another kind, and a secret of its own."""
    for folder in ('tmp', 'home'):
        (tmp_path / folder).mkdir()
    secret = tmp_path / 'agent-password'
    secret.write_text(AGENT)
    secret.chmod(0o600)
    clouds = yaml.safe_load(pathlib.Path(cloud.clouds).read_text())
    clouds['clouds']['undercloud'] = {
        'auth': {
            'auth_url': cloud.urls['identity'],
            'username': 'nobody',
            'password': IRONIC,
            'project_name': 'nothing',
            'user_domain_name': 'Default',
            'project_domain_name': 'Default',
        },
        'baremetal_endpoint_override': 'http://127.0.0.1:1',
    }
    path = tmp_path / 'clouds.yaml'
    path.write_text(yaml.safe_dump(clouds))
    program.env |= {
        'OS_INSTANCEHA_CONFIG': str(tmp_path / 'instanceha.yaml'),
        'OS_CLIENT_CONFIG_FILE': str(path),
        'IPMI_SECRET': IPMI,
        'TMPDIR': str(tmp_path / 'tmp'),
        'HOME': str(tmp_path / 'home'),
    }
    bmc.machine('host2').reset()
    hosts: dict[str, object] = {
        'host1': {
            'driver': 'redfish',
            'address': rack.address,
            'system': redfish.path('host1'),
            'username': 'admin',
            'password': rack_.PASSWORD,
        },
        'host2': {
            'driver': 'ipmi',
            'address': '127.0.0.1',
            'port': bmc.told['ports']['host2'],
            'username': 'admin',
            'password_env': 'IPMI_SECRET',
        },
        'host3': {
            'driver': 'fence_agent',
            'agent': 'fence_redfish',
            'parameters': {
                'ip': urllib.parse.urlsplit(rack.address).hostname,
                'ipport': urllib.parse.urlsplit(rack.address).port,
                'username': 'admin',
                'password_file': str(secret),
                'systems_uri': redfish.path('host3'),
            },
        },
        'host4': {'driver': 'ironic', 'node': 'host4', 'cloud': 'undercloud'},
    }
    for device in hosts.values():
        device |= {'timeout': 3, 'power_timeout': 4}
    for host in hosts:
        test_fence.hang(cloud, host)
    return Place(tmp_path, program, {'fencing': {'hosts': hosts}})


HOSTS = ('host1', 'host2', 'host3', 'host4')


@pytest.mark.parametrize('mode', ['ok', 'refuse', 'silent', 'garbage'])
def test_every_command_whatever_the_devices_do(place, rack, bmc, mode):
    for machine in (
        rack.machine('host1'),
        rack.machine('host3'),
        bmc.machine('host2'),
    ):
        machine.behave(mode)
    done = place.run('fencing', 'list', '--check')
    assert done.code == 3
    done = place.run('fence', '-f', 'json', *HOSTS)
    fenced = {
        host
        for host, outcome in test_fence.hosts(done).items()
        if outcome == 'fenced'
    }
    assert done.code == 4
    assert fenced == ({'host1', 'host2'} if mode == 'ok' else set())
    place.run('evacuate', '--fence', '--report-interval', '1', *HOSTS)
    place.run('unfence', '--timeout', '5', *HOSTS)


def test_wrong_passwords(place, rack):
    place.openstack.env['IPMI_SECRET'] = WRONG
    place.device('host1')['password'] = WRONG
    (place.folder / 'agent-password').write_text(WRONG)

    done = place.run('fence', '-f', 'json', *HOSTS)

    assert done.code == 4
    reasons = test_fence.hosts(done, 'Reason')
    assert 'password refused' in reasons['host1']
    assert rack.requests() == []


def test_secrets_that_are_not_there(place):
    del place.openstack.env['IPMI_SECRET']
    (place.folder / 'agent-password').unlink()

    done = place.run('fence', '-f', 'json', *HOSTS)

    assert done.code == 4
    reasons = test_fence.hosts(done, 'Reason')
    assert 'IPMI_SECRET' in reasons['host2']
    assert 'agent-password' in reasons['host3']
    # Nobody else has to wait for them.
    assert test_fence.hosts(done)['host1'] == 'fenced'


def test_a_defect_of_a_driver(place, tmp_path):
    """The worst that a library can do: say it all in its exception."""
    (tmp_path / 'sitecustomize.py').write_text(
        'import sushy.auth\n'
        'def fail(self, username, password):\n'
        '    raise RuntimeError(username, password)\n'
        'sushy.auth.BasicAuth.__init__ = fail\n'
    )
    place.openstack.env['PYTHONPATH'] = str(tmp_path)

    done = place.run('fence', '-f', 'json', 'host1')

    assert done.code == 4
    assert '***' in done.rows[0]['Reason']


@pytest.mark.parametrize(
    'change',
    [
        {'port': 'many'},
        {'pasword': WRONG},
        {'password': [WRONG]},
        {'password': {WRONG: 1}},
        {'password_file': '/nowhere', 'password': WRONG},
    ],
)
def test_a_bad_file(place, change):
    place.device('host1').update(change)
    assert place.run('fence', 'host1').code == 1


def test_a_file_that_others_may_read(place):
    done = place.run('fencing', 'list')
    assert done.code == 0
    (place.folder / 'instanceha.yaml').chmod(0o644)
    done = place.openstack('host', 'fencing', 'list')
    assert done.code == 1
    assert 'chmod o-rwx' in done.stderr
    assert rack_.PASSWORD not in done.stderr


def test_the_url_of_the_lock(place):
    place.openstack.env.pop('OS_INSTANCEHA_LOCK')
    place.config['lock'] = f'redis://:{LOCK}@127.0.0.1:1'
    done = place.run('evacuate', 'host1')
    assert done.code == 1
    assert 'lock' in done.stderr


def test_agents_are_there():
    """Without one, a part of this module shows nothing."""
    if shutil.which('fence_redfish', path='/usr/sbin:/usr/bin') is None:
        pytest.skip('fence-agents is not installed: host3 had no agent')
