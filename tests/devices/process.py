"""Simulators as processes, and their machines from anywhere else.

A simulator writes one line of JSON when it is ready: where its machines can
be reached, and whatever else a client has to know. It lives as long as its
standard input is open, so that none outlives its test.
"""

from __future__ import annotations

from collections.abc import Mapping
import json
from multiprocessing import managers
import os
import pathlib
import secrets
import subprocess
import sys
import threading
from typing import Any

from tests.devices import machine

ROOT = pathlib.Path(__file__).parents[2]


class _Manager(managers.BaseManager):
    """Hands out machines, and the device that they belong to."""


_METHODS = [
    name
    for name, value in vars(machine.Machine).items()
    if callable(value) and not name.startswith('_')
]


def serve(
    machines: Mapping[str, machine.Machine], device: Any = None, **more: Any
) -> None:
    """Let others steer the machines, until standard input ends.

    :param device: an object with methods of its own, for others to call
    :param more: goes into the line that tells that all is ready
    """
    key = secrets.token_hex(16)
    _Manager.register('machine', machines.__getitem__, exposed=_METHODS)
    _Manager.register('device', lambda: device)
    # An abstract socket of Linux: no file is left behind.
    address = f'\0{secrets.token_hex(16)}'
    server = _Manager(address, key.encode()).get_server()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(json.dumps({'control': address, 'key': key, **more}), flush=True)
    sys.stdin.buffer.read()
    os._exit(0)


class Simulator:
    """A running simulator, as a context manager.

    :param module: its name below tests.devices
    :param env: what it finds in its environment
    :ivar told: what it wrote when it was ready
    """

    def __init__(self, module: str, *args: str, **env: str) -> None:
        self._command = [sys.executable, '-m', f'tests.devices.{module}']
        self._command += args
        self._env = {**os.environ, **env}

    def __enter__(self) -> Simulator:
        self._process = subprocess.Popen(
            self._command,
            cwd=ROOT,
            env=self._env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # Ctrl-C is for whoever started it.
            start_new_session=True,
        )
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f'{self._command} ended')
        self.told: dict[str, Any] = json.loads(line)
        self._manager = connect(self.told)
        return self

    def __exit__(self, *_error: object) -> None:
        self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def machine(self, name: str) -> machine.Machine:
        """One machine; it lives in the simulator."""
        return self._manager.machine(name)

    def device(self) -> Any:
        return self._manager.device()


def connect(told: Mapping[str, Any]) -> Any:
    """Reach the machines of a simulator, from whatever process."""
    _Manager.register('machine')
    _Manager.register('device')
    manager = _Manager(told['control'], told['key'].encode())
    manager.connect()
    return manager
