"""The process of Nova, in the virtual environment of its release.

    python -m tests.cloud.nova_process STATE PORT HOSTS

It makes the databases and listens. Once the other services are there it is
told by the control API (:mod:`tests.cloud.control`) to open: its services
start, and the Compute API is served. It lives as long as its standard input is
open.
"""

from __future__ import annotations

import os
import pathlib
import select
import signal
import sys
from typing import Any

from tests.cloud import release


def closed(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """The Compute API before it is opened."""
    start_response('503 Service Unavailable', [])
    return []


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the launcher's
    state, port = pathlib.Path(sys.argv[1]), int(sys.argv[2])
    hosts = [f'host{n + 1}' for n in range(int(sys.argv[3]))]
    del sys.argv[1:]  # what is left is for oslo.config
    release.patch()

    from tests.cloud import compute
    from tests.cloud import control
    from tests.cloud import database
    from tests.cloud import reset
    from tests.cloud import tap
    from tests.cloud import web

    databases = database.Databases(state)
    nova = compute.Nova(databases)
    tapped = tap.Tap(closed)
    tapped.control = control.NovaControl(
        tapped,
        nova,
        database.NovaRows(databases),
        reset.Reset(nova, databases, [tapped], hosts),
    )
    web.serve(tapped, port, threads=40)
    # Nothing ever comes in but the end; green threads run meanwhile.
    select.select([sys.stdin], [], [])
    os._exit(0)  # service threads are not worth waiting for


if __name__ == '__main__':
    main()
