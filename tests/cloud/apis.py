"""The public APIs of the cloud, as plainly as can be."""

from __future__ import annotations

from collections import abc
import time
from typing import Any

from keystoneauth1 import adapter
from keystoneauth1 import identity
from keystoneauth1 import session
import requests

# The newest microversion of the requests that the handle itself makes.
NEWEST = '2.96'


def version(text: str) -> tuple[int, int]:
    """A microversion, to be compared."""
    major, _, minor = text.partition('.')
    return int(major), int(minor)


class CloudError(Exception):
    """The cloud does not do what the handle asks of it."""


class NotFound(CloudError):
    """There is no such host, server or record."""


def wait_for(
    condition: abc.Callable[[], Any],
    what: str = '',
    timeout: float = 30,
    interval: float = 0.05,
) -> Any:
    """Poll until the condition is true; return what it returned."""
    deadline = time.monotonic() + timeout
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise CloudError(f'not within {timeout} s: {what or condition}')
        time.sleep(interval)


class PublicAPIs:
    """Requests to the services, by the administrator or by anybody.

    :ivar newest: the newest microversion that this Nova has
    :ivar microversion: that of a request for which nothing else is said
    """

    def __init__(self, auth_url: str, newest: str) -> None:
        self.auth_url = auth_url
        self.newest = newest
        self.microversion = self.up_to(NEWEST)
        self.microversions = {
            'compute': self.microversion,
            'block-storage': '3.44',
        }
        self.sessions: dict[tuple[str, str], session.Session] = {}
        self.ids: dict[str, str] = {}

    def has(self, microversion: str) -> bool:
        """Whether this Nova has a microversion."""
        return version(microversion) <= version(self.newest)

    def up_to(self, microversion: str) -> str:
        """This microversion, or the newest of a Nova that ends before it."""
        return min(microversion, self.newest, key=version)

    def session(
        self, project: str = 'admin', user: str = 'admin'
    ) -> session.Session:
        """A session of the administrator (in any project) or of a user."""
        if (project, user) not in self.sessions:
            self.sessions[project, user] = session.Session(
                identity.Password(
                    self.auth_url,
                    username=user,
                    password='secret',
                    project_name=project,
                    user_domain_id='default',
                    project_domain_id='default',
                )
            )
        return self.sessions[project, user]

    def api(
        self,
        service: str = 'compute',
        microversion: str | None = None,
        project: str = 'admin',
        user: str = 'admin',
    ) -> adapter.Adapter:
        """An API as a plain HTTP adapter that does not raise on an error."""
        return adapter.Adapter(
            self.session(project, user),
            service_type=service,
            interface='public',
            default_microversion=microversion,
            raise_exc=False,
        )

    def call(
        self,
        method: str,
        url: str,
        body: Any = None,
        service: str = 'compute',
        microversion: str | None = None,
        project: str = 'admin',
    ) -> Any:
        """One request that has to succeed; return the answer's JSON."""
        response = self.api(
            service,
            microversion or self.microversions.get(service),
            project,
        ).request(url, method, json=body)
        if not response.ok:
            raise CloudError(
                f'{method} {url}: {response.status_code} {response.text}'
            )
        return response.json() if response.content else None

    def server(
        self, server: str, microversion: str | None = None
    ) -> dict[str, Any]:
        """A server as the Compute API shows it to the administrator."""
        return self.call(
            'GET', f'/servers/{server}', microversion=microversion
        )['server']

    def action(
        self,
        server: str,
        action: str,
        argument: Any = None,
        microversion: str | None = None,
    ) -> requests.Response:
        """An action on a server, as plain as can be: the response."""
        return self.api(microversion=microversion or self.microversion).post(
            f'/servers/{server}/action', json={action: argument}
        )

    def evacuate(
        self, server: str, microversion: str | None = None, **arguments: Any
    ) -> requests.Response:
        """One raw POST of evacuate."""
        return self.action(server, 'evacuate', arguments, microversion)

    def service(self, host: str) -> dict[str, Any]:
        """The nova-compute of a host in os-services."""
        services = self.call(
            'GET', '/os-services?binary=nova-compute&host=' + host
        )
        return services['services'][0]

    def set_service(self, host: str, **fields: Any) -> requests.Response:
        """PUT status, disabled_reason and forced_down of a host's service."""
        return self.api(microversion=self.microversion).put(
            '/os-services/' + self.service(host)['id'], json=fields
        )

    def image_id(self, name: str) -> str:
        return self.find('image', '/v2/images', 'images', name)

    def network_id(self, name: str) -> str:
        return self.find('network', '/v2.0/networks', 'networks', name)

    def find(self, service: str, url: str, key: str, name: str) -> str:
        """The id that a name has; asked for once, as a reset keeps it."""
        query = f'{url}?name={name}'
        if query not in self.ids:
            [found] = self.call('GET', query, service=service)[key]
            self.ids[query] = found['id']
        return self.ids[query]

    def volume_hosts(self, server: str) -> list[str]:
        """The hosts that Cinder has a server's volumes attached to."""
        attachments = self.call(
            'GET',
            '/attachments?all_tenants=1&instance_id=' + server,
            service='block-storage',
        )['attachments']
        return [
            self.call(
                'GET',
                '/attachments/' + attachment['id'],
                service='block-storage',
            )['attachment']['connection_info']['host']
            for attachment in attachments
        ]

    def port_hosts(self, server: str) -> list[str]:
        """The hosts that Neutron has a server's ports bound to."""
        return [
            port['binding:host_id']
            for port in self.call(
                'GET', '/v2.0/ports?device_id=' + server, service='network'
            )['ports']
        ]
