"""openstack host fencing list"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from collections.abc import Sequence
from typing import Any
from typing import TYPE_CHECKING

from osc_instanceha.osc import arguments
from osc_instanceha.osc import command
from osc_instanceha.osc import host_rows

if TYPE_CHECKING:
    from osc_instanceha import audit

_WHO = ('Host', 'Level', 'Device', 'Driver')
_SERVICE = ('State', 'Status', 'Forced Down')
_POWER = ('Power State', 'Seconds')
_MORE = ('Disabled Reason',)
_EVIDENCE = ('Read At', 'Evidence')


class ListFencing(command.Lister):
    """List compute hosts with their fencing devices

    With --check every device is asked for the power state of its host, and
    nothing is changed: the audit to make before the bad night.

    Exit codes: 0 no problem; 1 error; 2 usage; 3 with --check, a device does
    not answer or contradicts Nova, a host has no device, or a device no
    host.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            'hosts',
            metavar='<host>',
            nargs='*',
            help='Only this compute host (default: all of them, and all that '
            'instanceha.yaml names)',
        )
        parser.add_argument(
            '--check',
            action='store_true',
            help='Ask every device for the power state of its host',
        )
        arguments.add_long(parser)
        return parser

    def columns(self, parsed_args: argparse.Namespace) -> Sequence[str]:
        columns: tuple[str, ...] = (*_WHO, *_SERVICE)
        complete = parsed_args.long or command.for_machines(parsed_args)
        if parsed_args.check:
            columns += _POWER
        columns += ('Problem',)
        if complete:
            columns += _MORE
            if parsed_args.check:
                columns += _EVIDENCE
        return columns

    def act(
        self, parsed_args: argparse.Namespace
    ) -> tuple[command.ExitCode, Iterable[Any]]:
        run = self.cloud.fencing(parsed_args.hosts, check=parsed_args.check)
        code = self.watch(run)
        found = run.results()
        if parsed_args.check and any(row.problem for row in found):
            code = max(code, command.ExitCode.INCOMPLETE)
        columns = self.columns(parsed_args)
        by_name = [_row(row, parsed_args) for row in found]
        return code, command.cut(
            (tuple(row[name] for name in columns) for row in by_name),
            len(columns),
            parsed_args,
        )


def _row(row: audit.Row, parsed_args: argparse.Namespace) -> dict[str, Any]:
    service, seen = row.service, row.evidence
    up = service.up if service else None
    return {
        'Host': row.host,
        'Level': row.level,
        'Device': row.device,
        'Driver': row.driver,
        'State': None if up is None else 'up' if up else 'down',
        'Status': host_rows.status(service.enabled) if service else None,
        'Forced Down': service.forced_down if service else None,
        'Power State': seen.state.value if seen else None,
        'Seconds': round(seen.seconds, 1) if seen else None,
        'Problem': row.problem,
        'Disabled Reason': service.disabled_reason if service else None,
        'Read At': host_rows.read_at((seen,) if seen else ()),
        'Evidence': host_rows.shown((seen,) if seen else (), parsed_args),
    }
