"""A child process that holds one IPMI session: one BMC, one caller.

    python -m osc_instanceha.fencing.ipmi_session

The first line on standard input is a JSON object with the arguments of
pyghmi's Command; every further line is one of the words below, and is
answered by one line of JSON. The end of the input ends the session.

=========  ==============================================================
read       ``{"power": "on"}`` or ``{"power": "off"}``, asked for now
off, on    ``{"accepted": true}``
=========  ==============================================================

What goes wrong is answered with ``{"failed": WHY, "words": TEXT}``, where WHY
is ``silence`` (asking again may help) or ``refusal`` (it does not).

pyghmi has one set of sockets and threads for a whole process, waits for ever
now and then, and fails in a second session to the same BMC: so it lives here,
where it can be killed. The functions are plain IPMI (v2.0 specification,
28.2 Get Chassis Status, 28.3 Chassis Control), and sent as such: Command's own
get_power() and set_power() ask for the vendor first, and get_power() again.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from typing import Any
from typing import TextIO

#: Network function, and commands of it.
_CHASSIS = 0
_STATUS = 1
_CONTROL = 2

_DIRECTIVES = {'off': 0, 'on': 1}

#: Completion codes after which another answer may come (table 5-2): node
#: busy, timeout, out of space, unspecified, initialising.
_PASSING = frozenset({0xC0, 0xC3, 0xC4, 0xD2, 0xFF})

#: pyghmi's words for no answer, and of a BMC that has no session left.
_SILENCE = ('', 'None', 'timeout', 'Session no longer connected')
_BUSY = 'Insufficient resources'


class _Failure(Exception):
    """What is answered instead."""

    def __init__(self, why: str, words: str) -> None:
        super().__init__(words)
        self.why = why


class Session:
    """The session, which is opened by the first request."""

    def __init__(self, **arguments: Any) -> None:
        kg = arguments.pop('kg')
        self._arguments = {
            **arguments,
            'kg': bytes.fromhex(kg) if kg else None,
        }
        self._command: Any = None

    def do(self, word: str) -> dict[str, Any]:
        """The answer to one line."""
        try:
            if word == 'read':
                return {'power': self._power()}
            self._send(_CONTROL, [_DIRECTIVES[word]])
        except _Failure as failure:
            return {'failed': failure.why, 'words': str(failure)}
        except Exception as error:
            # pyghmi trips over what it does not expect from a BMC.
            return {
                'failed': 'silence',
                'words': f'its answer cannot be understood: {error!r}',
            }
        return {'accepted': True}

    def end(self) -> None:
        if self._command is not None:
            self._command.logout()

    def _power(self) -> str:
        status = self._send(_STATUS)
        if not status:
            raise _Failure('silence', 'a chassis status without any data')
        return 'on' if status[0] & 1 else 'off'

    def _send(self, command: int, data: list[int] | None = None) -> bytes:
        from pyghmi import exceptions

        try:
            if self._command is None:
                self._command = self._open()
            response = self._command.raw_command(
                netfn=_CHASSIS, command=command, data=data or ()
            )
        except exceptions.IpmiException as error:
            words = str(error)
            if words in _SILENCE:
                raise _Failure('silence', 'no answer') from error
            passing = words.startswith(_BUSY)
            raise _Failure(
                'silence' if passing else 'refusal', words
            ) from error
        code = response.get('code', 0)
        if code or 'error' in response:
            words = response.get('error') or f'completion code {code:#04x}'
            passing = code in _PASSING or words in _SILENCE
            raise _Failure('silence' if passing else 'refusal', words)
        return bytes(response['data'])

    def _open(self) -> Any:
        from pyghmi.ipmi import command

        try:
            return command.Command(**self._arguments)
        except socket.gaierror as error:
            passing = error.errno == socket.EAI_AGAIN
            raise _Failure(
                'silence' if passing else 'refusal',
                f'its name cannot be resolved: {error.strerror}',
            ) from error


def main() -> None:
    # Ctrl-C is for the parent, which then ends us.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = _answers()
    session = Session(**json.loads(sys.stdin.readline()))
    for line in sys.stdin:
        request = json.loads(line)
        # A parent that was killed cannot kill us.
        signal.setitimer(signal.ITIMER_REAL, request['seconds'])
        answers.write(json.dumps(session.do(request['do'])) + '\n')
        answers.flush()
        signal.setitimer(signal.ITIMER_REAL, 0)
    signal.setitimer(signal.ITIMER_REAL, 1)
    session.end()
    # pyghmi's thread does not end.
    os._exit(0)


def _answers() -> TextIO:
    """Standard output, and keep pyghmi, which prints, from writing to it."""
    answers = os.fdopen(os.dup(1), 'w')
    os.dup2(2, 1)
    return answers


if __name__ == '__main__':
    main()
