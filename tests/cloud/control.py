"""The control API of the Compute service.

Beside what every service has (:class:`tests.cloud.tap.Control`):

======  ==============================  ====================================
POST    /control/hosts/HOST/crash       {"guests_survive": bool}
POST    /control/hosts/HOST/start       a new nova-compute
PATCH   /control/hosts/HOST/service     write columns of its service row
PUT     /control/hosts/HOST/rule        see hypervisor.Rule, any fields
GET     /control/hosts                  state, rule and held spawns of each
GET     /control/guests                 runs, spawns and who ran twice
PUT     /control/cap                    a microversion or null
PUT     /control/page-size              a number or null
PUT     /control/cell-down              true or false
GET     /control/servers/UUID           the row in Nova's database
PATCH   /control/servers/UUID           write some of its columns
GET     /control/migrations             all rows
POST    /control/migrations             plant a row
PATCH   /control/migrations/ID          write some of its columns
POST    /control/open                   start all services, for the first time
POST    /control/keep                   what there is now is the new cloud
POST    /control/reset                  see reset.Reset, back to that
======  ==============================  ====================================
"""

from __future__ import annotations

from collections import abc
import dataclasses
from typing import Any
import uuid

from tests.cloud import compute
from tests.cloud import database
from tests.cloud import release
from tests.cloud import reset
from tests.cloud import tap


class NovaControl(tap.Control):
    def __init__(
        self,
        tapped: tap.Tap,
        nova: compute.Nova,
        rows: database.NovaRows,
        start_over: reset.Reset,
    ) -> None:
        super().__init__(tapped)
        self.nova = nova
        self.rows = rows
        self.start_over = start_over

    def dispatch(self, method: str, path: list[str], body: Any) -> Any:
        match path:
            case ['hosts', *rest]:
                return self.hosts(method, rest, body)
            case ['servers', server]:
                return self.servers(method, server, body)
            case ['migrations', *rest]:
                return self.migrations(method, rest, body)
        match [method, *path]:
            case ['GET', 'guests']:
                return self.guests()
            case ['PUT', 'cap']:
                self.nova.switches.cap(body)
            case ['PUT', 'page-size']:
                self.nova.switches.page_size(body)
            case ['PUT', 'cell-down']:
                self.nova.switches.down = body
            case ['POST', 'open']:
                return self.open()
            case ['POST', 'keep']:
                release.blocking(self.start_over.databases.save)
            case ['POST', 'reset']:
                return self.start_over()
            case _:
                return super().dispatch(method, path, body)
        return {}

    def open(self) -> dict[str, Any]:
        """Start what needs the other services; say what Nova this is."""
        self.tap.app = self.nova.start_control_plane()
        for host in self.start_over.hosts:
            self.nova.start_compute(host)
        self.nova.map_hosts()
        return {
            'nova': release.VERSION,
            'hosts': self.start_over.hosts,
            'microversion': self.nova.switches.newest,
        }

    def hosts(self, method: str, path: list[str], body: Any) -> Any:
        machines = self.nova.hypervisor.machines
        if path and path[0] not in machines:
            raise LookupError(f'no host {path[0]}')
        match [method, *path]:
            case ['GET']:
                return {
                    host: {
                        'crashed': self.nova.is_crashed(host),
                        'rule': dataclasses.asdict(machine.rule),
                        'held': list(machine.held),
                        'node': machine.node,
                    }
                    for host, machine in machines.items()
                }
            case ['POST', host, 'crash']:
                self.nova.crash(host, **body or {})
            case ['POST', host, 'start']:
                self.nova.start_compute(host)
            case ['PATCH', host, 'service']:
                self.update('services', body, host=host, binary='nova-compute')
            case ['PUT', host, 'rule']:
                self.nova.hypervisor.set_rule(host, **body)
            case _:
                raise LookupError('no such control')
        return {}

    def guests(self) -> abc.Mapping[str, Any]:
        ledger = self.nova.hypervisor.ledger
        return {
            'runs': ledger.as_dict(),
            'spawns': dict(ledger.spawns),
            'ran_twice': ledger.ran_twice(),
        }

    def servers(self, method: str, server: str, body: Any) -> Any:
        if method == 'PATCH':
            self.update('instances', body, uuid=server)
        rows = self.select('instances', uuid=server)
        if not rows:
            raise LookupError(f'no server {server}')
        return rows[0]

    def migrations(self, method: str, path: list[str], body: Any) -> Any:
        match [method, *path]:
            case ['POST']:
                return {
                    'id': release.blocking(
                        self.rows.insert,
                        'migrations',
                        {
                            'created_at': database.timestamp(),
                            'deleted': 0,
                            'hidden': False,
                            'uuid': str(uuid.uuid4()),
                            **body,
                        },
                    )
                }
            case ['PATCH', number]:
                self.update('migrations', body, id=int(number))
        return self.select('migrations')

    def select(self, table: str, **where: Any) -> list[dict[str, Any]]:
        return release.blocking(self.rows.select, table, **where)

    def update(self, table: str, fields: dict[str, Any], **where: Any) -> None:
        release.blocking(self.rows.update, table, fields, **where)
