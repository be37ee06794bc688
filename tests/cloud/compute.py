"""nova-api, nova-conductor, nova-scheduler and every nova-compute.

Importing this module configures nothing; making :class:`Nova` does, and can
be done once in a process.
"""

from __future__ import annotations

from collections import abc
import datetime
import os
import pathlib
import threading
from typing import Any

from tests.cloud import database
from tests.cloud import release

CELL = 'cccccccc-1111-4111-8111-cccccccccccc'
LONG_AGO = datetime.datetime(2000, 1, 1)


class Nova:
    """Every Nova service of the cloud, in this process.

    The directory of the databases has nova.conf and api-paste.ini.
    """

    def __init__(self, databases: database.Databases) -> None:
        os.environ['OS_NOVA_CONFIG_DIR'] = str(databases.state)
        release.prepare_databases(
            databases.path(name) for name in database.NOVA
        )
        database.serialise_writers()
        self.conf = release.configure()
        self.create_cells(databases.url('nova_cell0'))

        from tests.cloud import hypervisor
        from tests.cloud import seams

        self.hypervisor = hypervisor.install()
        seams.fit_into_one_process()
        self.heartbeats = seams.Heartbeats()
        self.work = seams.Work()
        self.switches = seams.Switches(self.hypervisor)
        self.switches.cell_uuid = CELL
        self.api_thread = seams.api_thread
        self.computes: dict[str, Any] = {}
        self.lock = threading.RLock()

    def create_cells(self, cell0: str) -> None:
        from nova import context
        from nova import objects
        from nova.db import migration

        self.admin_context: abc.Callable = context.get_admin_context
        migration.db_sync(database='api')
        migration.db_sync(database='main')
        admin = context.get_admin_context()
        zero = objects.CellMapping(
            admin,
            uuid=objects.CellMapping.CELL0_UUID,
            name='cell0',
            transport_url='none:///',
            database_connection=cell0,
        )
        zero.create()
        objects.CellMapping(
            admin,
            uuid=CELL,
            name='cell1',
            transport_url='fake:/',
            database_connection=self.conf.database.connection,
        ).create()
        with context.target_cell(admin, zero) as target:
            migration.db_sync(database='main', context=target)

    def start_control_plane(self) -> abc.Callable:
        """Start conductor and scheduler; return nova-api's application."""
        from nova.conductor import rpcapi as conductor
        from nova.scheduler import rpcapi as scheduler

        self.start_service('conductor', 'controller', conductor.RPC_TOPIC)
        self.scheduler = self.start_service(
            'scheduler', 'controller', scheduler.RPC_TOPIC
        )
        application = release.application()

        def api(environ: Any, start_response: Any) -> Any:
            self.api_thread.is_one = True
            return application(environ, start_response)

        return api

    @staticmethod
    def start_service(name: str, host: str, topic: str, **kwargs: Any) -> Any:
        from nova import service

        server = service.Service.create(
            binary='nova-' + name, host=host, topic=topic, **kwargs
        )
        server.start()
        return server

    def start_compute(self, host: str) -> None:
        """Start a new nova-compute on a host that has none."""
        with self.lock:
            if host in self.computes:
                raise RuntimeError(f'nova-compute runs on {host}')
            # Each host has its own node identity, which Nova insists on
            # finding again, and its own directory for instances.
            state = pathlib.Path(self.conf.state_path) / 'hosts' / host
            (state / 'instances').mkdir(parents=True, exist_ok=True)
            (state / 'compute_id').write_text(
                self.hypervisor.machine(host).node_uuid
            )
            self.conf.set_override('host', host)
            self.conf.set_override('state_path', str(state))
            try:
                self.computes[host] = self.start_service(
                    'compute', host, 'compute', **release.compute_topics()
                )
            finally:
                self.conf.clear_override('host')
                self.conf.clear_override('state_path')

    def map_hosts(self) -> None:
        from nova.objects import host_mapping

        host_mapping.discover_hosts(self.admin_context())

    def crash(self, host: str, guests_survive: bool = False) -> None:
        """nova-compute goes silent, and the guests with it unless spared.

        A host that has crashed can crash again: that ends spared guests.
        """
        with self.lock:
            service = self.computes.pop(host, None)
            if service:
                service.manager.driver.die()
            if not guests_survive:
                self.hypervisor.power_cut(host)
            if service:
                self.silence(service)

    def silence(self, service: Any) -> None:
        # No graceful shutdown: that would shut down the thread pools of the
        # whole process.
        self.heartbeats.end(service)
        service.tg.stop()
        for server in release.rpc_servers(service):
            server.stop()
            # Work that was under way has stopped at the driver, and the
            # server waits for it: not with us.
            threading.Thread(target=server.wait, daemon=True).start()
        # service_down_time is generous; look 'down' at once all the same.
        from nova.db.main import api

        api.service_update(
            self.admin_context(),
            service.service_ref.id,
            {'last_seen_up': LONG_AGO},
        )

    def is_crashed(self, host: str) -> bool:
        return host not in self.computes
