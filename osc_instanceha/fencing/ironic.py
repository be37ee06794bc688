"""A host that is managed by Ironic, the Bare Metal service.

The power state that Ironic shows is the one that it has read last, a minute
ago perhaps, or never again for a node in maintenance. So it counts only after
a request of this driver's that has ended: it reads the hardware first
(ironic/conductor/utils.py, _can_skip_state_change) and waits for it to get
there.

The conductor locks the node and sets its target_power_state before the API
answers 202 (an RPC call: conductor/manager.py, change_node_power_state), and
gives the lock back when the worker has ended (conductor/task_manager.py,
__exit__ and _thread_release_resources), after power_state, last_error and the
empty target_power_state were saved (conductor/utils.py, node_power_action).
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
import contextlib
import json
from typing import Any
from typing import ClassVar
import urllib.parse

from keystoneauth1 import adapter as ksa_adapter
from keystoneauth1 import exceptions as ksa_exceptions

from osc_instanceha import exceptions
from osc_instanceha.fencing import bounded_session
from osc_instanceha.fencing import driver

#: Nodes can be asked for by name since 1.5 (Liberty); all that is read here
#: is older.
_MICROVERSION = '1.5'

_POWER_STATES = {
    'power on': driver.PowerState.ON,
    'power off': driver.PowerState.OFF,
}

#: What is read of a node; each is a text, or null.
_FIELDS = ('power_state', 'target_power_state', 'reservation', 'last_error')

#: What a policy hides (api/controllers/v1/node.py, node_sanitize).
_REDACTED = '** Redacted'

#: Asking again may help: locked by another task, too many requests, no free
#: worker, a proxy without a backend.
_AGAIN = frozenset({408, 409, 429, 500, 502, 503, 504})


class Ironic(driver.Driver):
    """Asks the Bare Metal API."""

    of_machine = True
    summary: ClassVar[str] = 'The Bare Metal service (Ironic)'
    options: ClassVar[tuple[driver.Option, ...]] = (
        driver.Option(
            'node',
            'Name or UUID of the host in Ironic',
            required=True,
            names_target=True,
        ),
        driver.Option(
            'cloud',
            'Name in clouds.yaml of the cloud whose Ironic it is, as an '
            'undercloud; the cloud that the host belongs to by default',
        ),
    )

    def __init__(
        self, target: driver.Target, options: Mapping[str, Any]
    ) -> None:
        super().__init__(target, options)
        self._node: str = options['node']
        self._session, self._api = _connect(target, options['cloud'])
        self._asked = False

    def read(self, timeout: float) -> driver.Reading:
        with self._answers(timeout):
            response = self._call('GET', '')
            node = response.json()
        # One that is missing is not empty: without target_power_state a
        # node that is still on its way would count as there.
        if not isinstance(node, dict) or any(
            not isinstance(node.get(field, 0), str | None) for field in _FIELDS
        ):
            raise exceptions.DeviceError(
                f'the answer about node {self._node} is none of Ironic'
            )
        if self._asked:
            self._see_that_it_went_well(node)
        state = _POWER_STATES.get(
            node['power_state'], driver.PowerState.UNKNOWN
        )
        busy = node.get('target_power_state') or node.get('reservation')
        if self._asked and busy:
            state = driver.PowerState.UNKNOWN
        return driver.Reading(state, _detail(node), fresh=self._asked)

    def switch(self, state: driver.PowerState, timeout: float) -> None:
        # What was asked for before says nothing about what is now.
        self._asked = False
        with self._answers(timeout):
            self._call(
                'PUT', '/states/power', json={'target': f'power {state.value}'}
            )
        self._asked = True

    def close(self) -> None:
        self._session.close()

    def _see_that_it_went_well(self, node: Mapping[str, Any]) -> None:
        for field in ('reservation', 'last_error'):
            if str(node.get(field)).startswith(_REDACTED):
                raise exceptions.DeviceError(
                    f'the credentials may not see {field} of node '
                    f'{self._node}, so that its power state cannot be '
                    f'believed: they need the permission '
                    f'baremetal:node:get:{field}'
                )
        # A request empties it first.
        if node.get('last_error'):
            words = ' '.join(str(node['last_error']).split())
            raise exceptions.DeviceError(f'{words}{_maintenance(node)}')

    def _call(self, method: str, path: str, **body: Any) -> Any:
        # The catalog may name the service or its version.
        endpoint = str(self._api.get_endpoint() or '')
        version = '' if endpoint.rstrip('/').endswith('/v1') else '/v1'
        node = urllib.parse.quote(self._node, safe='')
        return self._api.request(
            f'{version}/nodes/{node}{path}',
            method,
            # Who calls knows better how often and how long.
            connect_retries=0,
            status_code_retries=0,
            **body,
        )

    @contextlib.contextmanager
    def _answers(self, timeout: float) -> Iterator[None]:
        """Raise every failure as a :class:`~.DeviceError`."""
        try:
            with self._session.within(timeout):
                yield
        except ksa_exceptions.HttpError as error:
            raise self._by_code(error) from error
        except (
            ksa_exceptions.RetriableConnectionFailure,
            ksa_exceptions.UnknownConnectionError,
            ksa_exceptions.DiscoveryFailure,
        ) as error:
            raise exceptions.DeviceUnreachable(
                f'Ironic could not be asked: {_one_line(error)}'
            ) from error
        except (
            ksa_exceptions.ClientException,
            ValueError,
            RecursionError,
        ) as error:
            # No catalog entry, bad credentials, an answer without JSON.
            raise exceptions.DeviceError(
                f'Ironic could not be asked: {_one_line(error)}'
            ) from error

    def _by_code(
        self, error: ksa_exceptions.HttpError
    ) -> exceptions.DeviceError:
        code = error.http_status
        words = _fault(error)
        if code == 404:
            return exceptions.DeviceError(
                f'Ironic has no node {self._node}, or not for these '
                f'credentials'
            )
        if code in (401, 403):
            return exceptions.DeviceError(
                f'Ironic does not let these credentials switch nodes '
                f'(HTTP {code}): {words}'
            )
        kind = (
            exceptions.DeviceUnreachable
            if code in _AGAIN
            else exceptions.DeviceError
        )
        busy = 'node is busy: ' if code == 409 else ''
        return kind(f'{busy}{words} (HTTP {code})')


def _connect(
    target: driver.Target, cloud: str | None
) -> tuple[bounded_session.BoundedSession, ksa_adapter.Adapter]:
    region_name, interface = target.region_name, target.interface
    endpoint = None
    source = target.session
    if cloud is not None:
        # Takes a while, and nobody else needs it.
        from openstack import exceptions as sdk_exceptions
        import openstack.config

        try:
            region = openstack.config.get_cloud_region(cloud=cloud)
            source = region.get_session()
        except (
            sdk_exceptions.SDKException,
            ksa_exceptions.ClientException,
        ) as error:
            raise exceptions.DeviceError(_one_line(error)) from error
        region_name = region.get_region_name('baremetal')
        interface = region.get_interface('baremetal')
        endpoint = region.get_endpoint('baremetal')
    if source is None:
        raise exceptions.DeviceError(
            "there is no cloud to ask for Ironic: name one with 'cloud'"
        )
    session = bounded_session.BoundedSession(source)
    return session, ksa_adapter.Adapter(
        session,
        service_type='baremetal',
        region_name=region_name,
        interface=interface,
        endpoint_override=endpoint,
        default_microversion=_MICROVERSION,
    )


def _detail(node: Mapping[str, Any]) -> str:
    words = str(node['power_state'])
    if node.get('target_power_state'):
        words += f', on its way to {node["target_power_state"]}'
    elif node.get('reservation'):
        words += f', locked by {node["reservation"]}'
    return words + _maintenance(node)


def _maintenance(node: Mapping[str, Any]) -> str:
    if not node.get('maintenance'):
        return ''
    reason = ' '.join(str(node.get('maintenance_reason') or '').split())
    return f', in maintenance: {reason}' if reason else ', in maintenance'


def _fault(error: ksa_exceptions.HttpError) -> str:
    """The words of Ironic: JSON in JSON, with one of two schemas."""
    if error.response is None:
        return _one_line(error)
    try:
        message = error.response.json()['error_message']
        if isinstance(message, str):
            with contextlib.suppress(ValueError):
                message = json.loads(message)
        if isinstance(message, dict):
            message = message.get('faultstring') or message['description']
        return _one_line(message)
    except (
        AttributeError,
        LookupError,
        TypeError,
        ValueError,
        RecursionError,
    ):
        return _one_line(error)


def _one_line(text: object) -> str:
    return ' '.join(str(text).split()) or type(text).__name__
