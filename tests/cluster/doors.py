"""Doors from a machine of the cluster to ports of this one's loopback.

The cloud and the BMCs listen on 127.0.0.1. Behind a door, the same address
leads there from within a machine too, so that whatever names it may be used
as it is.
"""

from __future__ import annotations

from collections.abc import Iterable
import contextlib
import selectors
import socket
import threading

from tests.cluster import programs


class Doors:
    """Open until :meth:`close`.

    :param pid: a process of the machine
    """

    def __init__(self, pid: int, ports: Iterable[int]) -> None:
        self._listeners: list[socket.socket] = []
        self._closed = False
        problems: list[Exception] = []

        def listen() -> None:
            # A socket stays in the network that it was made in; the thread
            # ends there.
            try:
                programs.enter_network(pid)
                for port in ports:
                    self._listeners.append(
                        socket.create_server(('127.0.0.1', port), backlog=64)
                    )
            except Exception as error:
                problems.append(error)

        thread = threading.Thread(target=listen)
        thread.start()
        thread.join()
        if problems:
            raise problems[0]
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._closed = True
        for listener in self._listeners:
            listener.close()

    def _serve(self) -> None:
        with selectors.DefaultSelector() as selector:
            for listener in self._listeners:
                selector.register(listener, selectors.EVENT_READ)
            while not self._closed:
                for key, _events in selector.select(0.5):
                    with contextlib.suppress(OSError):
                        inside, _address = key.fileobj.accept()
                        self._lead(inside, key.fileobj.getsockname()[1])

    def _lead(self, inside: socket.socket, port: int) -> None:
        try:
            outside = socket.create_connection(('127.0.0.1', port))
        except OSError:
            inside.close()
            return
        for pair in ((inside, outside), (outside, inside)):
            threading.Thread(target=_pass, args=pair, daemon=True).start()


def _pass(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
    with contextlib.suppress(OSError):
        source.shutdown(socket.SHUT_RD)
