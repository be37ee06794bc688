"""A BMC with a Redfish API and any number of systems.

    python -m tests.devices.redfish --system host1 --system host2

It is sushy-tools' emulator; below it are machines that misbehave as told, and
before it is what the emulator lacks. Beside the modes of
:class:`tests.devices.machine.Machine` it shows, for all that has the name of
the system in its path:

===========  =========================================================
forbidden    403: the user is known, but may not
unavailable  503
garbage      an answer that is no JSON
strange      JSON that is no system
drip         a body that comes byte by byte for ten seconds
elsewhere    a redirection to the address in --elsewhere
switching    as slow, with PoweringOff and PoweringOn meanwhile
wordless     no PowerState
===========  =========================================================
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
import os
import pathlib
import ssl
import tempfile
import threading
from typing import Any
import uuid

from tests.devices import machine
from tests.devices import process

PATH = '/redfish/v1/Systems/'


def identity(name: str) -> str:
    """The UUID of the system of this name."""
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, name))


def path(name: str) -> str:
    """The path of the system of this name."""
    return PATH + identity(name)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument('--system', action='append', required=True)
    parser.add_argument('--port', type=int, default=0)
    parser.add_argument('--username', default='admin')
    parser.add_argument('--tls', metavar='PEM', help='certificate and key')
    parser.add_argument('--elsewhere', default='')
    parser.add_argument(
        '--cloud',
        metavar='DIR',
        help='systems with the names of its compute hosts are these, and '
        'the BMC has the control API of its services',
    )
    args = parser.parse_args()
    password = os.environ.pop('BMC_PASSWORD')
    machines = machines_of(args.system, args.cloud)

    from werkzeug import serving

    from tests.devices import redfish_front

    with tempfile.TemporaryDirectory() as folder:
        app = redfish_front.emulator(
            machines, args.username, password, pathlib.Path(folder)
        )
        front = redfish_front.Front(
            app, machines, args.username, password, args.elsewhere
        )
        answering: Any = front
        if args.cloud:
            # As one of its services: recorded, and with its faults.
            from tests.cloud import tap

            answering = tap.Tap(front)
        context = None
        if args.tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(args.tls)
        server = serving.make_server(
            '127.0.0.1',
            args.port,
            answering,
            threaded=True,
            ssl_context=context,
        )
        threading.Thread(target=server.serve_forever, daemon=True).start()
        scheme = 'https' if args.tls else 'http'
        process.serve(
            machines,
            front.register,
            address=f'{scheme}://127.0.0.1:{server.server_port}',
        )


def machines_of(
    names: Sequence[str], cloud: str | None
) -> dict[str, machine.Machine]:
    """The machines of these names, alone or below a cloud's hosts."""
    if cloud is None:
        return {name: machine.Machine(name) for name in names}
    from tests.cloud import client
    from tests.devices import wiring

    below = client.Cloud(cloud)
    return {
        name: wiring.Host(name, below)
        if name in below.hosts
        else machine.Machine(name)
        for name in names
    }


def simulator(*names: str, password: str, **options: Any) -> process.Simulator:
    """A simulator with these systems; options as on its command line."""
    args = [f'--system={name}' for name in names]
    args += [f'--{name}={value}' for name, value in options.items()]
    return process.Simulator('redfish', *args, BMC_PASSWORD=password)


if __name__ == '__main__':
    main()
