"""Starting Keystone, Placement, Glance, Cinder, Neutron and Nova."""

from __future__ import annotations

from collections import abc
import os
import pathlib
import shutil
import subprocess
import sys
import threading
import time
from typing import Any

from keystoneauth1 import identity
from keystoneauth1 import session
import requests

from tests.cloud import templates
from tests.cloud import web

PASSWORD = 'secret'
SHARE = pathlib.Path(sys.prefix) / 'etc'  # data files of the wheels
BIN = pathlib.Path(sys.executable).parent
ROOT = pathlib.Path(__file__).resolve().parents[2]
START_TIMEOUT = 600

# Service type and path of the endpoint.
CATALOGUE = {
    'compute': '/v2.1',
    'placement': '',
    'image': '',
    'network': '',
    'block-storage': '/v3',
}


class StartError(Exception):
    """A part of the cloud did not start."""


def tail(path: pathlib.Path, lines: int = 30) -> str:
    if not path.exists():
        return f'(no {path.name})'
    text = path.read_text(errors='replace').splitlines()[-lines:]
    return '\n'.join([f'{path.name}:', *text])


class Processes:
    """The child processes, so that none is forgotten."""

    def __init__(self, state: pathlib.Path) -> None:
        self.state = state
        self.running: dict[str, subprocess.Popen] = {}
        self.lock = threading.Lock()
        self.stopping = False

    def start(
        self, name: str, command: abc.Sequence[str], env: abc.Mapping[str, str]
    ) -> subprocess.Popen:
        path = [str(ROOT), env.get('PYTHONPATH'), os.environ.get('PYTHONPATH')]
        env = {
            **os.environ,
            **env,
            'PYTHONWARNINGS': 'ignore',
            'PYTHONPATH': os.pathsep.join(filter(None, path)),
        }
        with (self.state / (name + '.out')).open('wb') as output:
            with self.lock:
                if self.stopping:
                    raise StartError('the cloud is being stopped')
                self.running[name] = subprocess.Popen(
                    command,
                    env=env,
                    stdin=subprocess.PIPE,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                )
        return self.running[name]

    def run(self, name: str, *command: str, **env: str) -> None:
        """Run a command of a service to its end."""
        process = self.start(name, [str(BIN / command[0]), *command[1:]], env)
        if process.wait():
            raise StartError(
                '{} failed\n{}'.format(
                    ' '.join(command), tail(self.state / (name + '.out'))
                )
            )

    def serve(self, name: str, port: int, *arguments: str, **env: str) -> None:
        """Start a service of this environment; wait until it listens."""
        self.listen(
            name,
            port,
            [
                sys.executable,
                '-m',
                'tests.cloud.child',
                name,
                str(port),
                *arguments,
            ],
            env,
        )

    def listen(
        self,
        name: str,
        port: int,
        command: abc.Sequence[str],
        env: abc.Mapping[str, str],
    ) -> None:
        """Start what is to serve a port; wait until it listens."""
        process = self.start(name, command, env)
        deadline = time.monotonic() + START_TIMEOUT
        while not web.is_listening(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise StartError(
                    '{} {}\n{}\n{}'.format(
                        name,
                        'did not listen in time'
                        if process.returncode is None
                        else f'ended with exit code {process.returncode}',
                        tail(self.state / (name + '.out')),
                        tail(self.state / (name + '.log')),
                    )
                )
            time.sleep(0.1)

    def stop(self) -> None:
        with self.lock:
            self.stopping = True
        for process in self.running.values():
            process.terminate()
        for process in self.running.values():
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


class Services:
    """The services: their ports, their files, their start.

    :ivar nova: the Python of the virtual environment that Nova is in; all
        others are in this one
    """

    def __init__(
        self,
        state: pathlib.Path,
        report_interval: int,
        hosts: int,
        nova: pathlib.Path,
    ) -> None:
        self.state = state
        self.hosts = hosts
        self.nova = nova
        self.processes = Processes(state)
        names = ('identity', *CATALOGUE)
        self.ports = dict(zip(names, web.free_ports(len(names)), strict=True))
        self.urls = {
            name: f'http://{web.HOST}:{port}'
            for name, port in self.ports.items()
        }
        self.auth_url = self.urls['identity'] + '/v3'
        self.values = {
            **self.urls,
            'identity': self.auth_url,
            'state': state,
            'db': f'sqlite:///{state}',
            'share': SHARE,
            'password': PASSWORD,
            'report_interval': report_interval,
        }

    def write(self, name: str, template: str) -> pathlib.Path:
        path = self.state / name
        path.write_text(template.format(**self.values))
        return path

    @property
    def starters(self) -> list[abc.Callable[[], None]]:
        """All of them; they need one another only once there are requests."""
        return [
            self.start_keystone,
            self.start_nova,
            self.start_cinder,
            self.start_neutron,
            self.start_glance,
            self.start_placement,
        ]

    def start_keystone(self) -> None:
        conf = str(self.write('keystone.conf', templates.KEYSTONE))
        for name in ('fernet', 'receipts', 'credential'):
            (self.state / name).mkdir(mode=0o700)
        owner = (
            '--keystone-user',
            str(os.getuid()),
            '--keystone-group',
            str(os.getgid()),
        )
        manage = ('keystone-manage', 'keystone-manage', '--config-file', conf)
        run = self.processes.run
        run(*manage, 'db_sync')
        run(*manage, 'fernet_setup', *owner)
        run(
            *manage,
            'bootstrap',
            '--bootstrap-password',
            PASSWORD,
            '--bootstrap-region-id',
            'RegionOne',
            '--bootstrap-public-url',
            self.auth_url,
        )
        self.processes.serve(
            'keystone',
            self.ports['identity'],
            OS_KEYSTONE_CONFIG_DIR=str(self.state),
            OS_KEYSTONE_CONFIG_FILES=conf,
        )
        self.register_endpoints()

    def admin(self) -> session.Session:
        return session.Session(
            identity.Password(
                self.auth_url,
                username='admin',
                password=PASSWORD,
                project_name='admin',
                user_domain_id='default',
                project_domain_id='default',
            )
        )

    def register_endpoints(self) -> None:
        admin = self.admin()
        keystone = {'service_type': 'identity', 'interface': 'public'}
        for kind, path in CATALOGUE.items():
            service = admin.post(
                '/services',
                endpoint_filter=keystone,
                json={'service': {'type': kind, 'name': kind}},
            ).json()['service']
            admin.post(
                '/endpoints',
                endpoint_filter=keystone,
                json={
                    'endpoint': {
                        'service_id': service['id'],
                        'interface': 'public',
                        'region': 'RegionOne',
                        'url': self.urls[kind] + path,
                    }
                },
            )

    def start_placement(self) -> None:
        conf = str(self.write('placement.conf', templates.PLACEMENT))
        self.processes.run(
            'placement-manage',
            'placement-manage',
            '--config-file',
            conf,
            'db',
            'sync',
        )
        self.processes.serve(
            'placement',
            self.ports['placement'],
            OS_PLACEMENT_CONFIG_DIR=str(self.state),
        )

    def start_glance(self) -> None:
        for name in ('images', 'staging', 'tasks'):
            (self.state / name).mkdir()
        conf = str(self.write('glance-api.conf', templates.GLANCE))
        self.processes.run(
            'glance-manage', 'glance-manage', '--config-file', conf, 'db_sync'
        )
        self.processes.serve(
            'glance',
            self.ports['image'],
            OS_GLANCE_CONFIG_DIR=str(self.state),
            OS_GLANCE_CONFIG_FILES=conf,
        )

    def start_cinder(self) -> None:
        (self.state / 'cinder' / 'locks').mkdir(parents=True)
        arguments = (
            '--config-file',
            str(self.write('cinder.conf', templates.CINDER)),
        )
        self.processes.run(
            'cinder-manage', 'cinder-manage', *arguments, 'db', 'sync'
        )
        self.processes.serve('cinder', self.ports['block-storage'], *arguments)

    def start_neutron(self) -> None:
        (self.state / 'neutron' / 'locks').mkdir(parents=True)
        # Neutron finds mechanism drivers by entry point only.
        plugin = self.state / 'plugins' / 'pretend-1.dist-info'
        plugin.mkdir(parents=True)
        (plugin / 'METADATA').write_text('Name: pretend\nVersion: 1\n')
        (plugin / 'entry_points.txt').write_text(
            '[neutron.ml2.mechanism_drivers]\n'
            'pretend = tests.cloud.networks:PretendMechanismDriver\n'
        )
        self.write('neutron.conf', templates.NEUTRON)
        self.processes.serve(
            'neutron',
            self.ports['network'],
            PYTHONPATH=str(plugin.parent),
            OS_NEUTRON_CONFIG_DIR=str(self.state),
            OS_NEUTRON_CONFIG_FILES='neutron.conf',
            NEUTRON_DATABASE='{}/neutron.sqlite'.format(self.values['db']),
        )

    def start_nova(self) -> None:
        """Start Nova, but no nova-compute, which would need the others."""
        self.write('nova.conf', templates.NOVA)
        # Some releases look nowhere else for it.
        share = self.nova.parent.parent / 'etc'
        shutil.copy(share / 'nova' / 'api-paste.ini', self.state)
        self.processes.listen(
            'nova',
            self.ports['compute'],
            [
                str(self.nova),
                '-m',
                'tests.cloud.nova_process',
                str(self.state),
                str(self.ports['compute']),
                str(self.hosts),
            ],
            {},
        )

    def control_nova(self, command: str) -> dict[str, Any]:
        """POST a command to Nova's control API, which has to succeed."""
        with requests.Session() as http:
            http.trust_env = False  # no proxy between here and loopback
            response = http.post(
                '{}/control/{}'.format(self.urls['compute'], command)
            )
        answer = response.json()
        if not response.ok:
            raise StartError(
                '{}\n{}'.format(answer['error'], tail(self.state / 'nova.log'))
            )
        return answer
