"""What Nova sends, as real ones do."""

from __future__ import annotations

from typing import Any

from keystoneauth1 import session as ksa_session
from keystoneauth1 import token_endpoint

#: The ``Date`` of an answer.
DATE = 'Sat, 01 Aug 2026 12:00:00 GMT'


def server(server_id: str = 'a', **fields: Any) -> dict[str, Any]:
    return {
        'id': server_id,
        'name': f'server-{server_id}',
        'status': 'ACTIVE',
        'tenant_id': 'project',
        'created': '2026-01-01T00:00:00Z',
        'flavor': {
            'original_name': 'm1',
            'ephemeral': 0,
            'extra_specs': {'ha': 'yes'},
        },
        'image': {'id': 'image', 'properties': {'os_type': 'linux'}},
        'metadata': {'k': 'v'},
        'tags': ['ha'],
        'OS-EXT-STS:vm_state': 'active',
        'OS-EXT-STS:task_state': None,
        'OS-EXT-STS:power_state': 1,
        'OS-SRV-USG:launched_at': '2026-01-01T00:01:00.000000',
        'OS-EXT-SRV-ATTR:host': 'dead',
        'OS-EXT-SRV-ATTR:hypervisor_hostname': 'dead.example.org',
        'OS-EXT-SRV-ATTR:root_device_name': '/dev/vda',
        'os-extended-volumes:volumes_attached': [
            {'id': 'volume', 'delete_on_termination': False}
        ],
        **fields,
    }


def service(host: str = 'dead', **fields: Any) -> dict[str, Any]:
    return {
        'id': f'service-{host}',
        'binary': 'nova-compute',
        'host': host,
        'zone': 'nova',
        'status': 'disabled',
        'state': 'down',
        'updated_at': '2026-08-01T11:59:00.000000',
        'disabled_reason': 'because',
        'forced_down': True,
        **fields,
    }


def migration(
    record_id: str = 'e1', server_id: str = 'a', **fields: Any
) -> dict[str, Any]:
    return {
        'uuid': record_id,
        'instance_uuid': server_id,
        'status': 'accepted',
        'source_compute': 'dead',
        'dest_compute': None,
        'created_at': '2026-08-01T11:00:00.000000',
        'migration_type': 'evacuation',
        **fields,
    }


def group(group_id: str = 'g', **fields: Any) -> dict[str, Any]:
    return {
        'id': group_id,
        'name': f'group-{group_id}',
        'policy': 'anti-affinity',
        'members': ['a', 'b'],
        **fields,
    }


def aggregate(**fields: Any) -> dict[str, Any]:
    return {
        'name': 'rack',
        'hosts': ['dead', 'spare'],
        'metadata': {},
        **fields,
    }


class Api:
    """A service of the cloud at one URL.

    :ivar mocker: requests-mock's
    """

    def __init__(self, mocker: Any, url: str, top: str = '2.104') -> None:
        self.mocker = mocker
        self.url = url
        mocker.get(
            url,
            json={
                'version': {
                    'id': 'v2.1',
                    'status': 'CURRENT',
                    'version': top,
                    'min_version': '2.1',
                    'links': [{'rel': 'self', 'href': f'{url}/'}],
                }
            },
        )

    def get(self, path: str, *answers: Any, **fields: Any) -> Any:
        """Answer with these bodies, one after the other."""
        return self.mocker.get(
            self.url + path,
            [
                answer
                if {'status_code', 'exc', 'text'} & set(answer)
                else {'json': answer, 'headers': {'Date': DATE}}
                for answer in answers
            ],
            **fields,
        )

    def session(self) -> ksa_session.Session:
        return ksa_session.Session(
            auth=token_endpoint.Token(self.url, 'token')
        )

    @property
    def requests(self) -> list[Any]:
        """What was asked, but for discovery."""
        return [
            item
            for item in self.mocker.request_history
            if item.url.rstrip('/') != self.url
        ]
