"""openstack host unfence"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from collections.abc import Sequence
from typing import Any

from osc_instanceha.osc import arguments
from osc_instanceha.osc import command
from osc_instanceha.osc import host_rows
from osc_instanceha.osc import selecting


class UnfenceHost(command.Lister):
    """Unfence hosts: bring repaired hosts back into service

    Waits until no evacuation from the host is open, switches it on, waits
    until its nova-compute has cleaned up what was evacuated, lifts forced
    down, waits until it is up, and enables it. A host that somebody had
    disabled for a reason of their own stays disabled.

    Safe to run again at any time: it continues where the last run stopped.

    Exit codes: 0 all hosts are back; 1 error, nothing was changed; 2 usage;
    3 a host is not back, see its reason.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        arguments.add_hosts(parser)
        parser.add_argument(
            '--no-power-on',
            dest='power_on',
            action='store_false',
            help='Switch nothing on: somebody else has done so, or will',
        )
        parser.add_argument(
            '--timeout',
            metavar='<seconds>',
            type=selecting.number(1),
            default=1800,
            help='How long a host may take to come back (default: 1800)',
        )
        arguments.add_lock_timeout(parser)
        arguments.add_long(parser)
        return parser

    def columns(self, parsed_args: argparse.Namespace) -> Sequence[str]:
        return host_rows.columns(parsed_args)

    def act(
        self, parsed_args: argparse.Namespace
    ) -> tuple[command.ExitCode, Iterable[Any]]:
        from osc_instanceha.fencing import options
        from osc_instanceha.fencing import result

        run = self.cloud.unfence(
            parsed_args.hosts,
            options.UnfenceOptions(
                power_on=parsed_args.power_on, timeout=parsed_args.timeout
            ),
            lock_timeout=parsed_args.lock_timeout,
        )
        code = self.watch(run)
        results = run.results()
        if any(
            item.outcome is not result.HostOutcome.UNFENCED for item in results
        ):
            code = max(code, command.ExitCode.INCOMPLETE)
        return code, host_rows.rows(results, parsed_args)
