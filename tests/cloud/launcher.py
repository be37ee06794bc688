"""Starting and stopping the whole cloud."""

from __future__ import annotations

from concurrent import futures
import json
import pathlib

from tests.cloud import compute
from tests.cloud import control
from tests.cloud import database
from tests.cloud import reset
from tests.cloud import services
from tests.cloud import tap
from tests.cloud import templates
from tests.cloud import web
from tests.cloud import world

DESCRIPTION = 'cloud.json'


class Launcher:
    """The cloud, in this process and its children."""

    def __init__(
        self, state: pathlib.Path, hosts: int, report_interval: int
    ) -> None:
        self.state = state.resolve()
        self.hosts = [f'host{n + 1}' for n in range(hosts)]
        self.services = services.Services(self.state, report_interval)

    def start(self) -> None:
        # Not as a context manager: that would wait for all when one fails.
        pool = futures.ThreadPoolExecutor()
        others = [pool.submit(start) for start in self.services.starters]
        self.nova = compute.Nova(
            self.services.write('nova.conf', templates.NOVA),
            services.SHARE / 'nova/api-paste.ini',
            self.services.values['db'] + '/nova_cell0.sqlite?timeout=60',
        )
        for other in futures.as_completed(others):
            other.result()
        self.start_nova()
        world.World(self.services.admin()).make()
        self.databases.save()
        self.describe()

    def start_nova(self) -> None:
        self.databases = database.Databases(self.state)
        self.tap = tap.Tap(self.nova.start_control_plane())
        self.tap.control = control.NovaControl(
            self.tap,
            self.nova,
            database.NovaRows(self.databases),
            reset.Reset(self.nova, self.databases, [self.tap], self.hosts),
        )
        web.serve(self.tap, self.services.ports['compute'], threads=40)
        for host in self.hosts:
            self.nova.start_compute(host)
        self.nova.map_hosts()

    def describe(self) -> None:
        """Leave a file for the clients, once all is ready."""
        clouds = self.state / 'clouds.yaml'
        world.write_clouds(clouds, self.services.auth_url)
        (self.state / DESCRIPTION).write_text(
            json.dumps(
                {
                    'clouds': str(clouds),
                    'auth_url': self.services.auth_url,
                    'urls': self.services.urls,
                    'hosts': self.hosts,
                    'log': str(self.state / 'nova.log'),
                },
                indent=2,
            )
        )

    def stop(self) -> None:
        self.services.processes.stop()
