"""Finding a project in Keystone.

By hand, and not with openstacksdk: that takes a page of a proxy for a project
with the ID that was asked for.
"""

from __future__ import annotations

from typing import Any
import urllib.parse

from keystoneauth1 import adapter as ksa_adapter

from osc_instanceha import exceptions
from osc_instanceha import repeating
from osc_instanceha import service_failures


class Projects:
    """:param identity: adapter of the Identity API"""

    def __init__(self, identity: ksa_adapter.Adapter) -> None:
        self._identity = identity

    def find(self, project: str, domain: str | None = None) -> str:
        """The ID of the project with this ID or name.

        :param domain: ID or name of its domain
        :raises ProjectNotFound: if there is none, or more than one
        :raises CloudError: if Keystone does not tell
        """
        query = {}
        if domain is not None:
            domains = self._find('domain', domain, {})
            if len(domains) != 1:
                raise exceptions.ProjectNotFound(
                    project,
                    f"no domain {domain!r}, see 'openstack domain list'",
                )
            query['domain_id'] = domains[0]
        found = self._find('project', project, query)
        if len(found) > 1:
            raise exceptions.ProjectNotFound(
                project,
                'there are several of that name; add --project-domain, or '
                'give its ID',
            )
        if not found:
            raise exceptions.ProjectNotFound(
                project, "see 'openstack project list'"
            )
        return found[0]

    def _find(
        self, kind: str, wanted: str, query: dict[str, str]
    ) -> list[str]:
        """IDs of what has this ID or, if nothing has, this name."""
        path = f'/{kind}s'
        try:
            body = self._get(f'{path}/{urllib.parse.quote(wanted, safe="")}')
        except exceptions.CloudError as error:
            # 403: of another domain than these credentials may read.
            if error.code not in (403, 404):
                raise
        else:
            item = _member(path, body, kind, dict)
            if _member(path, item, 'id', str) == wanted:
                return [wanted]
        body = self._get(path, name=wanted, **query)
        return [
            _member(path, item, 'id', str)
            for item in _member(path, body, f'{kind}s', list)
            if _member(path, item, 'name', str) == wanted
        ]

    def _get(self, path: str, **query: str) -> Any:
        def ask() -> Any:
            where = f'GET {path} of the Identity API'
            with service_failures.translated(where):
                endpoint = str(self._identity.get_endpoint() or '')
                # The catalog may name the service or its third version.
                version = '' if endpoint.rstrip('/').endswith('/v3') else '/v3'
                response = self._identity.get(version + path, params=query)
            return service_failures.parsed(where, response)

        return repeating.patiently(ask)


def _member(path: str, item: Any, key: str, kind: type) -> Any:
    """:raises UnexpectedAnswer: if it is not there, or of another type"""
    value = item.get(key) if isinstance(item, dict) else None
    if not isinstance(value, kind):
        raise exceptions.UnexpectedAnswer(
            f'GET {path} of the Identity API', f'no {key!r} in it'
        )
    return value
