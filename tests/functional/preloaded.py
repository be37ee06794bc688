"""The openstack command in a process that has imported it already.

Most of the time of a short command is spent on imports. A process forked
from one that has done them does all the rest as any other does: its own
arguments, environment, streams, signals and exit code.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
import multiprocessing
import os
import pathlib
import signal
import sys

# Not by fork: this process has threads.
_CONTEXT = multiprocessing.get_context('forkserver')
_CONTEXT.set_forkserver_preload(
    [
        'openstackclient.shell',
        'osc_instanceha.cloud',
        'osc_instanceha.config.reading',
        'sushy',
        __name__,
    ]
)


def start(
    args: Sequence[str],
    env: Mapping[str, str],
    stdout: pathlib.Path,
    stderr: pathlib.Path,
) -> multiprocessing.context.ForkServerProcess:
    """Start the command; its output goes to files."""
    process = _CONTEXT.Process(
        target=_run, args=(list(args), dict(env), stdout, stderr)
    )
    process.start()
    return process


def _run(
    args: list[str],
    env: dict[str, str],
    stdout: pathlib.Path,
    stderr: pathlib.Path,
) -> None:
    os.environ.clear()
    os.environ.update(env)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, path in ((1, stdout), (2, stderr)):
        with path.open('ab') as file:
            os.dup2(file.fileno(), number)
    with open(os.devnull) as nothing:
        os.dup2(nothing.fileno(), 0)
    sys.stdin = open(0)
    from openstackclient import shell

    sys.argv = ['openstack', *args]
    sys.exit(shell.main(args))
