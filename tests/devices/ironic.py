"""A real Ironic, all in one process, in a virtual environment of its own.

Nothing of it is pretended but what it manages: the hardware type redfish
speaks to :mod:`tests.devices.redfish`, fake-hardware to nobody. It asks for
a password (HTTP basic), as its API would for a token.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time
from typing import Any

import bcrypt
import requests

REQUIREMENTS = pathlib.Path(__file__).with_name('ironic-requirements.txt')

USERNAME = 'operator'

#: Seconds until everything has to be there, and until a node has to be idle.
PATIENCE = 60.0

#: Seconds until Ironic gives up a machine that does not switch.
POWER_PATIENCE = 8

_HARDWARE = {
    'hardware_types': 'fake-hardware,redfish',
    'power_interfaces': 'fake,redfish',
    'management_interfaces': 'fake,redfish',
    'boot_interfaces': 'fake,redfish-virtual-media',
    'deploy_interfaces': 'fake,direct',
    'bios_interfaces': 'no-bios',
    'console_interfaces': 'no-console',
    'firmware_interfaces': 'no-firmware',
    'inspect_interfaces': 'no-inspect',
    'network_interfaces': 'noop',
    'raid_interfaces': 'no-raid',
    'rescue_interfaces': 'no-rescue',
    'storage_interfaces': 'noop',
    'vendor_interfaces': 'no-vendor',
}


def installed(folder: pathlib.Path) -> pathlib.Path:
    """The folder of Ironic's programs, installed there if they are not."""
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    done = folder / 'installed'
    if not done.exists() or done.read_text() != wanted:
        subprocess.run(
            [sys.executable, '-m', 'venv', '--clear', folder], check=True
        )
        pip = [folder / 'bin' / 'python', '-m', 'pip', 'install', '--quiet']
        subprocess.run(
            [*pip, '--no-deps', '--requirement', REQUIREMENTS], check=True
        )
        done.write_text(wanted)
    return folder / 'bin'


class Ironic:
    """A running Ironic, as a context manager.

    :param programs: see :func:`installed`
    :param folder: for its database and its log
    """

    def __init__(
        self, programs: pathlib.Path, folder: pathlib.Path, password: str
    ) -> None:
        self._programs = programs
        self._folder = folder
        self._password = password
        self._port = _free_port()
        self.address = f'http://127.0.0.1:{self._port}'
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.auth = (USERNAME, password)
        self._session.headers['X-OpenStack-Ironic-API-Version'] = '1.78'

    def __enter__(self) -> Ironic:
        config = self._folder / 'ironic.conf'
        config.write_text(self._config())
        (self._folder / 'users').write_bytes(
            USERNAME.encode()
            + b':'
            + bcrypt.hashpw(self._password.encode(), bcrypt.gensalt(4, b'2b'))
        )
        with (self._folder / 'ironic.log').open('w') as log:
            subprocess.run(
                self._command('ironic-dbsync', config, 'create_schema'),
                check=True,
                stdout=log,
                stderr=log,
            )
            self._process = subprocess.Popen(
                self._command('ironic', config),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_die_with_parent,
            )
        try:
            self._wait_until_ready()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._session.close()

    def fall_silent(self) -> None:
        """Accept connections (the kernel does) and no more."""
        os.killpg(self._process.pid, signal.SIGSTOP)

    def answer(self) -> None:
        """Again, after it fell silent."""
        os.killpg(self._process.pid, signal.SIGCONT)

    def add(self, name: str, driver: str, **driver_info: Any) -> None:
        """A node that can be switched; Ironic has read its power state."""
        self._call(
            'POST',
            'nodes',
            {'name': name, 'driver': driver, 'driver_info': driver_info},
        )
        # Verifies that it can be reached.
        self._call(
            'PUT', f'nodes/{name}/states/provision', {'target': 'manage'}
        )
        self._wait(name, lambda node: node['provision_state'] == 'manageable')

    def node(self, name: str) -> dict[str, Any]:
        return self._call('GET', f'nodes/{name}')

    def set_power(self, name: str, state: str) -> None:
        """Let Ironic see to it, and know it.

        What is so already, it just notes.
        """
        self._wait_until_idle(name)
        self._call(
            'PUT', f'nodes/{name}/states/power', {'target': f'power {state}'}
        )
        node = self._wait_until_idle(name)
        assert node['power_state'] == f'power {state}', node

    def set_maintenance(self, name: str, reason: str) -> None:
        self._call('PUT', f'nodes/{name}/maintenance', {'reason': reason})

    def _wait_until_idle(self, name: str) -> dict[str, Any]:
        return self._wait(
            name,
            lambda node: (
                not (node['reservation'] or node['target_power_state'])
            ),
        )

    def _wait(self, name: str, there: Any) -> dict[str, Any]:
        deadline = time.monotonic() + PATIENCE
        while not there(node := self.node(name)):
            assert time.monotonic() < deadline, node
            time.sleep(0.05)
        return node

    def _call(
        self, method: str, path: str, body: Any = None
    ) -> dict[str, Any]:
        response = self._session.request(
            method, f'{self.address}/v1/{path}', json=body, timeout=PATIENCE
        )
        assert response.ok, response.text
        return response.json() if response.content else {}

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                self._call('GET', 'nodes')
                if self._call('GET', 'drivers')['drivers']:
                    return
            except requests.ConnectionError:
                pass
            assert self._process.poll() is None, self._log()
            assert time.monotonic() < deadline, self._log()
            time.sleep(0.1)

    def _log(self) -> str:
        return (self._folder / 'ironic.log').read_text()[-2000:]

    def _command(self, program: str, config: pathlib.Path, *more: str) -> Any:
        return [self._programs / program, '--config-file', config, *more]

    def _config(self) -> str:
        enabled = '\n'.join(
            f'enabled_{name} = {value}' for name, value in _HARDWARE.items()
        )
        return f"""
[DEFAULT]
auth_strategy = http_basic
http_basic_auth_user_file = {self._folder}/users
default_network_interface = noop
host = ironic
my_ip = 127.0.0.1
rpc_transport = none
state_path = {self._folder}
use_stderr = true
{enabled}
[api]
host_ip = 127.0.0.1
port = {self._port}
[conductor]
automated_clean = false
power_state_change_timeout = {POWER_PATIENCE}
# Nothing but a request changes what it knows.
sync_power_state_interval = 3600
[database]
connection = sqlite:///{self._folder}/ironic.sqlite
[json_rpc]
auth_strategy = noauth
[oslo_concurrency]
lock_path = {self._folder}
[oslo_messaging_notifications]
driver = noop
[redfish]
swift_account = none
"""


def _free_port() -> int:
    with socket.create_server(('127.0.0.1', 0)) as taken:
        return taken.getsockname()[1]


def _die_with_parent() -> None:
    # PR_SET_PDEATHSIG: it must not outlive a test that was killed.
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
