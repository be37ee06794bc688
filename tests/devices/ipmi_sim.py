"""A BMC in C that has nothing to do with pyghmi: OpenIPMI's ipmi_sim.

It needs no root. What the chassis does is in a script, which works on files;
so this is no :class:`tests.devices.machine.Machine`, but can be used as one.
"""

from __future__ import annotations

import pathlib
import shutil
import signal
import socket
import subprocess
import time
from types import TracebackType

PROGRAM = 'ipmi_sim'

_LAN = """\
name "machine"
set_working_mc 0x20
  startlan 1
    addr 127.0.0.1 {port}
    priv_limit admin
    allowed_auths_callback none md2 md5 straight
    allowed_auths_user none md2 md5 straight
    allowed_auths_operator none md2 md5 straight
    allowed_auths_admin none md2 md5 straight
    guid a123456789abcdefa123456789abcdef
  endlan
  chassis_control "{folder}/chassis {folder}"
  user 1 true "" "test" user 10 none md2 md5 straight
  user 2 true "{username}" "{password}" admin 10 none md2 md5 straight
"""

_MC = """\
mc_setbmc 0x20
mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02 persist_sdr
mc_enable 0x20
"""

# Called as: chassis FOLDER get power | set power 0|1
_CHASSIS = """\
#!/bin/sh
cd "$1" || exit 1
shift
case "$1 $2" in
    'get power')
        echo "power:$(cat power)" ;;
    'get '*)
        echo "$2:0" ;;
    'set power')
        echo "$3" >> requests
        case "$(cat mode)" in
            stuck) ;;
            *) echo "$3" > power ;;
        esac ;;
esac
"""

_WORDS = {'0': 'off', '1': 'on'}
_DIGITS = {word: digit for digit, word in _WORDS.items()}


def why_not() -> str | None:
    """Why it cannot be started here, if it cannot."""
    if shutil.which(PROGRAM) is None:
        return f'{PROGRAM} is not installed (openipmi of Debian and Ubuntu)'
    return None


class IpmiSim:
    """A running ipmi_sim and its machine, as a context manager."""

    MODES = frozenset({'ok', 'stuck', 'silent'})

    def __init__(
        self, folder: pathlib.Path, username: str, password: str
    ) -> None:
        self._folder = folder
        self._login = {'username': username, 'password': password}
        self.port = 0

    def __enter__(self) -> IpmiSim:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
            free.bind(('127.0.0.1', 0))
            self.port = free.getsockname()[1]
        lan = _LAN.format(folder=self._folder, port=self.port, **self._login)
        (self._folder / 'lan.conf').write_text(lan)
        (self._folder / 'machine.emu').write_text(_MC)
        (self._folder / 'state').mkdir(exist_ok=True)
        script = self._folder / 'chassis'
        script.write_text(_CHASSIS)
        script.chmod(0o700)
        self._mode = 'ok'
        self.reset()
        log = self._folder / 'log'
        with log.open('wb') as output:
            self._process = subprocess.Popen(
                [PROGRAM, '-n']
                + ['-c', self._folder / 'lan.conf']
                + ['-f', self._folder / 'machine.emu']
                + ['-s', self._folder / 'state'],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        deadline = time.monotonic() + 10
        while not self._is_bound():
            if self._process.poll() is not None:
                raise RuntimeError(log.read_text(errors='replace'))
            if time.monotonic() > deadline:
                raise TimeoutError(f'{PROGRAM} does not listen')
            time.sleep(0.02)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.wait()

    def _is_bound(self) -> bool:
        table = pathlib.Path('/proc/net/udp').read_text()
        return f':{self.port:04X} ' in table

    def power(self) -> str:
        return _WORDS[(self._folder / 'power').read_text().strip()]

    def set_power(self, state: str) -> None:
        (self._folder / 'power').write_text(_DIGITS[state])

    def mode(self) -> str:
        return self._mode

    def behave(self, mode: str) -> None:
        (self._folder / 'mode').write_text(mode)
        if mode == 'silent':
            self._process.send_signal(signal.SIGSTOP)
        elif self._mode == 'silent':
            self._process.send_signal(signal.SIGCONT)
        self._mode = mode

    def requests(self) -> list[str]:
        lines = (self._folder / 'requests').read_text().split()
        return [_WORDS[line] for line in lines]

    def reset(self) -> None:
        self.behave('ok')
        self.set_power('on')
        (self._folder / 'requests').write_text('')
