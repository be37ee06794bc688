"""What sushy's requests go through: straight to the device, and in time.

requests knows a time limit for each packet only; here is one for all that a
call of the driver does. It takes no proxy from the environment, which would
see the password and cannot reach a management network anyway, and goes to no
other origin than the one that the configuration names: neither passwords nor
tokens follow a redirection or a link.
"""

from __future__ import annotations

from collections.abc import Iterator
import contextlib
import socket
import threading
import time
from typing import Any
import urllib.parse

from requests import adapters
from requests import exceptions as requests_exceptions
from sushy import connector
from urllib3 import connection
from urllib3 import connectionpool

#: The part of the time that is left which connecting may take, so that the
#: second address of a name is tried too.
_CONNECTING = 0.5


class WrongOrigin(requests_exceptions.RequestException):
    """The device sends us elsewhere.

    :ivar origin: where to
    """

    def __init__(self, origin: str) -> None:
        super().__init__(f'the device refers to {origin}')
        self.origin = origin


class Limit:
    """The end of the time for all connections of one driver.

    A device that sends a byte from time to time would keep a reader for
    ever. So the connections are shut down when the time is over, from
    another thread, and the reader fails.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connections: list[socket.socket] = []
        self._end = 0.0
        #: Whether the time was over before the last call was.
        self.passed = False

    @contextlib.contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Whatever is done inside ends by then, at least by failing."""
        self.passed = False
        self._end = time.monotonic() + seconds
        timer = threading.Timer(seconds, self._pass)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()
            for held in self._connections:
                held.close()
            self._connections.clear()

    def left(self) -> float:
        """Seconds, more than none because requests wants it so."""
        return max(self._end - time.monotonic(), 0.001)

    def watch(self, connected: socket.socket) -> None:
        with self._lock:
            # A copy, for TLS takes the original away; shutting down one
            # shuts down both.
            self._connections.append(connected.dup())
            late = self.passed
        if late:
            self._shut_down()

    def _pass(self) -> None:
        with self._lock:
            self.passed = True
        self._shut_down()

    def _shut_down(self) -> None:
        for held in self._connections:
            # The other side may have been faster.
            with contextlib.suppress(OSError):
                held.shutdown(socket.SHUT_RDWR)


class Connector(connector.Connector):  # type: ignore[misc]
    """sushy's connector, with the rules of this module.

    :param address: URL of the device
    :param verify: whether the certificate is verified, or the path of the
        CA's
    """

    def __init__(self, address: str, verify: bool | str) -> None:
        # One retry means none; none would mean three.
        super().__init__(address, verify=verify, server_side_retries=1)
        self.limit = Limit()
        for scheme in ('https://', 'http://'):
            self._session.mount(scheme, _Adapter(address, self.limit))

    @property
    def token(self) -> str | None:
        """Of the session, while there is one."""
        token: str | None = self._session.headers.get('X-Auth-Token')
        return token


class _Adapter(adapters.HTTPAdapter):
    def __init__(self, address: str, limit: Limit) -> None:
        self._origin = _origin(address)
        self._limit = limit
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _pools(self._limit)

    def send(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        origin = _origin(request.url)
        if origin != self._origin:
            raise WrongOrigin(origin)
        left = self._limit.left()
        kwargs['timeout'] = (left * _CONNECTING, left)
        kwargs['proxies'] = None
        return super().send(request, *args, **kwargs)


def _origin(url: str) -> str:
    """Scheme, host and port, without user and password."""
    parts = urllib.parse.urlsplit(url)
    port = parts.port or {'http': 80, 'https': 443}.get(parts.scheme, 0)
    return f'{parts.scheme}://{parts.hostname}:{port}'


def _pools(limit: Limit) -> dict[str, Any]:
    """urllib3's pools, of connections that the limit knows."""

    class Plain(connection.HTTPConnection):  # type: ignore[misc]
        def _new_conn(self) -> socket.socket:
            connected: socket.socket = super()._new_conn()
            limit.watch(connected)
            return connected

    class Encrypted(connection.HTTPSConnection):  # type: ignore[misc]
        def _new_conn(self) -> socket.socket:
            connected: socket.socket = super()._new_conn()
            limit.watch(connected)
            return connected

    class PlainPool(connectionpool.HTTPConnectionPool):  # type: ignore[misc]
        ConnectionCls = Plain

    class EncryptedPool(connectionpool.HTTPSConnectionPool):  # type: ignore[misc]
        ConnectionCls = Encrypted

    return {'http': PlainPool, 'https': EncryptedPool}
