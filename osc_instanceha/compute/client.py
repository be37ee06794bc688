"""Nova, read and changed.

Whatever changes something goes through python-novaclient, or through its
session client where it has no method.
"""

from __future__ import annotations

import logging
from typing import Any

from keystoneauth1 import exceptions as ksa_exceptions
from keystoneauth1 import session as ksa_session
from novaclient import api_versions
from novaclient import client as nova_client
from novaclient import exceptions as nova_exceptions

from osc_instanceha import exceptions
from osc_instanceha import model
from osc_instanceha import ports
from osc_instanceha import service_failures
from osc_instanceha.compute import answers
from osc_instanceha.compute import failures
from osc_instanceha.compute import microversions
from osc_instanceha.compute import reading

LOG = logging.getLogger(__name__)


class NovaCompute(reading.NovaReader):
    """:class:`~osc_instanceha.ports.Compute` on a real Nova.

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
        super().__init__(
            session,
            region_name=region_name,
            interface=interface,
            endpoint_override=endpoint_override,
            ceiling=ceiling,
        )
        self._session = session
        self._region_name = region_name
        self._interface = interface
        self._endpoint_override = endpoint_override
        self._without_stopping = False
        self._clients: dict[microversions.Version, Any] = {}

    def _nova(self, version: microversions.Version) -> Any:
        if version not in self._clients:
            self._clients[version] = nova_client.Client(
                api_versions.APIVersion(microversions.text(version)),
                session=self._session,
                region_name=self._region_name,
                endpoint_type=self._interface,
                endpoint_override=self._endpoint_override,
                # A request that changes something is never sent again by a
                # library (invariant 2).
                connect_retries=0,
                status_code_retries=0,
            )
        return self._clients[version]

    @property
    def _changing(self) -> Any:
        return self._nova(self._versions.evacuating)

    def mark_down(self, service: model.Service, reason: str) -> model.Service:
        # One call: disabling a service that still counts as up would have
        # Nova call the dead host and wait.
        return self._set(
            service,
            status='disabled',
            disabled_reason=reason,
            forced_down=True,
        )

    def lift(self, service: model.Service) -> model.Service:
        return self._set(service, forced_down=False)

    def enable(self, service: model.Service) -> model.Service:
        return self._set(service, status='enabled')

    def disable(self, service: model.Service, reason: str) -> model.Service:
        return self._set(service, status='disabled', disabled_reason=reason)

    def _set(self, service: model.Service, **wanted: Any) -> model.Service:
        where = f'PUT /os-services/{service.id}'
        # novaclient has no method for a call that changes several things.
        with failures.translated(where):
            response, body = self._changing.client.put(
                f'/os-services/{service.id}', body=wanted
            )
        changed = answers.service(
            where,
            answers.Reader(where, body).get('service', dict),
            response.headers.get('Date'),
        )
        for name, is_now in (
            ('forced_down', changed.forced_down),
            ('status', 'enabled' if changed.enabled else 'disabled'),
        ):
            if name in wanted and wanted[name] != is_now:
                raise exceptions.UnexpectedAnswer(
                    where, f'{name} is {is_now} afterwards'
                )
        return changed

    def evacuate(
        self,
        server_id: str,
        *,
        guarded: bool,
        target_host: str | None,
        stopped: bool,
    ) -> ports.Posted:
        stopping = self._versions.stopping
        stops = False
        if guarded:
            version = microversions.GUARDED
            options: dict[str, Any] = {'on_shared_storage': True}
        elif stopped and stopping and not self._without_stopping:
            version, options, stops = stopping, {}, True
        else:
            version, options = self._versions.evacuating, {}
        if target_host is not None:
            if guarded:
                raise ValueError(
                    'BUG: below 2.29 a target host bypasses the scheduler'
                )
            options['host'] = target_host
        try:
            # Apart, so that a Keystone that does not answer is not taken for
            # a Nova that may have heard us.
            self._session.get_token()
        except ksa_exceptions.ClientException as error:
            return ports.Posted(
                ports.Answer.NOT_SENT, service_failures.said(error)
            )
        try:
            answer = self._nova(version).servers.evacuate(server_id, **options)
        except nova_exceptions.BadRequest as error:
            if stops and '2.95' in str(error):
                # Some nova-compute is older than Zed (NotSupportedCompute-
                # ForEvacuateV295): nothing has begun, and we can stop too.
                self._without_stopping = True
                return self.evacuate(
                    server_id,
                    guarded=False,
                    target_host=target_host,
                    stopped=True,
                )
            return failures.posted(error)
        except Exception as error:
            # Whatever it was, it must not be taken for an answer.
            LOG.debug('Evacuating %s: no answer', server_id, exc_info=True)
            return failures.posted(error)
        request_id, *_ = getattr(answer, 'request_ids', None) or [None]
        if not request_id:
            # Every answer of Nova's has one; this is somebody else's page.
            return ports.Posted(
                ports.Answer.UNCERTAIN,
                'its answer is not from Nova: it has no request id',
            )
        return ports.Posted(
            ports.Answer.ACCEPTED, request_id=request_id, stops=stops
        )

    def stop(self, server_id: str) -> None:
        with failures.translated(f'POST /servers/{server_id}/action os-stop'):
            self._changing.servers.stop(server_id)
