"""Running a fence agent as Pacemaker does, and its time."""

from __future__ import annotations

from collections.abc import Mapping
import dataclasses
import os
import shutil
import subprocess
import time
from typing import Any

from benchmarks import kinds

_PATH = '/usr/sbin:/sbin:/usr/bin:/bin'

#: Seconds after which nobody waits for an agent any more.
CUT_OFF = 150.0


@dataclasses.dataclass(frozen=True)
class Ran:
    """:ivar code: exit code; None if it was cut off
    :ivar seconds: from its start to its end
    """

    code: int | None
    seconds: float


def why_not(name: str) -> str | None:
    """Why this agent cannot be run here, if it cannot."""
    if shutil.which(name, path=_PATH) is None:
        return f'{name} is not installed (fence-agents of Debian and Ubuntu)'
    return None


def run(
    name: str, action: str, parameters: Mapping[str, Any] | None = None
) -> Ran:
    """Let an agent do one action."""
    lines = {'action': action}
    if parameters is not None:
        lines |= {'username': kinds.USERNAME, 'password': kinds.PASSWORD}
        lines |= parameters
    text = ''.join(f'{key}={value}\n' for key, value in lines.items())
    began = time.monotonic()
    with subprocess.Popen(  # noqa: S603 - no shell
        [name],
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        # No proxy; and what it starts is in its group.
        env={'PATH': _PATH, 'LANG': 'C.UTF-8'},
        start_new_session=True,
    ) as process:
        try:
            process.communicate(text, timeout=CUT_OFF)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            return Ran(None, CUT_OFF)
    return Ran(process.returncode, time.monotonic() - began)


def version(name: str) -> str:
    """Of the package that the agent belongs to."""
    done = subprocess.run(  # noqa: S603 - no shell
        [name, '--version'],
        env={'PATH': _PATH},
        capture_output=True,
        text=True,
    )
    return (done.stdout.split() or ['?'])[0]
