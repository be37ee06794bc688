"""The driver ``redfish``: a BMC's Redfish API, through sushy.

What is read is the property PowerState of one ComputerSystem, asked for anew
each time, and what is asked for is its action ComputerSystem.Reset (DMTF
DSP0266 and DSP2046). The system has to be named: a chassis with several would
otherwise lose the wrong one.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from collections.abc import Mapping
import contextlib
import logging
import os
import typing
from typing import Any
import urllib.parse

from osc_instanceha import exceptions
from osc_instanceha.fencing import driver

if typing.TYPE_CHECKING:
    from osc_instanceha.fencing import redfish_transport

LOG = logging.getLogger(__name__)

#: Seconds that logging out may take.
_CLOSING = 2.0

#: Loggers of sushy that warn about what it raises anyway, or works around.
_CHATTY = (
    'sushy.auth',
    'sushy.connector',
    'sushy.exceptions',
    'sushy.main',
    'sushy.resources.base',
    'sushy.resources.system.system',
)

#: The two that are certain, of DSP2046's PowerState.
_STATES = {'On': driver.PowerState.ON, 'Off': driver.PowerState.OFF}


class Redfish(driver.Driver):
    """Speaks to the BMC of one machine, or to that of its chassis."""

    summary = 'A BMC with a Redfish API'
    extra = 'redfish'
    of_machine = True
    options = (
        driver.Option(
            'address',
            'URL of the BMC, as in https://192.0.2.10',
            required=True,
            names_target=True,
        ),
        driver.Option(
            'system',
            'Path of the system, as in /redfish/v1/Systems/1',
            required=True,
            names_target=True,
        ),
        driver.Option('username', 'User of the BMC', required=True),
        driver.Option(
            'password', 'Password of that user', required=True, secret=True
        ),
        driver.Option(
            'verify',
            'Whether to verify the certificate, or the absolute path of '
            'its CA',
            kind=driver.Kind.BOOLEAN_OR_PATH,
            default=True,
        ),
        driver.Option(
            'auth',
            'How to log in; a session takes one of the few that a BMC has',
            default='basic',
            choices=('basic', 'session'),
        ),
    )

    def __init__(
        self, target: driver.Target, options: Mapping[str, Any]
    ) -> None:
        super().__init__(target, options)
        _check(options)
        try:
            import sushy  # noqa: F401
        except ImportError:
            raise exceptions.MissingLibrary('redfish', 'redfish') from None
        for name in _CHATTY:
            logging.getLogger(name).addFilter(_at_debug)
        self._connector: redfish_transport.Connector | None = None
        self._auth: Any = None
        self._root: Any = None
        self._system: Any = None

    def read(self, timeout: float) -> driver.Reading:
        with self._asking(timeout):
            if self._system is None:
                # That reads it, too.
                self._system = self._find()
            else:
                self._system.refresh(force=True)
            word = str(self._system.json.get('PowerState'))
        return driver.Reading(
            _STATES.get(word, driver.PowerState.UNKNOWN), f'PowerState {word}'
        )

    def switch(self, state: driver.PowerState, timeout: float) -> None:
        with self._asking(timeout):
            import sushy

            if self._system is None:
                self._system = self._find()
            self._system.reset_system(
                sushy.ResetType.FORCE_OFF
                if state is driver.PowerState.OFF
                else sushy.ResetType.ON
            )

    def secrets(self) -> frozenset[str]:
        login = '{username}:{password}'.format(**self.values)
        found = {base64.b64encode(login.encode()).decode()}
        if self._connector is not None and self._connector.token:
            found.add(self._connector.token)
        return frozenset(found)

    def close(self) -> None:
        """Log out: a BMC has room for a few sessions only."""
        connector, self._connector = self._connector, None
        auth, self._auth = self._auth, None
        if connector is not None and auth is not None:
            try:
                with connector.limit.within(_CLOSING):
                    auth.close()
            except Exception as error:
                LOG.debug('The session was not ended: %s', type(error))
                # Or sushy tries it again when it is collected.
                auth.reset_session_attrs()
            connector.close()
        self._root = self._system = None

    @contextlib.contextmanager
    def _asking(self, timeout: float) -> Iterator[None]:
        """Ask the device inside; every failure becomes a DeviceError."""
        from osc_instanceha.fencing import redfish_failures
        from osc_instanceha.fencing import redfish_transport

        connector = self._connector
        if connector is None:
            connector = self._connector = redfish_transport.Connector(
                self.values['address'], self.values['verify']
            )
        try:
            with connector.limit.within(timeout):
                yield
        except Exception as error:
            if connector.limit.passed:
                raise exceptions.DeviceUnreachable(
                    f'no whole answer within {timeout:.3g} s'
                ) from error
            raise redfish_failures.understood(
                error, self.values['system']
            ) from error

    def _find(self) -> Any:
        import sushy
        from sushy import auth

        username, password = self.values['username'], self.values['password']
        if self._auth is None:
            if self.values['auth'] == 'session':
                self._auth = auth.SessionAuth(username, password)
            else:
                # As bytes, or requests takes Latin-1.
                self._auth = auth.BasicAuth(
                    username.encode(), password.encode()
                )
        if self._root is None:
            # That logs in, and must not be done again for every failure.
            self._root = sushy.Sushy(
                self.values['address'],
                auth=self._auth,
                connector=self._connector,
            )
        return self._root.get_system(self.values['system'])


def _check(options: Mapping[str, Any]) -> None:
    """Find what cannot be right.

    :raises DeviceError: with the cure
    """
    address = urllib.parse.urlsplit(options['address'])
    if address.scheme not in ('http', 'https') or not address.hostname:
        raise exceptions.DeviceError(
            'address has to be a URL, as in https://192.0.2.10'
        )
    if address.username or address.password:
        raise exceptions.DeviceError(
            'address must not contain a user name or password: they have '
            'options of their own'
        )
    if not options['system'].startswith('/'):
        raise exceptions.DeviceError(
            'system {system} has to be a path, as in '
            '/redfish/v1/Systems/1'.format(**options)
        )
    verify = options['verify']
    if isinstance(verify, str) and not os.path.isabs(verify):
        # Whoever calls may be anywhere.
        raise exceptions.DeviceError(
            f'verify: {verify} has to be true, false or an absolute path'
        )
    if isinstance(verify, str) and not os.path.exists(verify):
        raise exceptions.DeviceError(f'verify: there is no {verify}')


def _at_debug(record: logging.LogRecord) -> bool:
    """Told once, by the error that is raised, is enough."""
    record.levelno = logging.DEBUG
    record.levelname = logging.getLevelName(logging.DEBUG)
    return logging.getLogger(record.name).isEnabledFor(logging.DEBUG)
