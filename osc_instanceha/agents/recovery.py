"""osc-instanceha-recovery: evacuates fenced hosts for as long as it runs."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
import datetime
import os
import signal
import sys
from typing import Any
from typing import TYPE_CHECKING

from osc_instanceha.agents import sign as sign_

if TYPE_CHECKING:
    from osc_instanceha import cloud


class Ended(KeyboardInterrupt):
    """SIGTERM: ends what is going on as Ctrl-C does."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until SIGTERM, and return the exit code.

    A sign of life is given as soon as all that it is told is understood.
    """
    given = _parser().parse_args(arguments)
    for variable, path in (
        ('OS_CLIENT_CONFIG_FILE', given.clouds_file),
        ('OS_INSTANCEHA_CONFIG', given.config),
    ):
        if path:
            os.environ[variable] = path
    signal.signal(signal.SIGTERM, _end)
    sign = sign_.Sign(given.sign)
    from osc_instanceha import exceptions

    try:
        _run(given, sign)
    except exceptions.InvalidInput as error:
        # Nobody would notice it in something that goes on.
        _tell(f'error: {error}')
        return 1
    except KeyboardInterrupt:
        _tell('ended as told; what is open goes on in Nova')
    sign.withdraw()
    return 0


def _run(given: argparse.Namespace, sign: sign_.Sign) -> None:
    from osc_instanceha import cloud
    from osc_instanceha.agents import rounds

    clock = sign_.Clock(sign)

    def connect() -> cloud.Cloud:
        return cloud.connect(given.cloud, clock=clock)

    # Without the network: what it is told can be understood.
    connect()
    sign.give()
    _tell(f'looking for fenced hosts every {given.interval:g} s')
    rounds.Rounds(
        connect,
        _tell,
        clock,
        interval=given.interval,
        longest=given.longest_pause,
    ).run()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='osc-instanceha-recovery',
        description='Evacuate every host that is forced down in Nova, now '
        'and later, until SIGTERM. How is said by instanceha.yaml. The same '
        'as "openstack host evacuate --fenced", again and again.',
        allow_abbrev=False,
    )
    parser.add_argument('--cloud', required=True, help='Name in clouds.yaml')
    parser.add_argument(
        '--clouds-file', help='Path of clouds.yaml, if not where it belongs'
    )
    parser.add_argument(
        '--config', help='Path of instanceha.yaml, if not where it belongs'
    )
    parser.add_argument(
        '--interval',
        type=_seconds,
        default=10.0,
        help='Seconds between two looks at the cloud (default: 10)',
    )
    parser.add_argument(
        '--longest-pause',
        type=_seconds,
        default=60.0,
        help='Seconds after which hosts are looked at again on which nothing '
        'could be done (default: 60)',
    )
    parser.add_argument(
        '--sign',
        metavar='FILE',
        help='A file that is renewed as a sign of life: process ID, and '
        'seconds since the machine was booted',
    )
    return parser


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0.1 <= seconds <= 86400:
        raise ValueError
    return seconds


def _end(_number: int, _frame: Any) -> None:
    # Once: what ends must not be interrupted in that.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise Ended


def _tell(text: str) -> None:
    now = datetime.datetime.now(datetime.UTC).strftime('%Y-%m-%dT%H:%M:%SZ')
    sys.stderr.write(f'{now} {text}\n')
    sys.stderr.flush()
