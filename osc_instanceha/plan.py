"""What is to be done with every server of a host, and why.

Data in, decisions out. Two of the invariants are kept here:

* every server of the host is in the plan exactly once (invariant 4);
* no data is lost that was not given up by name (invariant 5).
"""

from __future__ import annotations

import collections
from collections.abc import Iterable
from collections.abc import Mapping
import dataclasses

from osc_instanceha import exceptions
from osc_instanceha import model
from osc_instanceha import options as options_
from osc_instanceha import refusals
from osc_instanceha import selection as selection_

#: nova.compute.power_state
_NOSTATE = 0
_SHUTDOWN = 4


@dataclasses.dataclass(frozen=True)
class Step:
    """What is to be done with one server.

    :ivar guarded: let Nova check at the destination that the disks really
        are shared (onSharedStorage of microversion 2.13)
    :ivar end_state: the power state to reach; None where only the server's
        history tells it
    :ivar groups: server groups of which one member moves at a time
    :ivar allowed: whether an evacuation may be asked for, now or (where one
        is open) after that one has failed
    :ivar moved_to: where it is already, if only its power state remains to
        be put right
    """

    server: model.Server
    action: model.Action
    data: model.Data
    reason: str = ''
    guarded: bool = False
    end_state: model.EndState | None = model.EndState.ACTIVE
    groups: frozenset[str] = frozenset()
    allowed: bool = True
    moved_to: str | None = None


@dataclasses.dataclass(frozen=True)
class Plan:
    """Every server of a host, in the order in which they are taken."""

    host: str
    steps: tuple[Step, ...]

    def having(self, *actions: model.Action) -> tuple[Step, ...]:
        return tuple(step for step in self.steps if step.action in actions)


def build(
    inventory: model.Inventory,
    selection: selection_.Selection,
    options: options_.Options,
) -> Plan:
    """Decide on every server of the inventory.

    :raises UnexpectedAnswer: if a server is not on the inventory's host, or
        is listed twice
    """
    _check(inventory)
    openly = {
        record.server_id: record
        for record in inventory.evacuations
        if record.status.open
    }
    groups = _groups(inventory.groups)
    shared = declared_shared(inventory, options)
    steps = []
    # Oldest first: stable, whatever order the list came in.
    for server in sorted(
        inventory.servers, key=lambda server: (server.created, server.id)
    ):
        step = Step(
            server,
            model.Action.EVACUATE,
            data_verdict(server, shared),
            end_state=end_state(server, options),
            groups=groups.get(server.id, frozenset()),
        )
        steps.append(
            _decide(step, inventory, selection, options, openly, shared)
        )
    return Plan(inventory.host, tuple(steps))


def _check(inventory: model.Inventory) -> None:
    # A stripped host filter answers with servers of other hosts, and a
    # database may compare names without regard to case (invariant 7).
    seen = set()
    for server in inventory.servers:
        if server.host != inventory.host or server.id in seen:
            problem = (
                'twice' if server.id in seen else f'on host {server.host!r}'
            )
            raise exceptions.UnexpectedAnswer(
                f'GET /servers/detail?host={inventory.host}',
                f'server {server.id} is listed {problem}',
            )
        seen.add(server.id)


def _decide(
    step: Step,
    inventory: model.Inventory,
    selection: selection_.Selection,
    options: options_.Options,
    openly: Mapping[str, model.Evacuation],
    shared: bool | None,
) -> Step:
    server = step.server
    verdict = selection.judge(server, inventory.images.get(server.id))
    if verdict.answer is selection_.Answer.NO:
        return _but(step, model.Action.SKIP, f'not selected: {verdict.reason}')
    if verdict.answer is selection_.Answer.UNKNOWN:
        return _but(
            step,
            model.Action.REFUSE,
            f'cannot tell whether it is selected: {verdict.reason}',
        )
    record = openly.get(server.id)
    if record is not None:
        after = _permit(step, inventory, options, shared)
        return dataclasses.replace(
            after,
            action=model.Action.WAIT,
            allowed=after.action is model.Action.EVACUATE,
            reason=f'an evacuation of it is open already (begun '
            f'{record.created:%Y-%m-%dT%H:%M:%SZ}, {record.status.value})',
        )
    held = refusals.by_task_state(server)
    if held is not None:
        return _but(step, model.Action.REFUSE, held)
    return _permit(step, inventory, options, shared)


def _permit(
    step: Step,
    inventory: model.Inventory,
    options: options_.Options,
    shared: bool | None,
) -> Step:
    """Decide on a server of which no evacuation is open."""
    server = step.server
    reason = refusals.by_vm_state(server) or refusals.by_device(
        server, inventory.hypervisor_types
    )
    if reason is not None:
        return _but(step, model.Action.REFUSE, reason)
    if step.data is not model.Data.KEPT and not options.allow_data_loss:
        return _but(step, model.Action.REFUSE, _data_reason(step))
    return dataclasses.replace(
        step,
        # Nova's check is for this host's files too, so it goes only with
        # disks that are expected on the shared storage; and below 2.29, where
        # it exists, a target host would bypass the scheduler.
        guarded=bool(shared)
        and _has_local_disk(server)
        and options.target_host is None,
        reason=_note(step, shared, options, inventory),
    )


def _but(step: Step, action: model.Action, reason: str) -> Step:
    return dataclasses.replace(
        step, action=action, reason=reason, allowed=False
    )


def refuse_now(server: model.Server) -> str | None:
    """Why this server, as it is at this moment, gets no POST, or None."""
    return refusals.by_task_state(server) or refusals.by_vm_state(server)


def _has_local_disk(server: model.Server) -> bool:
    return not server.volume_backed or server.flavor.ephemeral > 0


def data_verdict(server: model.Server, shared: bool | None) -> model.Data:
    """Whether the server's data survives an evacuation.

    All data survives for sure if the root disk is a volume and the flavor
    has no ephemeral disk; everything else lives in files of the host, of
    which the API does not say whether they are shared.

    :param shared: see :func:`declared_shared`
    """
    if not _has_local_disk(server) or shared:
        return model.Data.KEPT
    return model.Data.UNKNOWN if shared is None else model.Data.LOST


def _data_reason(step: Step) -> str:
    disk = 'ephemeral disk' if step.server.volume_backed else 'root disk'
    if step.data is model.Data.LOST:
        return (
            f'its {disk} is lost with the host, by its aggregate '
            f'(instanceha:shared_storage=false): --allow-data-loss gives it up'
        )
    return (
        f'its {disk} may be lost with the host: --shared-storage if it is on '
        f'shared storage, --allow-data-loss to give it up'
    )


def declared_shared(
    inventory: model.Inventory, options: options_.Options
) -> bool | None:
    """Whether the disks of this host's servers are declared shared, or not.

    By the caller, or by an aggregate that holds the host. With a target host
    the same aggregate must hold that one too, since Nova cannot check then.
    A host in an aggregate that says *not* shared is not shared, whatever
    other aggregates say; the caller's word is for this run and goes first.

    :returns: None if nobody has declared anything
    """
    if options.shared_storage:
        return True
    said = [
        aggregate
        for aggregate in inventory.aggregates
        if inventory.host in aggregate.hosts
        and aggregate.shared_storage is not None
    ]
    if any(aggregate.shared_storage is False for aggregate in said):
        return False
    if any(
        options.target_host is None or options.target_host in aggregate.hosts
        for aggregate in said
    ):
        return True
    return None


def end_state(
    server: model.Server, options: options_.Options
) -> model.EndState | None:
    """The power state to reach (invariant 6); None: only history tells.

    A server in ERROR may be one whose last evacuation failed. Where no host
    was found, Nova leaves its power state as it was; where the destination
    failed, it has become NOSTATE.
    """
    if options.stopped or server.vm_state == 'stopped':
        return model.EndState.STOPPED
    if server.vm_state == 'error':
        if server.power_state == _SHUTDOWN:
            return model.EndState.STOPPED
        if server.power_state == _NOSTATE:
            return None
    return model.EndState.ACTIVE


def _groups(
    groups: Iterable[model.ServerGroup],
) -> dict[str, frozenset[str]]:
    by_server = collections.defaultdict(set)
    for group in groups:
        for member in group.members:
            by_server[member].add(group.id)
    return {server: frozenset(ids) for server, ids in by_server.items()}


def _note(
    step: Step,
    shared: bool | None,
    options: options_.Options,
    inventory: model.Inventory,
) -> str:
    """What a person should know of an evacuation that is to go ahead."""
    if (
        shared
        and options.target_host is not None
        and _has_local_disk(step.server)
    ):
        return (
            'data kept by declaration only: Nova does not check the storage '
            'of a named target host'
        )
    on_host = {server.id for server in inventory.servers}
    for group in inventory.groups:
        if (
            group.policy == 'affinity'
            and step.server.id in group.members
            # Nova looks among the hosts of all members, of this one too.
            and group.members <= on_host
        ):
            return (
                f'server group {group.name} demands affinity, and all of its '
                f'members are on the dead host: Nova finds no other for them'
            )
    return ''
