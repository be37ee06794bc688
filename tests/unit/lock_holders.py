"""Locks of this process, and of others."""

from __future__ import annotations

from collections.abc import Iterator
import contextlib
import subprocess
import sys
import textwrap

from osc_instanceha import locking
from tests.unit import builders

WHO = 'joe@here'
SINCE = '2026-11-24T03:00:00Z'


def hold(
    url: str, *hosts: str, timeout: float = 0
) -> contextlib.AbstractContextManager[locking.Held]:
    services = [builders.service(host) for host in hosts]
    return locking.hold(services, url=url, timeout=timeout)


@contextlib.contextmanager
def holder(
    url: str,
    *hosts: str,
    counts: bool = False,
    asks: bool = False,
    since: str = SINCE,
) -> Iterator[subprocess.Popen[str]]:
    """Another process, which holds the locks until its stdin is closed.

    :param counts: whether it is about to take these hosts down
    :param asks: whether requests about these hosts are on their way
    :param since: when it says that it began
    """
    code = f"""
        import sys
        from osc_instanceha import locking
        from tests.unit import builders
        services = [builders.service(host) for host in {list(hosts)!r}]
        who = lambda: ({WHO!r}, {since!r})
        with locking.hold(services, url={url!r}, timeout=0, who=who) as held:
            if {counts!r}:
                with held.counting():
                    pass
            for service in services if {asks!r} else ():
                held.asking(service.id, True)
            print('held', flush=True)
            sys.stdin.read()
        print('free', flush=True)
    """
    process = subprocess.Popen(
        [sys.executable, '-W', 'ignore', '-c', textwrap.dedent(code)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin and process.stdout
    try:
        assert process.stdout.readline() == 'held\n'
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()
