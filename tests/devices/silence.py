"""Devices that take what they are sent, and never answer."""

from __future__ import annotations

from collections.abc import Iterator
import contextlib
import socket
import threading

#: Of an answer that is as good as endless.
DROPS = 100


@contextlib.contextmanager
def tcp() -> Iterator[int]:
    """A port that accepts connections (the kernel does) and no more."""
    with socket.create_server(('127.0.0.1', 0)) as listener:
        yield listener.getsockname()[1]


@contextlib.contextmanager
def hole() -> Iterator[int]:
    """A port from which nothing comes back, as if there were no machine.

    The kernel drops what would be one connection more than the listener has
    room for.
    """
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(('127.0.0.1', 0))
        listener.listen(0)
        for _ in range(2):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


@contextlib.contextmanager
def udp() -> Iterator[int]:
    """A port that takes datagrams."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taker:
        taker.bind(('127.0.0.1', 0))
        yield taker.getsockname()[1]


@contextlib.contextmanager
def dripping(start: bytes, drop: bytes) -> Iterator[int]:
    """A port that sends a beginning at once, and then drop after drop."""
    with socket.create_server(('127.0.0.1', 0)) as listener:
        over = threading.Event()

        def serve() -> None:
            with contextlib.suppress(OSError):
                while not over.is_set():
                    client, _address = listener.accept()
                    with client, contextlib.suppress(OSError):
                        client.sendall(start)
                        for _ in range(DROPS):
                            client.sendall(drop)
                            if over.wait(0.1):
                                break

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            over.set()
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
