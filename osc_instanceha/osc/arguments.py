"""The arguments that several commands have in common."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import Any

from osc_instanceha.osc import selecting


def add_hosts(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        'hosts',
        metavar='<host>',
        nargs='+',
        help='Compute host, by the exact name that "openstack compute '
        'service list" shows',
    )


def add_lock_timeout(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--lock-timeout',
        metavar='<seconds>',
        type=selecting.number(0),
        default=60,
        help='How long to wait for another run on the same host (default: 60)',
    )


def add_long(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--long',
        action='store_true',
        help='List additional fields (json and yaml always have them)',
    )


def said(
    parsed_args: argparse.Namespace, names: Iterable[str]
) -> dict[str, Any]:
    """Those of these arguments that were given; the others have defaults."""
    found = {name: getattr(parsed_args, name) for name in names}
    return {name: value for name, value in found.items() if value is not None}
