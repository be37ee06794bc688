"""What stands before and below sushy-tools' emulator."""

from __future__ import annotations

import base64
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
import json
import logging
import pathlib
import secrets
import time
from typing import Any

import bcrypt
from sushy_tools import error
from sushy_tools.emulator import main as emulator_main
from sushy_tools.emulator.resources.systems import fakedriver

from tests.devices import machine
from tests.devices import redfish

SESSIONS = '/redfish/v1/SessionService/Sessions'

#: Of a body that is as good as endless.
DROPS = 100

Environ = dict[str, Any]
StartResponse = Callable[..., Any]


class Register:
    """What the BMC remembers of its clients."""

    def __init__(self) -> None:
        self._tokens: dict[str, str] = {}
        self._opened = 0
        self._seen: list[str] = []

    def sessions(self) -> int:
        """How many are open."""
        return len(self._tokens)

    def opened(self) -> int:
        """How many have been opened since all were ended."""
        return self._opened

    def end_sessions(self) -> None:
        """As a BMC does after some minutes."""
        self._tokens.clear()
        self._opened = 0

    def seen(self) -> list[str]:
        """All requests, by method and path."""
        return list(self._seen)

    def note(self, environ: Environ) -> None:
        self._seen.append('{REQUEST_METHOD} {PATH_INFO}'.format(**environ))

    def open(self) -> tuple[str, str]:
        """A new session: its number and its token."""
        number, token = secrets.token_hex(4), secrets.token_hex(16)
        self._tokens[number] = token
        self._opened += 1
        return number, token

    def end(self, number: str) -> None:
        self._tokens.pop(number, None)

    def knows(self, token: str | None) -> bool:
        return token in self._tokens.values()


class Front:
    """A WSGI application: sessions, and the modes of HTTP itself."""

    def __init__(
        self,
        app: Any,
        machines: Mapping[str, machine.Machine],
        username: str,
        password: str,
        elsewhere: str,
    ) -> None:
        self._app = app
        self._machines = {
            redfish.identity(name): found for name, found in machines.items()
        }
        self._login = {'UserName': username, 'Password': password}
        self._basic = base64.b64encode(
            f'{username}:{password}'.encode()
        ).decode()
        self._elsewhere = elsewhere
        self.register = Register()

    def __call__(
        self, environ: Environ, start: StartResponse
    ) -> Iterable[bytes]:
        self.register.note(environ)
        path = environ['PATH_INFO']
        if path.startswith(SESSIONS):
            return self._session(environ, start)
        if self.register.knows(environ.get('HTTP_X_AUTH_TOKEN')):
            environ['HTTP_AUTHORIZATION'] = f'Basic {self._basic}'
        found = self._machines.get(path.removeprefix(redfish.PATH)[:36])
        mode = found.mode() if found else 'ok'
        match mode:
            case 'silent':
                _hold([found])
            case 'forbidden':
                return _answer(start, '403 Forbidden', {'error': {}})
            case 'unavailable':
                return _answer(start, '503 Service Unavailable', {})
            case 'garbage':
                start('200 OK', [('Content-Type', 'application/json')])
                return [b'<html>It works!</html>']
            case 'strange':
                return _answer(start, '200 OK', ['PowerState', 'Off'])
            case 'drip':
                start('200 OK', [('Content-Type', 'application/json')])
                return _drip()
            case 'elsewhere':
                location = ('Location', self._elsewhere + path)
                return _answer(start, '307 Temporary Redirect', {}, location)
        return self._app(environ, start)

    def _session(
        self, environ: Environ, start: StartResponse
    ) -> Iterable[bytes]:
        # They belong to all systems.
        _hold(self._machines.values())
        if environ['REQUEST_METHOD'] == 'DELETE':
            self.register.end(environ['PATH_INFO'].rpartition('/')[2])
            return _answer(start, '204 No Content')
        length = int(environ.get('CONTENT_LENGTH') or 0)
        if json.loads(environ['wsgi.input'].read(length)) != self._login:
            return _answer(start, '401 Unauthorized', {'error': {}})
        number, token = self.register.open()
        return _answer(
            start,
            '201 Created',
            {'Id': number},
            ('X-Auth-Token', token),
            ('Location', f'{SESSIONS}/{number}'),
        )


class Driver(fakedriver.FakeDriver):
    """The emulator's systems, which are our machines."""

    machines: Mapping[str, machine.Machine]

    def __init__(self) -> None:
        self._systems = {
            redfish.identity(name): {
                'uuid': redfish.identity(name),
                'name': name,
                'nics': [],
            }
            for name in self.machines
        }
        self._by_name = {}

    def get_power_state(self, identity: str) -> str | None:
        found = self.machines[self._get(identity)['name']]
        power = found.power().title()
        match found.mode():
            case 'wordless':
                return None
            case 'switching' if found.is_pending():
                return 'PoweringOff' if power == 'On' else 'PoweringOn'
        return power

    def set_power_state(self, identity: str, state: str) -> None:
        found = self.machines[self._get(identity)['name']]
        states = {'ForceOff': 'off', 'On': 'on'}
        if state not in states:
            raise error.BadRequest(f'{state}: this is a test')
        try:
            found.ask(states[state])
        except machine.Refused as refusal:
            raise error.BadRequest(str(refusal)) from refusal
        except machine.Broken as defect:
            raise error.FishyError(str(defect)) from defect


def emulator(
    machines: Mapping[str, machine.Machine],
    username: str,
    password: str,
    folder: pathlib.Path,
) -> Any:
    """The emulator's WSGI application: one for a process."""
    users = folder / 'htpasswd'
    digest = bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()
    users.write_text(f'{username}:{digest}\n')
    Driver.machines = machines
    # That is where the emulator looks for it.
    fakedriver.FakeDriver = Driver
    for name in ('werkzeug', 'sushy_tools'):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    app = emulator_main.app
    app.logger.setLevel(logging.CRITICAL)
    app.configure(
        extra_config={
            'SUSHY_EMULATOR_FAKE_DRIVER': True,
            'SUSHY_EMULATOR_FAKE_SYSTEMS': [],
            'SUSHY_EMULATOR_AUTH_FILE': str(users),
            'SUSHY_EMULATOR_FEATURE_SET': 'minimum',
        }
    )
    return app


def _hold(machines: Iterable[machine.Machine]) -> None:
    """Keep a client waiting while one of these is silent, and then drop it."""
    held = [found for found in machines if found.mode() == 'silent']
    while any(found.mode() == 'silent' for found in held):
        time.sleep(0.05)
    if held:
        raise ConnectionAbortedError


def _answer(
    start: StartResponse, status: str, body: Any = None, *headers: Any
) -> list[bytes]:
    data = b'' if body is None else json.dumps(body).encode()
    start(
        status,
        [
            ('Content-Type', 'application/json'),
            ('Content-Length', str(len(data))),
            *headers,
        ],
    )
    return [data]


def _drip() -> Iterator[bytes]:
    yield b'{"PowerState": "Off", "Name": "'
    for _ in range(DROPS):
        time.sleep(0.1)
        yield b'x'
