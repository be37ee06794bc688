"""What stands between one client of a cloud and the cloud.

A front has a door for each service, with a tap behind it: what goes wrong at
a front goes wrong for its client only, so that many clients of one cloud can
have troubles of their own at the same time, and what each of them sent is
known. A door can be shut: then the connection is refused, and not just cut.
"""

from __future__ import annotations

from collections import abc
import contextlib
import dataclasses
import http.client
import json
import pathlib
import re
import socket
import socketserver
import threading
from types import TracebackType
from typing import Any
import urllib.parse
from wsgiref import simple_server

from tests.cloud import client
from tests.cloud import tap
from tests.cloud import web

SERVICES = ('compute', 'identity', 'image', 'block-storage')

# Between two hops only.
HOP_BY_HOP = ('connection', 'transfer-encoding', 'keep-alive')


class _Handler(simple_server.WSGIRequestHandler):
    def get_environ(self) -> dict[str, Any]:
        environ = super().get_environ()
        environ['tests.cloud.socket'] = self.connection
        return environ

    def log_message(self, *args: Any) -> None:
        pass


class _Server(socketserver.ThreadingMixIn, simple_server.WSGIServer):
    """Answers connections that somebody else has accepted.

    One request a connection: so that the next one finds the door shut.
    """

    daemon_threads = True

    def __init__(self, port: int, app: abc.Callable) -> None:
        super().__init__((web.HOST, port), _Handler, bind_and_activate=False)
        self.server_name, self.server_port = web.HOST, port
        self.setup_environ()
        self.set_app(app)
        self.socket.close()

    def handle_error(self, *args: Any) -> None:
        """The client has gone, as clients do."""


class Door:
    """A port at which an application can be reached, or not."""

    def __init__(self, app: abc.Callable) -> None:
        self._lock = threading.Lock()
        self._listener: socket.socket | None = None
        # Bound as long as the door is there, lest somebody else get the port
        # while it is shut.
        self._place = self._bound(0)
        self.port: int = self._place.getsockname()[1]
        self._server = _Server(self.port, app)
        self.open()

    def open(self) -> None:
        with self._lock:
            if self._listener is None:
                self._listener = self._bound(self.port)
                self._listener.listen(64)
                threading.Thread(
                    target=self._accept, args=[self._listener], daemon=True
                ).start()

    def shut(self) -> None:
        """From now on connections are refused."""
        with self._lock:
            if self._listener is not None:
                # Closing alone does not wake the thread that accepts.
                self._listener.shutdown(socket.SHUT_RDWR)
                self._listener.close()
                self._listener = None

    def close(self) -> None:
        self.shut()
        self._place.close()

    @staticmethod
    def _bound(port: int) -> socket.socket:
        made = socket.socket()
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((web.HOST, port))
        return made

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                self._server.process_request(*listener.accept())


@dataclasses.dataclass
class Refusal:
    """The door is shut behind a request; the next one finds it so.

    :ivar match: a regular expression, searched for in ``METHOD /path?query``,
        a space, and the service's answer
    :ivar skip: how many matching requests there are before that one
    :ivar seconds: how long it stays shut; None is until it is opened
    """

    match: str
    skip: int = 0
    seconds: float | None = None

    def follows(self, exchange: str) -> bool:
        if not re.search(self.match, exchange, re.DOTALL):
            return False
        self.skip -= 1
        return self.skip == -1


class Passage:
    """A WSGI application that asks the service.

    :param url: of the service
    :ivar renamed: what to call what in its answers
    :ivar answering: told of each exchange before the client is answered
    """

    def __init__(self, url: str) -> None:
        parts = urllib.parse.urlsplit(url)
        self._address = (parts.hostname or '', parts.port)
        self.renamed: dict[bytes, bytes] = {}
        self.answering: abc.Callable[[str], None] = lambda exchange: None

    def __call__(
        self, environ: dict[str, Any], start_response: abc.Callable
    ) -> list[bytes]:
        path = urllib.parse.quote(environ['PATH_INFO'])
        if environ['QUERY_STRING']:
            path += '?' + environ['QUERY_STRING']
        headers = {
            name.removeprefix('HTTP_').replace('_', '-').title(): value
            for name, value in environ.items()
            if name.startswith('HTTP_') or name == 'CONTENT_TYPE'
        }
        body = environ['wsgi.input'].read(
            int(environ.get('CONTENT_LENGTH') or 0)
        )
        # The client's Host goes on: some services name themselves by it.
        connection = http.client.HTTPConnection(*self._address, timeout=120)
        with contextlib.closing(connection):
            connection.request(
                environ['REQUEST_METHOD'], path, body or None, headers
            )
            response = connection.getresponse()
            content = response.read()
        for old, new in self.renamed.items():
            content = content.replace(old, new)
        self.answering(
            '{} {} {}'.format(
                environ['REQUEST_METHOD'],
                path,
                content.decode('utf-8', 'replace'),
            )
        )
        start_response(
            f'{response.status} {response.reason}',
            [
                (name, value)
                for name, value in response.getheaders()
                if name.lower() not in (*HOP_BY_HOP, 'content-length')
            ]
            + [('Content-Length', str(len(content)))],
        )
        return [content]


class Front:
    """The doors of a cloud for one client.

    :ivar taps: what stands behind the door of each service
    :ivar doors: the doors
    """

    def __init__(self, cloud: client.Cloud) -> None:
        self._cloud = cloud
        self._passages = passages = {
            name: Passage(cloud.urls[name]) for name in SERVICES
        }
        self.taps = {
            name: tap.Tap(passage, record_bodies=name != 'identity')
            for name, passage in passages.items()
        }
        self.doors = {name: Door(it) for name, it in self.taps.items()}
        # Keystone's catalog leads the client from door to door.
        passages['identity'].renamed = {
            cloud.urls[name].encode(): self.url(name).encode()
            for name in SERVICES
        }

    def url(self, service: str) -> str:
        return f'http://{web.HOST}:{self.doors[service].port}'

    def write_clouds(self, path: pathlib.Path, **options: Any) -> None:
        """Write a clouds.yaml that leads here.

        :param options: more keys of each cloud
        """
        content = json.loads(self._cloud.clouds.read_text())
        for cloud in content['clouds'].values():
            cloud['auth']['auth_url'] = self.url('identity') + '/v3'
            cloud.update(options)
        path.write_text(json.dumps(content))

    def refuse(self, service: str, refusal: Refusal) -> None:
        """Shut a door once."""
        door = self.doors[service]

        def answering(exchange: str) -> None:
            if refusal.follows(exchange):
                door.shut()
                if refusal.seconds is not None:
                    threading.Timer(refusal.seconds, door.open).start()

        self._passages[service].answering = answering

    @property
    def busy(self) -> bool:
        """Whether there are requests that have not been answered."""
        return any(it.active for it in self.taps.values())

    def clear(self) -> None:
        """All is well again; what was recorded stays."""
        for passage in self._passages.values():
            passage.answering = lambda exchange: None
        for it in self.taps.values():
            with it.lock:
                it.faults = []
            it.hurry.set()
            it.hurry.clear()
        for door in self.doors.values():
            door.open()

    def close(self) -> None:
        self.clear()
        for door in self.doors.values():
            door.close()

    def __enter__(self) -> Front:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
