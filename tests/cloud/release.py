"""The release of Nova in this process: what it wants that others do not.

For the process of Nova alone: :func:`patch` comes before every other import.
Everything that asks which release it has is here; elsewhere Nova is one Nova.
"""

from __future__ import annotations

from collections import abc
from importlib import metadata
import os
import pathlib
import sqlite3
from typing import Any

VERSION = metadata.version('nova')
NUMBER = int(VERSION.partition('.')[0])

#: Green threads, as these releases are run; 34 is the first at home without.
EVENTLET = NUMBER < 34


def patch() -> None:
    """Choose between green and native threads, before any other import."""
    os.environ['OS_NOVA_DISABLE_EVENTLET_PATCHING'] = '' if EVENTLET else '1'
    # Up to 31 this import is what patches.
    from nova import monkey_patch

    if NUMBER >= 33:
        monkey_patch.patch(backend='eventlet' if EVENTLET else 'threading')
    elif NUMBER == 32:
        monkey_patch.patch()


def blocking(function: abc.Callable, *args: Any, **kwargs: Any) -> Any:
    """Call what waits for SQLite's locks in a thread of its own.

    A green thread that waits for one stops the one that holds it, too.
    """
    if not EVENTLET:
        return function(*args, **kwargs)
    from eventlet import tpool

    return tpool.execute(function, *args, **kwargs)


def prepare_databases(paths: abc.Iterable[pathlib.Path]) -> None:
    """Let readers and a writer of the same database not wait for each other.

    With a rollback journal, a green thread that is switched out while it
    reads keeps another one from committing, and SQLite waits for it without
    letting it go on: 25 then answers 'database is locked' after a minute.
    """
    if EVENTLET:
        for path in paths:
            connection = sqlite3.connect(path)
            connection.execute('PRAGMA journal_mode=WAL')
            connection.close()


def program() -> tuple[str, ...]:
    """33 and later want the name of the program wherever they start."""
    return ('nova-api',) if NUMBER >= 33 else ()


def configure() -> Any:
    """Read nova.conf; return Nova's configuration."""
    from nova.api.openstack import wsgi_app

    wsgi_app.init_global_data(
        wsgi_app._get_config_files(), 'osapi_compute', *program()
    )
    return wsgi_app.CONF


def application() -> abc.Callable:
    """nova-api's WSGI application."""
    if EVENTLET:
        # Not the module for WSGI servers: that of 33 insists on native
        # threads, and those before 30 have only a script.
        from nova.api.openstack import wsgi_app

        return wsgi_app.init_application('osapi_compute', *program())
    from nova.wsgi import osapi_compute

    return osapi_compute.application


def compute_topics() -> dict[str, str]:
    """33 and later listen to a second topic while they shut down."""
    if NUMBER < 33:
        return {}
    from nova.compute import rpcapi

    return {'topic_alt': rpcapi.RPC_TOPIC_ALT}


def rpc_servers(service: Any) -> list[Any]:
    """Those of a service: one for each of its topics."""
    servers = [service.rpcserver, getattr(service, 'rpcserver_alt', None)]
    return [server for server in servers if server]


def spawners() -> list[tuple[Any, str, int]]:
    """Nova's functions that start work beside the present thread.

    :returns: of each the module, the name, and where among its arguments the
        work is
    """
    from nova import utils

    found = [
        (utils, 'spawn', 0),
        (utils, 'spawn_n', 0),
        (utils, 'spawn_on', 1),
    ]
    if NUMBER >= 34:
        from nova import thread_pool_factory

        found = [(thread_pool_factory, 'spawn_on', 1)]
    return [entry for entry in found if hasattr(entry[0], entry[1])]
