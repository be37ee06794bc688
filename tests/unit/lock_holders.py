"""Locks of runs in this process: to tooz each is another member."""

from __future__ import annotations

from collections.abc import Iterator
import contextlib

import pytest
from tooz.drivers import file

from osc_instanceha import locking
from tests.unit import builders

WHO = 'joe@here'
SINCE = '2026-11-24T03:00:00Z'


def hold(
    url: str, *hosts: str, timeout: float = 0, since: str = SINCE
) -> contextlib.AbstractContextManager[locking.Held]:
    return locking.hold(
        [builders.service(host) for host in hosts],
        url=url,
        timeout=timeout,
        who=lambda: (WHO, since),
    )


@contextlib.contextmanager
def going_down(url: str, *hosts: str) -> Iterator[None]:
    """Another run, which is about to take these hosts down."""
    with hold(url, *hosts) as held:
        with held.counting():
            pass
        yield


def killed(
    url: str, *hosts: str, since: str = SINCE, asks: bool = False
) -> None:
    """What a run leaves in a folder that was killed: all but its locks.

    :param asks: whether requests about these hosts were on their way
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(file.FileDriver, 'stop', lambda self: None)
        with hold(url, *hosts, since=since) as held:
            with held.counting():
                pass
            for host in hosts if asks else ():
                held.asking(builders.service(host).id, True)
