"""The driver ``ipmi``: a BMC that speaks IPMI 2.0 over the network.

The protocol is pyghmi's, of OpenStack; the other library for Python that is
kept, python-ipmi, has no RMCP+ of its own (its issue 190), and ipmitool cannot
be told Kg otherwise than on its command line or in its environment. pyghmi is
made for one thread of one process that lives as long as it does, so each
driver has a child process (:mod:`~osc_instanceha.fencing.ipmi_session`), which
is killed when it is late.
"""

from __future__ import annotations

from collections.abc import Mapping
import importlib.util
import json
import os
import select
import subprocess
import sys
import time
from typing import Any
from typing import IO

from osc_instanceha import exceptions
from osc_instanceha.fencing import driver

#: Seconds in which a session has time to log out.
_CLOSING = 1.0

#: Seconds without a request after which a session may be gone: a BMC ends
#: it after 60 (IPMI v2.0, 6.12.15).
_IDLE = 30.0

#: Bytes that IPMI 2.0 has room for (13.20, 22.28, 22.30, 13.33).
_LONGEST = {'username': 16, 'password': 20, 'kg': 20}

_PRIVILEGES = {'operator': 3, 'administrator': 4}

#: What a child gets of the environment, beside PYTHON*: passwords may be in
#: it, and none is needed there.
_ENVIRONMENT = frozenset(
    {'HOME', 'LANG', 'LC_ALL', 'LC_CTYPE', 'LD_LIBRARY_PATH', 'PATH'}
)


class Ipmi(driver.Driver):
    """Speaks to the BMC of one machine."""

    summary = 'A BMC with IPMI 2.0'
    extra = 'ipmi'
    of_machine = True
    options = (
        driver.Option(
            'address',
            'Name or IP address of the BMC',
            required=True,
            names_target=True,
        ),
        driver.Option(
            'port',
            'UDP port of the BMC',
            kind=driver.Kind.INTEGER,
            default=623,
            names_target=True,
        ),
        driver.Option('username', 'User of the BMC', required=True),
        driver.Option(
            'password', 'Password of that user', required=True, secret=True
        ),
        driver.Option(
            'kg',
            'Key Kg of the BMC, if it has one; hexadecimal after 0x',
            secret=True,
        ),
        driver.Option(
            'privilege',
            'Level to ask for; operator suffices for power',
            default='administrator',
            choices=tuple(_PRIVILEGES),
        ),
    )

    def __init__(
        self, target: driver.Target, options: Mapping[str, Any]
    ) -> None:
        super().__init__(target, options)
        _check(options)
        self._arguments = {
            'bmc': options['address'],
            'port': options['port'],
            'userid': options['username'],
            'password': options['password'],
            'kg': _bytes_of(options['kg'] or '').hex(),
            'privlevel': _PRIVILEGES[options['privilege']],
        }
        if importlib.util.find_spec('pyghmi') is None:
            raise exceptions.MissingLibrary('ipmi', 'ipmi')
        self._child: _Child | None = None

    def read(self, timeout: float) -> driver.Reading:
        answer = self._ask('read', timeout)
        return driver.Reading(
            driver.PowerState(answer['power']),
            f'chassis power {answer["power"]}',
        )

    def switch(self, state: driver.PowerState, timeout: float) -> None:
        self._ask(state.value, timeout)

    def close(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.close()

    def _ask(self, what: str, timeout: float) -> dict[str, Any]:
        if self._child is not None and self._child.idle() > _IDLE:
            self.close()
        # Not ours any more until it has answered: a late answer must not be
        # taken for that to the next question.
        child, self._child = self._child, None
        if child is None:
            child = _Child(self._arguments)
        try:
            answer = child.ask(what, timeout)
        except BaseException:
            child.kill()
            raise
        if 'failed' in answer:
            child.close()
            raise self._error(answer)
        self._child = child
        return answer

    def _error(self, answer: Mapping[str, str]) -> exceptions.DeviceError:
        words = answer['words']
        if answer['failed'] == 'silence':
            return exceptions.DeviceUnreachable(words)
        if 'Unauthorized' in words or 'role' in words or 'privilege' in words:
            words += (
                f' (is the user known, and may it have the privilege '
                f'{self.values["privilege"]}?)'
            )
        return exceptions.DeviceError(words)


class _Child:
    """A running :mod:`~osc_instanceha.fencing.ipmi_session`.

    :param arguments: of pyghmi's Command; they go through a pipe
    """

    def __init__(self, arguments: Mapping[str, Any]) -> None:
        self._process = subprocess.Popen(  # noqa: S603
            _command(),
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=_environment(),
            # Ctrl-C is not for it.
            start_new_session=True,
        )
        self._arguments: Mapping[str, Any] | None = arguments
        self._used = time.monotonic()

    def ask(self, what: str, timeout: float) -> dict[str, Any]:
        """The answer to one request.

        :param timeout: seconds
        :raises DeviceUnreachable: if there is none by then
        :raises DeviceError: if the child cannot work
        """
        end = time.monotonic() + timeout
        request = {'do': what, 'seconds': timeout + _CLOSING}
        try:
            if self._arguments is not None:
                self._send(self._arguments)
                self._arguments = None
            self._send(request)
            line = b''
            while not line.endswith(b'\n'):
                line += self._receive(end)
        except (BrokenPipeError, EOFError):
            raise self._end() from None
        except TimeoutError:
            raise exceptions.DeviceUnreachable(
                f'no answer within {timeout:.3g} s'
            ) from None
        self._used = time.monotonic()
        answer: dict[str, Any] = json.loads(line)
        return answer

    def idle(self) -> float:
        """Seconds since the last answer."""
        return time.monotonic() - self._used

    def close(self) -> None:
        """Let it log out; a BMC has room for a few sessions only."""
        self._pipe('stdin').close()
        # Its end is seen at once like this; wait() looks now and then.
        poll = select.poll()
        poll.register(self._pipe('stdout'), 0)
        poll.poll(_CLOSING * 1000)
        self.kill()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        for name in ('stdin', 'stdout', 'stderr'):
            self._pipe(name).close()

    def _pipe(self, name: str) -> IO[bytes]:
        pipe: IO[bytes] = getattr(self._process, name)
        return pipe

    def _send(self, content: Mapping[str, Any]) -> None:
        self._pipe('stdin').write(json.dumps(content).encode() + b'\n')

    def _receive(self, end: float) -> bytes:
        stdout = self._pipe('stdout')
        poll = select.poll()
        poll.register(stdout, select.POLLIN)
        left = max(end - time.monotonic(), 0)
        if not poll.poll(left * 1000):
            raise TimeoutError
        received = stdout.read(4096)
        if not received:
            raise EOFError
        return received

    def _end(self) -> exceptions.DeviceError:
        """Why it has ended."""
        code = self._process.wait()
        if code < 0:
            return exceptions.DeviceUnreachable(
                f'its child process was killed (signal {-code})'
            )
        said = self._pipe('stderr').read().decode(errors='replace').split('\n')
        words = next((line for line in reversed(said) if line.strip()), '')
        return exceptions.DeviceError(
            f'its child process has ended ({code}): {words.strip()}'
        )


def _command() -> list[str]:
    """A Python like this one, with the same modules.

    ``-P`` keeps the current folder, whatever is in it, out of its path; not
    ``-I``, with which PYTHONPATH and the user's own packages, where this
    package may be installed, would be out of it, too.
    """
    command = [sys.executable, '-P']
    if sys.flags.ignore_environment:
        command.append('-E')
    if sys.flags.no_user_site:
        command.append('-s')
    return [*command, '-m', 'osc_instanceha.fencing.ipmi_session']


def _environment() -> dict[str, str]:
    return {
        name: value
        for name, value in os.environ.items()
        if name in _ENVIRONMENT or name.startswith('PYTHON')
    }


def _bytes_of(key: str) -> bytes:
    """The key, from text or from hexadecimal digits after 0x.

    :raises ValueError: if they are none
    """
    if key.startswith('0x'):
        return bytes.fromhex(key[2:])
    return key.encode()


def _check(options: Mapping[str, Any]) -> None:
    """Find what cannot be right.

    :raises DeviceError: without the value, which may be a secret
    """
    try:
        sizes = {
            'username': len(options['username'].encode()),
            'password': len(options['password'].encode()),
            'kg': len(_bytes_of(options['kg'] or '')),
        }
    except ValueError:
        raise exceptions.DeviceError(
            'kg has no hexadecimal digits after 0x'
        ) from None
    for name, size in sizes.items():
        if size > _LONGEST[name]:
            raise exceptions.DeviceError(
                f'{name} is longer than the {_LONGEST[name]} bytes that IPMI '
                f'2.0 allows'
            )
