"""Starting and stopping the whole cloud."""

from __future__ import annotations

from concurrent import futures
import json
import pathlib

from tests.cloud import services
from tests.cloud import world

DESCRIPTION = 'cloud.json'


class Launcher:
    """The cloud, as child processes of this one.

    :param hosts: how many
    :param nova: the Python of the virtual environment that Nova is in
    """

    def __init__(
        self,
        state: pathlib.Path,
        hosts: int,
        report_interval: int,
        nova: pathlib.Path,
    ) -> None:
        self.state = state.resolve()
        self.services = services.Services(
            self.state, report_interval, hosts, nova
        )

    def start(self) -> None:
        # Not as a context manager: that would wait for all when one fails.
        pool = futures.ThreadPoolExecutor()
        for started in futures.as_completed(
            [pool.submit(start) for start in self.services.starters]
        ):
            started.result()
        opened = self.services.control_nova('open')
        world.World(self.services.admin()).make()
        self.services.control_nova('keep')
        # Clients find this once all is ready.
        clouds = self.state / 'clouds.yaml'
        world.write_clouds(clouds, self.services.auth_url)
        (self.state / DESCRIPTION).write_text(
            json.dumps(
                {
                    'clouds': str(clouds),
                    'auth_url': self.services.auth_url,
                    'urls': self.services.urls,
                    'log': str(self.state / 'nova.log'),
                    **opened,
                },
                indent=2,
            )
        )

    def stop(self) -> None:
        self.services.processes.stop()
