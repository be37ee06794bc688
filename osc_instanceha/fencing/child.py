"""Running another program: a hard limit, and nothing left of it."""

from __future__ import annotations

from collections.abc import Sequence
import contextlib
import dataclasses
import os
import shutil
import signal
import subprocess
from typing import BinaryIO

from osc_instanceha import exceptions

#: Where programs for administrators are, whoever runs this.
_ADMIN_PATH = '/usr/sbin:/sbin'

#: Seconds for the kernel to end what was killed.
_REAPING = 0.5


@dataclasses.dataclass(frozen=True)
class Ended:
    """A program that has ended.

    :ivar code: its exit code; negative for a signal
    """

    code: int
    stdout: str
    stderr: str


class Overdue(exceptions.DeviceUnreachable):
    """A program did not end in time, and was killed."""


def find(program: str) -> str:
    """The path of a program, looked for where administrators have theirs.

    :param program: its name, or its path
    :raises DeviceError: if it is not there, or not executable
    """
    path = shutil.which(program, path=_path())
    if path is None:
        raise exceptions.DeviceError(
            f'no program {program}: it is not installed, not executable, or '
            f'neither in PATH nor in {_ADMIN_PATH}'
        )
    return os.path.abspath(path)


def run(command: Sequence[str], *, timeout: float, stdin: str = '') -> Ended:
    """Run a program to its end.

    It gets an environment of its own: this process's holds credentials, and
    proxies that a device is not behind.

    :param command: without secrets, since everybody sees it
    :param timeout: seconds until it is killed, and all that it has started
        in its process group
    :param stdin: what it reads; secrets belong here
    :raises Overdue: if it had to be killed
    :raises DeviceError: if it cannot be started
    """
    # Not pipes: one of its own children that lives on keeps a pipe open, and
    # whoever reads it waits. Memory has a name for nobody.
    with _memory(stdin) as given, _memory() as stdout, _memory() as stderr:
        try:
            process = subprocess.Popen(  # noqa: S603 - no shell
                command,
                stdin=given,
                stdout=stdout,
                stderr=stderr,
                env=_environment(),
                cwd='/',
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            raise exceptions.DeviceError(
                f'{command[0]} cannot be started: '
                f'{getattr(error, "strerror", None) or error}'
            ) from error
        try:
            code = process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise Overdue(
                f'{os.path.basename(command[0])} did not end within '
                f'{timeout:.3g} s'
            ) from None
        finally:
            _end(process)
        return Ended(code, _text(stdout), _text(stderr))


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill the process group: what the program has left running, too."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    # One that the kernel cannot end now is not waited for.
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_REAPING)


def _memory(content: str = '') -> BinaryIO:
    """A file without a name, which is gone when it is closed."""
    file = os.fdopen(os.memfd_create('osc-instanceha'), 'w+b')
    file.write(content.encode())
    file.flush()
    file.seek(0)
    return file


def _text(file: BinaryIO) -> str:
    file.seek(0)
    return file.read().decode(errors='replace')


def _path() -> str:
    return f'{os.environ.get("PATH", os.defpath)}:{_ADMIN_PATH}'


def _environment() -> dict[str, str]:
    environment = {'PATH': _path(), 'LANG': 'C.UTF-8'}
    # Where ssh and the cloud agents keep their keys.
    if 'HOME' in os.environ:
        environment['HOME'] = os.environ['HOME']
    return environment
