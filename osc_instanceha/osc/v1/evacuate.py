"""openstack host evacuate"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from collections.abc import Sequence
from typing import Any
from typing import TYPE_CHECKING

from osc_instanceha.osc import arguments
from osc_instanceha.osc import command
from osc_instanceha.osc import selecting

if TYPE_CHECKING:
    from osc_instanceha import cloud
    from osc_instanceha import model
    from osc_instanceha import options
    from osc_instanceha import plan
    from osc_instanceha import recovery

_FIRST = ('Server ID', 'Name', 'Host', 'Status', 'Data')
_LAST = ('Destination', 'Reason')
_MORE = ('Project ID', 'Attempts', 'Request ID')
_RESULT = (*_FIRST, 'Outcome', *_LAST)
_PLAN = (*_FIRST, 'Action', *_LAST)


class EvacuateHost(command.Lister):
    """Evacuate the servers of DEAD hosts: rebuild them on other hosts

    The host must be off, and be marked so in Nova (forced down). While a
    server still runs there, an evacuation starts it a second time on the
    same disks and destroys its data. To empty a host that is alive, migrate
    its servers instead.

    Waits until every server is accounted for, and prints one row for each
    server of the host. Safe to run again at any time: it continues where the
    last run stopped and never asks twice for one server.

    Exit codes: 0 all that was asked is done; 1 error, nothing was changed;
    2 usage; 3 some servers were not recovered; 4 a host is not proven off,
    nothing was evacuated from it; 5 a safety limit refused; 6 some outcomes
    are unknown.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            'hosts',
            metavar='<host>',
            nargs='*',
            help='Dead compute host, by the exact name that "openstack '
            'compute service list" shows',
        )
        parser.add_argument(
            '--fenced',
            action='store_true',
            help='Every host that is forced down in Nova, instead of hosts '
            'by name',
        )
        fenced = parser.add_mutually_exclusive_group()
        fenced.add_argument(
            '--fence',
            action='store_true',
            help='Switch the hosts off first, by their fencing devices in '
            'instanceha.yaml; one that is not seen off is not evacuated',
        )
        fenced.add_argument(
            '--already-fenced',
            action='store_true',
            help='You vouch that the hosts are powered off: force them down '
            'in Nova and disable them, if nobody has',
        )
        parser.add_argument(
            '--dry-run',
            action='store_true',
            help='Show what would be done with every server and why; change '
            'nothing',
        )
        selecting.add_options(parser)
        self._add_data(parser)
        self._add_running(parser)
        arguments.add_long(parser)
        return parser

    def _add_data(self, parser: argparse.ArgumentParser) -> None:
        group = parser.add_argument_group(
            'data',
            'Servers booted from a volume keep their data. Others are '
            'refused without one of these, since Nova would start them again '
            'from their image if their disks were on the dead host.',
        )
        group.add_argument(
            '--shared-storage',
            action='store_true',
            default=None,
            help='The disks of all servers are on storage that the hosts '
            'share (Ceph, NFS); Nova checks it on the destination and '
            'refuses otherwise (it cannot with --target-host). Aggregates '
            'of the hosts can say the same with the property '
            'instanceha:shared_storage=true',
        )
        group.add_argument(
            '--allow-data-loss',
            action='store_true',
            help='Evacuate servers although the data on their disks may be '
            'lost for good',
        )

    def _add_running(self, parser: argparse.ArgumentParser) -> None:
        from_one = selecting.number(1)
        group = parser.add_argument_group('running')
        group.add_argument(
            '--target-host',
            metavar='<host>',
            help='Evacuate to this host (default: where Nova finds room)',
        )
        group.add_argument(
            '--stopped',
            action='store_true',
            help='Leave the servers stopped (default: each gets the power '
            'state it had)',
        )
        group.add_argument(
            '--max-hosts-down',
            metavar='<N|N%>',
            type=selecting.host_limit,
            help='Refuse if more compute hosts than that are forced down, '
            'those named here among them',
        )
        group.add_argument(
            '--max-in-flight',
            metavar='<number>',
            type=from_one,
            help='Evacuations that may be open at once (default: 10)',
        )
        group.add_argument(
            '--timeout',
            metavar='<seconds>',
            type=from_one,
            help='Stop waiting after so long in all; what is open then is '
            'reported as unknown (default: when nothing has moved for 1800 '
            'seconds)',
        )
        group.add_argument(
            '--retries',
            metavar='<number>',
            type=selecting.number(0),
            help='How often to try a server again whose evacuation failed '
            '(default: 2)',
        )
        group.add_argument(
            '--report-interval',
            metavar='<seconds>',
            type=from_one,
            help='report_interval in nova.conf of the hosts: a host whose '
            'nova-compute is heard within that time is alive, and refused '
            '(default: 10)',
        )
        group.add_argument(
            '--lock-timeout',
            metavar='<seconds>',
            type=selecting.number(0),
            help='How long to wait for another run on the same host '
            '(default: 60; with --fenced 0, the host is left to that run)',
        )
        wait = group.add_mutually_exclusive_group()
        wait.add_argument(
            '--wait',
            action='store_true',
            default=True,
            help='Wait for the end of every evacuation (default)',
        )
        wait.add_argument(
            '--no-wait',
            dest='wait',
            action='store_false',
            help='Return when Nova has accepted the last evacuation',
        )

    def act(
        self, parsed_args: argparse.Namespace
    ) -> tuple[command.ExitCode, Iterable[Any]]:
        if bool(parsed_args.hosts) == parsed_args.fenced:
            raise command.UsageError(
                'Name the hosts, or say --fenced for every host that is '
                'forced down; one of the two'
            )
        cloud = self.cloud
        run = cloud.evacuate(
            None if parsed_args.fenced else parsed_args.hosts,
            selecting.selection_from(parsed_args, cloud),
            _options(parsed_args, cloud),
            dry_run=parsed_args.dry_run,
            lock_timeout=parsed_args.lock_timeout,
        )
        code = self.watch(run)
        code = max(code, _exit_code(run, parsed_args.dry_run))
        if parsed_args.dry_run:
            rows = _plan_rows(run)
        else:
            rows = [_result_row(result) for result in run.results()]
        columns = self.columns(parsed_args)
        return code, command.cut(rows, len(columns), parsed_args)

    def columns(self, parsed_args: argparse.Namespace) -> Sequence[str]:
        columns: Sequence[str] = _PLAN if parsed_args.dry_run else _RESULT
        if parsed_args.long or command.for_machines(parsed_args):
            columns = (*columns, *_MORE)
        return columns


def _options(
    parsed_args: argparse.Namespace, cloud: cloud.Cloud
) -> options.Options:
    """What was said here, before what instanceha.yaml says."""
    names = (
        'fence',
        'already_fenced',
        'shared_storage',
        'allow_data_loss',
        'target_host',
        'stopped',
        'max_in_flight',
        'max_hosts_down',
        'timeout',
        'retries',
        'wait',
        'report_interval',
    )
    return cloud.options(**arguments.said(parsed_args, names))


def _result_row(result: model.ServerResult) -> tuple[Any, ...]:
    return (
        result.server_id,
        result.name,
        result.host,
        result.status,
        result.data.value,
        result.outcome.value,
        result.destination,
        result.reason,
        result.project_id,
        result.attempts,
        result.request_id,
    )


def _plan_rows(run: recovery.Recovery) -> list[tuple[Any, ...]]:
    refused = {error.host: error for error in run.refusals}
    return [
        _plan_row(plan.host, step, refused.get(plan.host))
        for plan in run.plans
        for step in plan.steps
    ]


def _plan_row(
    host: str, step: plan.Step, refusal: Exception | None
) -> tuple[Any, ...]:
    from osc_instanceha import model

    action, reason = step.action.value, step.reason
    if refusal is not None and step.action is model.Action.EVACUATE:
        action = model.Action.REFUSE.value
        reason = f'{host} is not proven off; otherwise evacuate'
    server = step.server
    return (
        server.id,
        server.name,
        host,
        server.status,
        step.data.value,
        action,
        None,
        reason,
        server.project_id,
        0,
        None,
    )


def _exit_code(run: recovery.Recovery, dry_run: bool) -> command.ExitCode:
    """The most serious of what happened; see the class's docstring."""
    from osc_instanceha import model

    outcomes = {result.outcome for result in run.results()}
    if run.refusals:
        # Where the host showed itself alive in the middle, something was
        # evacuated: then it is just not complete.
        untouched = {error.host for error in run.refusals} - {
            result.host for result in run.results() if result.attempts
        }
        if untouched:
            return command.ExitCode.NOT_PROVEN_OFF
    if dry_run:
        return (
            command.ExitCode.INCOMPLETE
            if run.left_out
            or any(plan.having(model.Action.REFUSE) for plan in run.plans)
            else command.ExitCode.DONE
        )
    if model.Outcome.UNKNOWN in outcomes:
        return command.ExitCode.UNKNOWN
    left = {model.Outcome.FAILED, model.Outcome.REFUSED} & outcomes
    if left or run.refusals or run.left_out or run.unmarked:
        return command.ExitCode.INCOMPLETE
    return command.ExitCode.DONE
