"""openstack host fence"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from collections.abc import Sequence
from typing import Any
from typing import TYPE_CHECKING

from osc_instanceha.osc import arguments
from osc_instanceha.osc import command
from osc_instanceha.osc import host_rows
from osc_instanceha.osc import selecting

if TYPE_CHECKING:
    from osc_instanceha.fencing import result


class FenceHost(command.Lister):
    """Fence hosts: power them off, see them off, mark them in Nova

    Every host is switched off by its fencing devices in instanceha.yaml. It
    counts as off when the devices, asked again, say so; then Nova is told
    in one call: forced down, disabled, and why. A host that is off already
    is only marked. Several hosts are fenced side by side.

    Safe to run again at any time: it continues where the last run stopped.

    Exit codes: 0 all hosts are fenced; 1 error, nothing was changed; 2
    usage; 3 a host is off, but Nova did not take the mark; 4 a host is not
    proven off; 5 a safety limit refused, as for a host that Nova counts as
    up.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        arguments.add_hosts(parser)
        parser.add_argument(
            '--force',
            action='store_true',
            help='Also a host that Nova counts as up: its servers are '
            'switched off with it',
        )
        parser.add_argument(
            '--confirm-off',
            action='store_true',
            help='You have seen the hosts off: ask no device to do anything, '
            'and mark them unless a device says that the machine is on, or '
            'nova-compute is heard',
        )
        parser.add_argument(
            '--dry-run',
            action='store_true',
            help='Read the power states; change nothing',
        )
        parser.add_argument(
            '--max-hosts-down',
            metavar='<N|N%>',
            type=selecting.host_limit,
            help='Refuse if more compute hosts than that would be forced '
            'down, those named here among them',
        )
        parser.add_argument(
            '--report-interval',
            metavar='<seconds>',
            type=selecting.number(1),
            help='report_interval in nova.conf of the hosts, for '
            '--confirm-off: a host whose nova-compute is heard within that '
            'time is alive (default: 10)',
        )
        arguments.add_lock_timeout(parser)
        arguments.add_long(parser)
        return parser

    def columns(self, parsed_args: argparse.Namespace) -> Sequence[str]:
        return host_rows.columns(parsed_args)

    def act(
        self, parsed_args: argparse.Namespace
    ) -> tuple[command.ExitCode, Iterable[Any]]:
        names = ('force', 'confirm_off', 'max_hosts_down', 'report_interval')
        cloud = self.cloud
        run = cloud.fence(
            parsed_args.hosts,
            cloud.fence_options(**arguments.said(parsed_args, names)),
            dry_run=parsed_args.dry_run,
            lock_timeout=parsed_args.lock_timeout,
        )
        code = self.watch(run)
        results = run.results()
        return max(code, _exit_code(results)), host_rows.rows(
            results, parsed_args
        )


def _exit_code(results: Sequence[result.HostResult]) -> command.ExitCode:
    """The most serious of what happened; see the class's docstring."""
    from osc_instanceha.fencing import result

    outcomes = {item.outcome for item in results}
    for outcome, code in (
        (result.HostOutcome.FAILED, command.ExitCode.NOT_PROVEN_OFF),
        (result.HostOutcome.REFUSED, command.ExitCode.LIMIT),
        (result.HostOutcome.NOT_MARKED, command.ExitCode.INCOMPLETE),
    ):
        if outcome in outcomes:
            return code
    return command.ExitCode.DONE
