"""Servers, hosts and wishes of every kind, as plain data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from typing import TypeVar

from osc_instanceha import model
from osc_instanceha import options as options_
from osc_instanceha import selection as selection_
from tests.unit import builders
from tests.unit.generated import dice as dice_

DEAD, SPARE = builders.DEAD, builders.SPARE
IDS = tuple('abcdef')

#: nova.compute.vm_states
VM_STATES = (
    *('stopped', 'error', 'stopped', 'error', 'paused', 'suspended'),
    *('rescued', 'resized', 'shelved', 'shelved_offloaded', 'building'),
    *('soft-delete', 'deleted', 'invented'),
)

#: nova.compute.task_states, but for those of shelving and of creation.
TASK_STATES = (
    *('rebuilding', 'rebuild_block_device_mapping', 'rebuild_spawning'),
    *('migrating', 'resize_prep', 'resize_migrated', 'resize_finish'),
    *('deleting', 'soft-deleting', 'powering-off', 'rebooting_hard'),
    *('image_uploading', 'shelving', 'spawning', 'invented'),
)

STATUS = {'stopped': 'SHUTOFF', 'error': 'ERROR'}
KEYS = ('ha', 'os', 'hw_tpm_version', 'os_type')
VALUES = ('yes', 'no')
TAGS = ('x', 'y', 'z')

T = TypeVar('T')


def properties(dice: dice_.Dice) -> dict[str, str]:
    return {key: dice.pick(VALUES) for key in dice.some(KEYS, 2)}


def tags(dice: dice_.Dice) -> frozenset[str]:
    return frozenset(dice.some(TAGS, 3))


def _or_not(dice: dice_.Dice, make: Callable[[dice_.Dice], T]) -> T | None:
    return None if dice.chance() else make(dice)


def flavor(dice: dice_.Dice) -> model.Flavor:
    specs = _or_not(dice, properties)
    if specs is not None and dice.number(8) == 7:
        specs['hw:tpm_version'] = '2.0'
    return builders.flavor(ephemeral=dice.mostly(0, (10,)), extra_specs=specs)


def server(dice: dice_.Dice, server_id: str = 'a') -> model.Server:
    """A server of the dead host; few of them are ordinary in everything."""
    vm_state = dice.mostly('active', VM_STATES)
    return builders.server(
        server_id,
        vm_state=vm_state,
        status=STATUS.get(vm_state, 'ACTIVE'),
        task_state=dice.mostly(None, TASK_STATES),
        power_state=dice.pick((1, 0, 4)),
        launched_at=dice.mostly(builders.LAUNCHED, (None,)),
        created=f'2026-01-0{dice.number(2) + 1}T00:00:00Z',
        project_id=dice.pick('pq'),
        flavor=flavor(dice),
        image_id=dice.mostly(None, ('image',)),
        image_properties=_or_not(dice, properties),
        tags=_or_not(dice, tags),
        metadata=properties(dice),
        hypervisor=dice.mostly('kvm', (None, 'metal')),
    )


def _record(dice: dice_.Dice, record_id: str) -> model.Evacuation:
    return builders.evacuation(
        record_id,
        dice.pick((*IDS, 'gone')),
        dice.pick(tuple(model.MigrationStatus)),
        destination=dice.pick((None, SPARE)),
    )


def _group(dice: dice_.Dice, group_id: str) -> model.ServerGroup:
    return builders.group(
        *dice.some(IDS, 3),
        group_id=group_id,
        policy=dice.pick(('anti-affinity', 'affinity', 'soft-affinity')),
    )


def _aggregate(dice: dice_.Dice, name: str) -> model.Aggregate:
    return model.Aggregate(
        name,
        frozenset(dice.some((DEAD, SPARE, 'third'), 3)),
        dice.pick((None, True, False)),
    )


def facts(dice: dice_.Dice) -> model.ImageFacts | None:
    """What Glance says, or that it does not, or that nobody asked it."""
    known = dice.number(3)
    if known == 1:
        return model.ImageFacts(None, 'it is gone')
    return model.ImageFacts(properties(dice)) if known else None


def inventory(dice: dice_.Dice, most: int = 4) -> model.Inventory:
    """All that may be known of a host."""
    images = {name: facts(dice) for name in dice.some(IDS, 2)}
    return builders.inventory(
        *[server(dice, server_id) for server_id in dice.some(IDS, most)],
        evacuations=tuple(
            _record(dice, record_id)
            for record_id in dice.some(('e1', 'e2', 'e3'), 3)
        ),
        groups=tuple(
            _group(dice, group_id) for group_id in dice.some(('g', 'h'), 2)
        ),
        aggregates=tuple(
            _aggregate(dice, name) for name in dice.some(('r', 's'), 2)
        ),
        hypervisor_types=dice.pick(({'kvm': 'QEMU', 'metal': 'ironic'}, {})),
        images={name: fact for name, fact in images.items() if fact},
    )


def _wanted(dice: dice_.Dice) -> tuple[selection_.Property, ...]:
    return tuple(
        selection_.Property(key, dice.pick((None, *VALUES)))
        for key in dice.some(KEYS, 2)
    )


def selection(dice: dice_.Dice) -> selection_.Selection:
    fields: dict[str, Any] = {}
    for name in dice.some(('tags', 'not_any_tags', 'any_tags', 'not_tags'), 2):
        fields[name] = tags(dice)
    for name in ('flavor_properties', 'image_properties', 'properties'):
        if dice.chance():
            fields[name] = _wanted(dice)
    if dice.chance():
        fields['projects'] = frozenset(dice.some('pq', 1))
    return selection_.Selection(**fields, match_any=dice.chance())


def options(dice: dice_.Dice) -> options_.Options:
    """What a plan depends on."""
    return options_.Options(
        shared_storage=dice.chance(),
        allow_data_loss=dice.chance(),
        target_host=dice.mostly(None, (SPARE,)),
        stopped=dice.chance(),
    )


servers = dice_.rolled(server, 24)
selections = dice_.rolled(selection, 24)
inventories = dice_.rolled(inventory, 130)
all_facts = dice_.rolled(facts, 6)
