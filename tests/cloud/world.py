"""What a new cloud holds: projects, images, flavors, a network."""

from __future__ import annotations

import json
import pathlib
from typing import Any

from keystoneauth1 import session

from tests.cloud import services

ADMIN_CLOUD = 'embedded'
TENANT_CLOUD = 'embedded-tenant'
TENANT = 'tenant'
TENANT_USER = 'tenant-user'

IMAGES: dict[str, dict[str, str]] = {
    'cirros': {},
    # One property that Nova knows, and one that only Glance keeps.
    'watchdog': {'hw_watchdog_action': 'reset', 'ha_policy': 'gold'},
}
FLAVORS: dict[str, tuple[dict[str, int], dict[str, str]]] = {
    'small': ({}, {}),
    'ephemeral': ({'OS-FLV-EXT-DATA:ephemeral': 1}, {}),
    'protected': ({}, {'instanceha:evacuable': 'true'}),
}


class World:
    """Makes it, through the APIs."""

    def __init__(self, admin: session.Session) -> None:
        self.admin = admin

    def call(
        self,
        service: str,
        method: str,
        url: str,
        *,
        json: Any = None,
        data: Any = None,
        **headers: str,
    ) -> Any:
        response = self.admin.request(
            url,
            method,
            json=json,
            data=data,
            headers=headers,
            endpoint_filter={'service_type': service, 'interface': 'public'},
        )
        return response.json() if response.content else None

    def make(self) -> None:
        self.make_projects()
        for name, properties in IMAGES.items():
            self.make_image(name, properties)
        for name, (sizes, specs) in FLAVORS.items():
            self.make_flavor(name, sizes, specs)
        self.make_network()

    def make_projects(self) -> None:
        project = self.call(
            'identity',
            'POST',
            '/projects',
            json={'project': {'name': TENANT, 'domain_id': 'default'}},
        )['project']
        user = self.call(
            'identity',
            'POST',
            '/users',
            json={
                'user': {
                    'name': TENANT_USER,
                    'password': services.PASSWORD,
                    'domain_id': 'default',
                }
            },
        )['user']
        roles = {
            role['name']: role['id']
            for role in self.call('identity', 'GET', '/roles')['roles']
        }
        access = self.admin.auth.get_access(self.admin)
        for project_id, user_id, role in (
            (project['id'], user['id'], 'member'),
            # The administrator makes servers there, on a given host.
            (project['id'], access.user_id, 'admin'),
            # Cinder lets only a service detach the volume of a server,
            # and Nova logs in as this user.
            (access.project_id, access.user_id, 'service'),
        ):
            self.call(
                'identity',
                'PUT',
                f'/projects/{project_id}/users/{user_id}/roles/{roles[role]}',
            )

    def make_image(self, name: str, properties: dict[str, str]) -> None:
        image = self.call(
            'image',
            'POST',
            '/v2/images',
            json={
                'name': name,
                'visibility': 'public',
                'disk_format': 'raw',
                'container_format': 'bare',
                **properties,
            },
        )
        self.call(
            'image',
            'PUT',
            '/v2/images/{}/file'.format(image['id']),
            data=b'no data',
            **{'Content-Type': 'application/octet-stream'},
        )

    def make_flavor(
        self, name: str, sizes: dict[str, int], specs: dict[str, str]
    ) -> None:
        self.call(
            'compute',
            'POST',
            '/flavors',
            json={
                'flavor': {
                    'id': name,
                    'name': name,
                    'vcpus': 1,
                    'ram': 64,
                    'disk': 1,
                    **sizes,
                }
            },
        )
        if specs:
            self.call(
                'compute',
                'POST',
                f'/flavors/{name}/os-extra_specs',
                json={'extra_specs': specs},
            )

    def make_network(self) -> None:
        network = self.call(
            'network',
            'POST',
            '/v2.0/networks',
            json={'network': {'name': 'private', 'shared': True}},
        )['network']
        self.call(
            'network',
            'POST',
            '/v2.0/subnets',
            json={
                'subnet': {
                    'network_id': network['id'],
                    'name': 'private',
                    'ip_version': 4,
                    'cidr': '10.1.0.0/16',
                    'enable_dhcp': False,
                }
            },
        )


def write_clouds(path: pathlib.Path, auth_url: str) -> None:
    """A clouds.yaml (JSON is YAML) for the operator and for a tenant."""
    path.write_text(
        json.dumps(
            {
                'clouds': {
                    cloud: {
                        'auth': {
                            'auth_url': auth_url,
                            'username': user,
                            'password': services.PASSWORD,
                            'project_name': project,
                            'user_domain_id': 'default',
                            'project_domain_id': 'default',
                        },
                        'region_name': 'RegionOne',
                    }
                    for cloud, user, project in (
                        (ADMIN_CLOUD, 'admin', 'admin'),
                        (TENANT_CLOUD, TENANT_USER, TENANT),
                    )
                }
            },
            indent=2,
        )
    )
