"""A child process of the cloud: one service behind one WSGI application.

    python -m tests.cloud.child SERVICE PORT [ARGUMENT...]

It lives as long as its standard input is open: the launcher holds the other
end, so that no child outlives a launcher that was killed.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys

os.environ['OS_CINDER_DISABLE_EVENTLET_PATCHING'] = '1'


def load(service: str) -> object:
    """The WSGI application of a service; its workers run when it is back."""
    if service == 'cinder':
        from cinder import monkey_patch

        monkey_patch.patch(backend='threading')
    if service == 'neutron':
        from tests.cloud import networks

        networks.create_tables(os.environ['NEUTRON_DATABASE'])
    module = importlib.import_module(service + '.wsgi.api')

    from tests.cloud import database

    database.serialise_writers()
    if service == 'cinder':
        from tests.cloud import volumes

        volumes.start()
    return module.application


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the launcher's
    service, port = sys.argv[1], int(sys.argv[2])
    del sys.argv[1:3]  # what is left is for oslo.config
    application = load(service)

    from tests.cloud import tap
    from tests.cloud import web

    # Keystone's bodies are passwords.
    web.serve(tap.Tap(application, record_bodies=service != 'keystone'), port)
    sys.stdin.buffer.read()
    os._exit(0)  # service threads are not worth waiting for


if __name__ == '__main__':
    main()
