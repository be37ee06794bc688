"""Making servers, and waiting for what becomes of them."""

from __future__ import annotations

from collections import abc
from concurrent import futures
from typing import Any

from tests.cloud import apis


class Servers(apis.PublicAPIs):
    """What a test does with servers through the Compute API.

    What became of them is read from Nova's database, see
    :class:`tests.cloud.client.Cloud`.
    """

    def server_row(self, server: str) -> dict[str, Any]:
        raise NotImplementedError

    def migrations(self, server: str | None = None) -> list[dict[str, Any]]:
        raise NotImplementedError

    def create_server(
        self,
        name: str,
        host: str | None = None,
        image: str = 'cirros',
        flavor: str = 'small',
        project: str = 'admin',
        volume_backed: bool = False,
        stopped: bool = False,
        paused: bool = False,
        tags: abc.Iterable[str] = (),
        metadata: abc.Mapping[str, str] | None = None,
        group: str | None = None,
        network: str = 'none',
        wait: bool = True,
    ) -> str:
        """Make a server; return its id.

        :param host: where, without pinning it to an availability zone
        :param flavor: small, ephemeral or protected
        :param group: the id of a server group
        :param network: ``private``, or ``none``
        :param wait: until it is ACTIVE (and then stopped or paused, if asked)
        """
        server: dict[str, Any] = {
            'name': name,
            'flavorRef': flavor,
            'tags': list(tags),
            'metadata': dict(metadata or {}),
            'networks': 'none',
        }
        if network != 'none':
            server['networks'] = [{'uuid': self.network_id(network)}]
        if host:
            server['host'] = host
        if volume_backed:
            server['block_device_mapping_v2'] = [
                {
                    'uuid': self.image_id(image),
                    'source_type': 'image',
                    'destination_type': 'volume',
                    'boot_index': 0,
                    'volume_size': 1,
                    'delete_on_termination': True,
                }
            ]
        else:
            server['imageRef'] = self.image_id(image)
        body: dict[str, Any] = {'server': server}
        if group:
            body['os:scheduler_hints'] = {'group': group}
        uuid = self.call('POST', '/servers', body, project=project)['server'][
            'id'
        ]
        if wait or stopped or paused:
            self.wait_state(uuid, 'active')
        if stopped:
            self.set_power(uuid, 'os-stop', 'stopped')
        if paused:
            self.set_power(uuid, 'pause', 'paused')
        return uuid

    def create_servers(
        self, count: int, name: str = 'server', **options: Any
    ) -> list[str]:
        """Make many servers, named name-0, name-1, ...; return their ids."""
        with futures.ThreadPoolExecutor(8) as pool:
            return list(
                pool.map(
                    lambda n: self.create_server(f'{name}-{n}', **options),
                    range(count),
                )
            )

    def create_group(
        self, name: str, policy: str = 'anti-affinity', project: str = 'admin'
    ) -> str:
        return self.call(
            'POST',
            '/os-server-groups',
            {'server_group': {'name': name, 'policy': policy}},
            project=project,
        )['server_group']['id']

    def set_power(self, server: str, action: str, vm_state: str) -> None:
        """An action on a server, and the state that it leads to."""
        response = self.action(server, action)
        if not response.ok:
            raise apis.CloudError(response.text)
        self.wait_state(server, vm_state)

    def wait_state(
        self, server: str, vm_state: str, timeout: float = 120
    ) -> dict[str, Any]:
        """Wait until a server is in a state and at rest; return its row."""

        def reached() -> dict[str, Any] | None:
            try:
                row = self.server_row(server)
            except apis.NotFound:  # not scheduled to a cell yet
                return None
            if row['vm_state'] == 'error' != vm_state:
                raise apis.CloudError(f'{server} is in ERROR')
            if row['vm_state'] == vm_state and not row['task_state']:
                return row
            return None

        return apis.wait_for(reached, f'{server} {vm_state}', timeout)

    def wait_evacuated(
        self, server: str, timeout: float = 120
    ) -> dict[str, Any]:
        """Wait until the newest migration has ended, well or not; its row."""

        def ended() -> dict[str, Any] | None:
            row = self.migrations(server)[-1]
            settled = not self.server_row(server)['task_state']
            return (
                row
                if settled
                and row['status'] in ('done', 'completed', 'failed', 'error')
                else None
            )

        return apis.wait_for(ended, f'evacuation of {server}', timeout)
