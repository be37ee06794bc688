"""Small ones of everything that is plain data."""

from __future__ import annotations

import datetime
from typing import Any

from osc_instanceha import model

DEAD = 'dead'
SPARE = 'spare'

#: The day on which every fake clock starts.
EPOCH = datetime.datetime(2026, 8, 1, tzinfo=datetime.UTC)

#: When the guests of the servers were spawned.
LAUNCHED = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)

#: Longer than any living nova-compute is silent.
LONG_AGO = 3600.0


def flavor(**fields: Any) -> model.Flavor:
    return model.Flavor(
        **{'name': 'm1', 'ephemeral': 0, 'extra_specs': {}, **fields}
    )


def server(server_id: str = 'a', **fields: Any) -> model.Server:
    """A running server of the dead host whose root disk is a volume."""
    return model.Server(
        **{
            'id': server_id,
            'name': f'server-{server_id}',
            'host': DEAD,
            'project_id': 'project',
            'status': 'ACTIVE',
            'vm_state': 'active',
            'task_state': None,
            'power_state': 1,
            'launched_at': LAUNCHED,
            'created': '2026-01-01T00:00:00Z',
            'flavor': flavor(),
            'image_id': None,
            'tags': frozenset(),
            **fields,
        }
    )


def stopped_server(server_id: str = 'a', **fields: Any) -> model.Server:
    return server(
        server_id,
        **{
            'status': 'SHUTOFF',
            'vm_state': 'stopped',
            'power_state': 4,
            **fields,
        },
    )


def service(host: str = DEAD, **fields: Any) -> model.Service:
    """A service that is forced down and has been silent for long."""
    return model.Service(
        **{
            'id': f'service-{host}',
            'host': host,
            'up': False,
            'enabled': False,
            'forced_down': True,
            'updated_at': EPOCH,
            'quiet_for': LONG_AGO,
            **fields,
        }
    )


def living(host: str = SPARE, **fields: Any) -> model.Service:
    return service(
        host,
        **{
            'up': True,
            'enabled': True,
            'forced_down': False,
            'quiet_for': 1.0,
            **fields,
        },
    )


def evacuation(
    record_id: str = 'e1',
    server_id: str = 'a',
    status: model.MigrationStatus = model.MigrationStatus.ACCEPTED,
    **fields: Any,
) -> model.Evacuation:
    return model.Evacuation(
        **{
            'id': record_id,
            'server_id': server_id,
            'status': status,
            'source': DEAD,
            'destination': None,
            'created': EPOCH,
            **fields,
        }
    )


def group(
    *members: str, group_id: str = 'g', policy: str = 'anti-affinity'
) -> model.ServerGroup:
    return model.ServerGroup(
        group_id, f'group-{group_id}', policy, frozenset(members)
    )


def inventory(*servers: model.Server, **fields: Any) -> model.Inventory:
    return model.Inventory(**{'host': DEAD, 'servers': servers, **fields})
