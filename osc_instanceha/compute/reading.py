"""Reading from Nova.

With a keystoneauth adapter: novaclient ends at 2.96, and drops the links that
tell whether a page was the last (invariant 7), and the Date of an answer.
"""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Mapping
import functools
from typing import Any

from keystoneauth1 import adapter as ksa_adapter
from keystoneauth1 import session as ksa_session

from osc_instanceha import exceptions
from osc_instanceha import model
from osc_instanceha import repeating
from osc_instanceha import service_failures
from osc_instanceha.compute import answers
from osc_instanceha.compute import failures
from osc_instanceha.compute import microversions

#: Instance actions that say what the owner wants the power state to be.
_STARTS = frozenset(
    ('create', 'start', 'reboot', 'rebuild', 'restore', 'resume', 'unshelve')
)


class NovaReader:
    """The part of :class:`~osc_instanceha.ports.Compute` that only reads.

    :param session: see :func:`osc_instanceha.sessions.sibling`
    :param ceiling: the highest microversion to use, or None
    """

    def __init__(
        self,
        session: ksa_session.Session,
        *,
        region_name: str | None = None,
        interface: str | None = None,
        endpoint_override: str | None = None,
        ceiling: microversions.Version | None = None,
    ) -> None:
        self._ceiling = ceiling
        self._adapter = ksa_adapter.Adapter(
            session,
            service_type='compute',
            region_name=region_name,
            interface=interface,
            endpoint_override=endpoint_override,
        )

    @functools.cached_property
    def _versions(self) -> microversions.Choice:
        return repeating.patiently(self._discover)

    def _discover(self) -> microversions.Choice:
        with failures.translated('The Compute API'):
            data = self._adapter.get_endpoint_data()
        if data is None or data.max_microversion is None:
            raise exceptions.Unreachable(
                'The Compute API could not be found: the catalog names no '
                'compute endpoint for these credentials and this region, or '
                'it does not answer'
            )
        major, minor = data.max_microversion[:2]
        return microversions.choose((int(major), int(minor)), self._ceiling)

    def _get(self, path: str, **params: Any) -> tuple[Any, Mapping[str, str]]:
        version = microversions.text(self._versions.reading)

        def ask() -> tuple[Any, Mapping[str, str]]:
            where = f'GET {path}'
            with failures.translated(where):
                response = self._adapter.get(
                    path,
                    params={k: v for k, v in params.items() if v is not None},
                    microversion=version,
                )
            body = service_failures.parsed(where, response)
            return body, response.headers

        return repeating.patiently(ask)

    def _pages(
        self,
        path: str,
        key: str,
        marker: str = 'id',
        known: Collection[str] = (),
        **params: Any,
    ) -> list[Any]:
        """All items, page after page, whatever size the server likes.

        :param marker: the field that tells where the next page begins
        :param known: markers at which the list may end
        """
        found: list[Any] = []
        last = None
        seen: set[str] = set()
        while True:
            body, _headers = self._get(path, marker=last, **params)
            page = answers.items(f'GET {path}', body, key)
            found += page
            if not page:
                return found
            last = answers.Reader(f'GET {path}', page[-1]).get(marker, str)
            if not body.get(f'{key}_links') or last in known:
                return found
            if last in seen:
                raise _in_circles(f'GET {path}')
            seen.add(last)

    def services(self) -> tuple[model.Service, ...]:
        found = self._services()
        if not found:
            # A cloud without a compute host has nothing to recover; one that
            # shows none is ill.
            raise exceptions.IncompleteAnswer(
                'GET /os-services: Nova shows no compute service at all'
            )
        return found

    def service(self, host: str) -> model.Service | None:
        found = [item for item in self._services(host) if item.host == host]
        if len(found) > 1:
            raise exceptions.IncompleteAnswer(
                f'Nova has {len(found)} compute services of the host {host}'
            )
        return found[0] if found else None

    def _services(self, host: str | None = None) -> tuple[model.Service, ...]:
        body, headers = self._get(
            '/os-services', binary='nova-compute', host=host
        )
        where = 'GET /os-services'
        return tuple(
            answers.service(where, item, headers.get('Date'))
            for item in answers.items(where, body, 'services')
        )

    def servers(self, host: str) -> tuple[model.Server, ...]:
        where = '/servers/detail'
        found = self._pages(
            where,
            'servers',
            host=host,
            all_tenants=1,
        )
        return tuple(answers.server(f'GET {where}', item) for item in found)

    def server(self, server_id: str) -> model.Server | None:
        path = f'/servers/{server_id}'
        try:
            body, _headers = self._get(path)
        except exceptions.CloudError as error:
            if error.code == 404:
                return None
            raise
        where = f'GET {path}'
        return answers.server(
            where, answers.Reader(where, body).get('server', dict)
        )

    def evacuations(
        self, host: str, known: Collection[str] = ()
    ) -> tuple[model.Evacuation, ...]:
        where = '/os-migrations'
        found = self._pages(
            where,
            'migrations',
            marker='uuid',
            # Newest first: behind a known one there are only known ones.
            known=known,
            source_compute=host,
            migration_type='evacuation',
        )
        records = tuple(
            answers.evacuation(f'GET {where}', item) for item in found
        )
        for record in records:
            if record.source != host:
                raise exceptions.UnexpectedAnswer(
                    f'GET {where}?source_compute={host}',
                    f'migration {record.id} is from {record.source}',
                )
        return records

    def groups(self) -> tuple[model.ServerGroup, ...]:
        path = '/os-server-groups'
        where = f'GET {path}'
        found: list[model.ServerGroup] = []
        while True:
            # There are no links, and the size of a page is the server's
            # secret: only an empty one is the last for sure.
            body, _headers = self._get(
                path, all_projects='True', offset=len(found) or None
            )
            page = [
                answers.group(where, item)
                for item in answers.items(where, body, 'server_groups')
            ]
            if not page:
                return tuple(found)
            # One that is made or deleted meanwhile moves the others by one.
            if {group.id for group in page} <= {group.id for group in found}:
                raise _in_circles(where)
            found += page

    def aggregates(self) -> tuple[model.Aggregate, ...]:
        where = 'GET /os-aggregates'
        body, _headers = self._get('/os-aggregates')
        return tuple(
            answers.aggregate(where, item)
            for item in answers.items(where, body, 'aggregates')
        )

    def hypervisor_types(
        self, hypervisors: Iterable[str]
    ) -> Mapping[str, str]:
        names = set(hypervisors)
        # One host has one hypervisor, but for Ironic.
        pattern = next(iter(names)) if len(names) == 1 else None
        return {
            name: answers.Reader('GET /os-hypervisors', item).get(
                'hypervisor_type', str
            )
            for name, item in self._hypervisors(pattern)
            if name in names
        }

    def hypervisor_host(self, hypervisor: str) -> str | None:
        for name, item in self._hypervisors(None):
            if name == hypervisor:
                raw = answers.Reader('GET /os-hypervisors', item)
                return raw.read('service').get('host', str)
        return None

    def _hypervisors(self, pattern: str | None) -> list[tuple[str, Any]]:
        path = '/os-hypervisors/detail'
        try:
            found = self._pages(
                path,
                'hypervisors',
                hypervisor_hostname_pattern=pattern,
            )
        except exceptions.CloudError as error:
            if error.code == 404 and pattern is not None:
                return []
            raise
        where = f'GET {path}'
        return [
            (answers.Reader(where, i).get('hypervisor_hostname', str), i)
            for i in found
        ]

    def was_stopped(self, server_id: str) -> bool:
        for action in self._actions(server_id):
            if action == 'stop':
                return True
            if action in _STARTS:
                return False
        return False

    def was_started(self, server_id: str) -> bool:
        for action in self._actions(server_id):
            if action == 'evacuate':
                return False
            if action in _STARTS:
                return True
        return True

    def _actions(self, server_id: str) -> list[str]:
        path = f'/servers/{server_id}/os-instance-actions'
        where = f'GET {path}'
        body, _headers = self._get(path)
        return [
            answers.Reader(where, item).get('action', str)
            for item in answers.items(where, body, 'instanceActions')
        ]

    def failure(
        self, server: model.Server, evacuation: model.Evacuation | None
    ) -> str:
        # A fault's time has whole seconds only.
        begun = None
        if evacuation is not None:
            begun = evacuation.created.replace(microsecond=0)
        fault = server.fault
        # A fault stays with a server for good: only a newer one is meant.
        if fault is not None and (
            begun is None
            or (fault.created is not None and fault.created >= begun)
        ):
            return service_failures.one_line(fault.message)
        try:
            words = self._failed_event(server.id)
        except exceptions.CloudError as error:
            return f'its evacuation failed; why could not be read ({error})'
        return service_failures.one_line(words) or (
            'its evacuation failed, and Nova does not say why'
        )

    def _failed_event(self, server_id: str) -> str:
        """The words of the failed event in the last evacuate action."""
        base = f'/servers/{server_id}/os-instance-actions'
        body, _headers = self._get(base)
        for item in answers.items(f'GET {base}', body, 'instanceActions'):
            action = answers.Reader(f'GET {base}', item)
            if action.get('action', str) != 'evacuate':
                continue
            # Newest first; the action is made just before the record.
            path = f'{base}/{action.get("request_id", str)}'
            body, _headers = self._get(path)
            detail = answers.Reader(f'GET {path}', body).read('instanceAction')
            for raw in detail.optional('events', list) or ():
                event = answers.Reader(f'GET {path}', raw)
                words = event.optional('details', str) or _last_line(
                    event.optional('traceback', str)
                )
                if event.optional('result', str) == 'Error' and words:
                    return words
            return ''
        return ''


def _in_circles(where: str) -> exceptions.UnexpectedAnswer:
    return exceptions.UnexpectedAnswer(
        where, 'the same page comes again and again'
    )


def _last_line(traceback: str | None) -> str:
    lines = (traceback or '').strip().splitlines()
    return lines[-1].strip() if lines else ''
