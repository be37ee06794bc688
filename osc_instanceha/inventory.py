"""Reading all that a plan needs of one host.

Invariant 7 is kept here and in the adapters behind it: everything is read,
and known to be whole, before anything is decided.
"""

from __future__ import annotations

import dataclasses

from osc_instanceha import exceptions
from osc_instanceha import hosts
from osc_instanceha import model
from osc_instanceha import plan as plan_
from osc_instanceha import ports
from osc_instanceha import remains
from osc_instanceha import selection as selection_


@dataclasses.dataclass(frozen=True)
class Surroundings:
    """What is the same for all hosts, and read once for all."""

    groups: tuple[model.ServerGroup, ...]
    aggregates: tuple[model.Aggregate, ...]


def read_surroundings(compute: ports.Compute) -> Surroundings:
    """:raises CloudError: if Nova does not tell"""
    return Surroundings(compute.groups(), compute.aggregates())


def read(
    host: str,
    compute: ports.Compute,
    images: ports.Images,
    selection: selection_.Selection,
    surroundings: Surroundings,
) -> model.Inventory:
    """Everything about a host and its servers.

    :raises CloudError: if Nova does not tell, or not everything. Glance and
        Cinder may fail: that makes the selection of a server unknown.
    """
    servers = compute.servers(host)
    # After the servers: an evacuation that began between the two is seen.
    evacuations = compute.evacuations(host)
    if _ended(servers, evacuations):
        # One that a killed run had begun, say, has ended between the two.
        servers = compute.servers(host)
    # A cell that went down a moment ago leaves its servers and migrations
    # out and says nothing; the service record, read after them, does.
    service = compute.service(host)
    if service is None:
        raise exceptions.IncompleteAnswer(
            f'Nova shows no compute service of {host} any more'
        )
    hosts.require_complete(service)
    hypervisors = {item.hypervisor for item in servers if item.hypervisor}
    hinging = [item for item in servers if selection.hinges_on_image(item)]
    return model.Inventory(
        host=host,
        servers=servers,
        evacuations=evacuations,
        groups=surroundings.groups,
        aggregates=surroundings.aggregates,
        hypervisor_types=(
            compute.hypervisor_types(hypervisors) if hypervisors else {}
        ),
        images=images.facts(hinging) if hinging else {},
    )


def servers(host: str, compute: ports.Compute) -> dict[str, model.Server]:
    """The servers of a host, by their IDs.

    :raises CloudError: if that is not what Nova tells
    """
    found = compute.servers(host)
    for server in found:
        if server.host != host:
            raise exceptions.UnexpectedAnswer(
                f'GET /servers/detail?host={host}',
                f'server {server.id} is listed on {server.host!r}',
            )
    return {server.id: server for server in found}


def _ended(
    servers: tuple[model.Server, ...],
    evacuations: tuple[model.Evacuation, ...],
) -> bool:
    """Whether a server is listed although it has moved, as it seems."""
    newest: dict[str, model.MigrationStatus] = {}
    for record in evacuations:
        newest.setdefault(record.server_id, record.status)
    return any(
        newest.get(server.id) is model.MigrationStatus.DONE
        for server in servers
    )


def ask_further(
    plan: plan_.Plan,
    inventory: model.Inventory,
    selection: selection_.Selection,
    compute: ports.Compute,
    stopped: bool = False,
) -> plan_.Plan:
    """Ask what only the history of some servers tells.

    That is, of servers in ERROR, or in the hands of another evacuation after
    one that failed: the power state to reach, and whether an evacuation that
    failed has left a guest behind. And of servers that have
    left the host already, and which Nova does not stop by itself: whether
    they are to be stopped, and a run that was killed did not come to it
    (invariant 6).

    :param stopped: every server is to be left stopped
    :raises CloudError: if Nova does not tell
    """
    newest: dict[str, model.Evacuation] = {}
    failed = set()
    for record in inventory.evacuations:
        newest.setdefault(record.server_id, record)
        if record.status.failed:
            failed.add(record.server_id)
    steps = [
        _asked_further(
            step,
            newest.get(step.server.id),
            step.server.id in failed,
            compute,
        )
        for step in plan.steps
    ]
    here = {server.id for server in inventory.servers}
    for server_id, record in newest.items():
        # 'completed' is of an earlier time: the host has been up since.
        done = record.status is model.MigrationStatus.DONE
        if done and server_id not in here and (stopped or server_id in failed):
            steps += _unsettled(record, selection, compute, stopped)
    return dataclasses.replace(plan, steps=tuple(steps))


def _unsettled(
    record: model.Evacuation,
    selection: selection_.Selection,
    compute: ports.Compute,
    stopped: bool,
) -> list[plan_.Step]:
    server = compute.server(record.server_id)
    if (
        server is None
        or server.host in (record.source, '')
        or server.vm_state != 'active'
        or selection.judge(server).answer is not selection_.Answer.YES
    ):
        return []
    if stopped:
        if compute.was_started(server.id):
            # Its owner wants it to run.
            return []
    elif not compute.was_stopped(server.id):
        return []
    return [
        plan_.Step(
            # As it was: the report is one of the dead host.
            dataclasses.replace(server, host=record.source),
            model.Action.WAIT,
            plan_.data_verdict(server, None),
            f'it has moved to {server.host} already, and is to be stopped'
            + ('' if stopped else ', as it was before'),
            end_state=model.EndState.STOPPED,
            moved_to=server.host,
        )
    ]


def _asked_further(
    step: plan_.Step,
    newest: model.Evacuation | None,
    failed: bool,
    compute: ports.Compute,
) -> plan_.Step:
    server = step.server
    if (
        step.action is model.Action.WAIT
        and failed
        and step.end_state is model.EndState.ACTIVE
    ):
        # Not its state, but that of the guest just spawned from ERROR.
        return _with_end_state(step, compute)
    if not step.allowed or server.vm_state != 'error':
        return step
    if newest is not None and newest.status.failed:
        words = compute.failure(server, newest)
        left_on = remains.may_run(server, newest, words)
        if left_on is not None:
            return dataclasses.replace(
                step,
                action=model.Action.REFUSE,
                allowed=False,
                reason=remains.warning(left_on, words),
            )
    if step.end_state is not None:
        return step
    return _with_end_state(step, compute)


def _with_end_state(step: plan_.Step, compute: ports.Compute) -> plan_.Step:
    stopped = compute.was_stopped(step.server.id)
    return dataclasses.replace(
        step,
        end_state=model.EndState.STOPPED if stopped else model.EndState.ACTIVE,
    )
