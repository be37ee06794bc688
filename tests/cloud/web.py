"""Serving WSGI applications, and JSON answers, on loopback."""

from __future__ import annotations

from collections import abc
import contextlib
import json
import socket
import threading
from typing import Any

from cheroot import wsgi

HOST = '127.0.0.1'


class Gateway(wsgi.Gateway_10):
    """Lets the application see its socket, so that it can cut it."""

    def get_environ(self) -> dict[str, Any]:
        environ = super().get_environ()
        environ['tests.cloud.socket'] = self.req.conn.socket
        return environ


def serve(app: abc.Callable, port: int, threads: int = 10) -> None:
    """Serve a WSGI application over HTTP, in threads."""
    server = wsgi.Server(
        (HOST, port), app, numthreads=threads, request_queue_size=128
    )
    server.gateway = Gateway
    server.error_log = lambda *args, **kwargs: None
    server.prepare()
    threading.Thread(target=server.serve, daemon=True).start()


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        socks = [stack.enter_context(socket.socket()) for _ in range(count)]
        for sock in socks:
            sock.bind((HOST, 0))
        return [sock.getsockname()[1] for sock in socks]


def is_listening(port: int) -> bool:
    with contextlib.suppress(OSError):
        socket.create_connection((HOST, port)).close()
        return True
    return False


def read_json(environ: dict[str, Any]) -> Any:
    body = environ['wsgi.input'].read(int(environ.get('CONTENT_LENGTH') or 0))
    return json.loads(body) if body else None


def answer_json(
    start_response: abc.Callable,
    status: str,
    answer: Any,
    headers: abc.Iterable[tuple[str, str]] = (),
) -> list[bytes]:
    body = json.dumps(answer).encode()
    return _answer(start_response, status, 'application/json', body, headers)


def answer_html(
    start_response: abc.Callable,
    status: str,
    page: str,
    headers: abc.Iterable[tuple[str, str]] = (),
) -> list[bytes]:
    return _answer(start_response, status, 'text/html', page.encode(), headers)


def _answer(
    start_response: abc.Callable,
    status: str,
    kind: str,
    body: bytes,
    headers: abc.Iterable[tuple[str, str]],
) -> list[bytes]:
    start_response(
        status,
        [
            ('Content-Type', kind),
            ('Content-Length', str(len(body))),
            *headers,
        ],
    )
    return [body]
