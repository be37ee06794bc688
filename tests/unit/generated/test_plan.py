"""The plan of any host, against the rules as Nova's manual has them.

The rules stand here a second time, and in other words: a plan that agrees
with a copy of itself would prove nothing.
"""

from __future__ import annotations

import dataclasses

import hypothesis
from hypothesis import strategies as st
import pytest

from osc_instanceha import exceptions
from osc_instanceha import model
from osc_instanceha import plan
from osc_instanceha import selection as selection_
from tests.unit import builders
from tests.unit.generated import clouds
from tests.unit.generated import counting
from tests.unit.generated import dice as dice_

DEAD, SPARE = builders.DEAD, builders.SPARE
EVACUATE, WAIT, SKIP, REFUSE = model.Action
KEPT, LOST, UNKNOWN = model.Data

inventories = clouds.inventories
selections = dice_.rolled(
    # Else hardly anything is selected.
    lambda dice: (
        clouds.selection(dice) if dice.chance() else selection_.Selection()
    ),
    24,
)
options = dice_.rolled(clouds.options, 4)

#: Of all task states in the generated clouds: those that ended with the host.
OVER = {'powering-off', 'rebooting_hard', 'image_uploading', None}
CLOSED = {'done', 'completed', 'error', 'failed'}


def simply_shared(inventory, how):
    """Whether the disks are declared shared, as the documentation says it."""
    if how.shared_storage:
        return True
    said = {
        aggregate.shared_storage: aggregate
        for aggregate in inventory.aggregates
        if DEAD in aggregate.hosts
    }
    if False in said:
        return False
    for aggregate in inventory.aggregates:
        if aggregate.shared_storage and DEAD in aggregate.hosts:
            if how.target_host in (None, *aggregate.hosts):
                return True
    return None


def on_the_host(server):
    return server.image_id is not None or server.flavor.ephemeral != 0


def simply_data(server, shared):
    if not on_the_host(server):
        return KEPT
    return {True: KEPT, False: LOST, None: UNKNOWN}[shared]


def may_be_asked_for(server, inventory, how, data):
    """Whether Nova takes it, and no data goes that was not given up."""
    tpm = 'hw:tpm_version' in (server.flavor.extra_specs or ()) or (
        'hw_tpm_version' in (server.image_properties or ())
    )
    kind = inventory.hypervisor_types.get(server.hypervisor, 'QEMU')
    return (
        server.vm_state in ('active', 'stopped', 'error')
        and server.launched_at is not None
        and not tpm
        and kind == 'QEMU'
        and (data is KEPT or how.allow_data_loss)
    )


def simply(server, inventory, chosen, how):
    """What is to be done with it."""
    answer = chosen.judge(server, inventory.images.get(server.id)).answer
    if answer is selection_.Answer.NO:
        return SKIP
    if answer is selection_.Answer.UNKNOWN:
        return REFUSE
    if any(
        record.server_id == server.id and record.status.value not in CLOSED
        for record in inventory.evacuations
    ):
        return WAIT
    data = simply_data(server, simply_shared(inventory, how))
    if server.task_state in OVER and may_be_asked_for(
        server, inventory, how, data
    ):
        return EVACUATE
    return REFUSE


@counting.times(20)
@hypothesis.given(inventories, selections, options)
def test_every_server_has_one_place_and_the_right_one(inventory, chosen, how):
    made = plan.build(inventory, chosen, how)
    shared = simply_shared(inventory, how)
    steps = {step.server.id: step for step in made.steps}
    assert len(steps) == len(made.steps) == len(inventory.servers)
    for server in inventory.servers:
        step = steps[server.id]
        assert step.server == server
        assert step.action is simply(server, inventory, chosen, how)
        assert step.data is simply_data(server, shared)
        assert step.moved_to is None
        may = may_be_asked_for(server, inventory, how, step.data)
        assert step.allowed is (step.action in (EVACUATE, WAIT) and may)
        assert '\n' not in step.reason
        assert step.reason or step.action is EVACUATE
        assert step.groups == {
            group.id
            for group in inventory.groups
            if server.id in group.members
        }
        # Nova looks for the disks where they are to be, and only there; and
        # where it can look, no target host would be let past its scheduler.
        if step.guarded:
            assert shared and on_the_host(server) and not how.target_host
        elif step.allowed and on_the_host(server) and not how.target_host:
            assert not shared


@counting.times(8)
@hypothesis.given(inventories, options)
def test_a_server_ends_as_it_was(inventory, how):
    for step in plan.build(inventory, selection_.Selection(), how).steps:
        server = step.server
        if how.stopped or server.vm_state == 'stopped':
            expected = model.EndState.STOPPED
        elif server.vm_state != 'error' or server.power_state == 1:
            expected = model.EndState.ACTIVE
        elif server.power_state == 4:
            expected = model.EndState.STOPPED
        else:
            expected = None
        assert step.end_state is expected


@counting.times(10)
@hypothesis.given(inventories, selections, options, st.randoms())
def test_the_order_of_lists_changes_nothing(inventory, chosen, how, random):
    def shuffled(items):
        return tuple(random.sample(items, len(items)))

    made = plan.build(inventory, chosen, how)
    again = dataclasses.replace(
        inventory,
        servers=shuffled(inventory.servers),
        aggregates=shuffled(inventory.aggregates),
    )
    assert plan.build(again, chosen, how) == made
    keys = [(step.server.created, step.server.id) for step in made.steps]
    assert keys == sorted(keys)


@counting.times(10)
@hypothesis.given(inventories, selections, options)
def test_no_server_is_another_ones_business(inventory, chosen, how):
    made = plan.build(inventory, chosen, how)
    for step in made.steps:
        alone = dataclasses.replace(
            inventory,
            servers=(step.server,),
            evacuations=tuple(
                record
                for record in inventory.evacuations
                if record.server_id == step.server.id
            ),
        )
        (lonely,) = plan.build(alone, chosen, how).steps
        # But for a word about the company that it is in.
        assert dataclasses.replace(
            lonely, reason=step.reason
        ) == step and bool(lonely.reason) <= bool(step.reason)


@counting.times(3)
@hypothesis.given(
    inventories.filter(lambda inventory: inventory.servers),
    st.sampled_from(['twice', 'elsewhere', 'in capitals', 'nowhere']),
)
def test_a_list_that_cannot_be_right_is_no_plan(inventory, how):
    host = {'elsewhere': SPARE, 'in capitals': DEAD.upper(), 'nowhere': ''}
    last = inventory.servers[-1]
    more = dataclasses.replace(last, host=host.get(how, DEAD))
    if how != 'twice':
        more = dataclasses.replace(more, id='g')
    wrong = dataclasses.replace(inventory, servers=(*inventory.servers, more))
    with pytest.raises(exceptions.UnexpectedAnswer, match=more.id):
        plan.build(wrong, selection_.Selection(), clouds.options(dice_.NONE))
