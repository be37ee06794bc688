"""What all stories of a host's death have in common."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Sequence
import dataclasses
import time
from typing import Any

from tests.cloud import client
from tests.cluster import cluster as cluster_
from tests.functional import command
from tests.functional.monitors.pacemaker import conftest

HOST = 'host1'


@dataclasses.dataclass
class Servers:
    """Of host1: those that are to be recovered, and those that wait."""

    tagged: Sequence[str]
    others: Sequence[str]


def furnish(cloud: client.Cloud, tagged: int = 3) -> Servers:
    """Put servers on host1."""
    made = Servers(
        cloud.create_servers(
            tagged,
            'tagged',
            host=HOST,
            volume_backed=True,
            tags=[conftest.TAG],
        ),
        cloud.create_servers(2, 'other', host=HOST, volume_backed=True),
    )
    cloud.forget_requests()
    return made


def wait_recovered(
    cloud: client.Cloud, servers: Iterable[str], timeout: float = 120
) -> None:
    """Wait until servers run elsewhere."""

    def recovered(server: str) -> bool:
        row = cloud.server_row(server)
        return (
            row['host'] != HOST
            and row['vm_state'] == 'active'
            and not row['task_state']
        )

    for server in servers:
        cluster_.wait_for(
            lambda server=server: recovered(server),
            f'{server} recovered',
            timeout,
        )


def marks(cloud: client.Cloud) -> list[dict[str, Any]]:
    """The requests that marked a host."""
    return [
        request
        for request in cloud.requests(method='PUT', match='os-services')
        if '"forced_down": true' in request['body']
    ]


def check_recovered(cloud: client.Cloud, servers: Servers) -> None:
    """The tagged run elsewhere, asked for once; the others wait."""
    service = cloud.service(HOST)
    assert service['forced_down'] is True
    assert service['status'] == 'disabled'
    assert 'instanceha: fenced by bmc (redfish)' in service['disabled_reason']
    for server in servers.tagged:
        assert len(command.evacuate_posts(cloud, server)) == 1
        (where,) = cloud.running(server)
        assert where != HOST
    for server in servers.others:
        assert command.on(cloud, server) == HOST
        assert cloud.running(server) == []
        assert command.evacuate_posts(cloud, server) == []
    assert cloud.ran_twice() == []


def note_times(
    what: str, cloud: client.Cloud, servers: Servers, killed: float
) -> None:
    """Note how long each phase took, for the summary."""
    runs = cloud.guests()
    off = max(runs[server][0].ended or 0.0 for server in servers.tagged)
    posts = [request['time'] for request in command.evacuate_posts(cloud)]
    moments = {
        'power off': off,
        'forced down': marks(cloud)[0]['time'],
        'first request': min(posts),
        'last guest runs': max(
            runs[server][-1].started for server in servers.tagged
        ),
    }
    last, words = killed, []
    for name, moment in moments.items():
        words.append(f'{name} +{moment - last:.1f} s')
        last = moment
    total = last - killed
    conftest.TIMES.append(f'{what}: {", ".join(words)}; {total:.1f} s in all')


def now() -> float:
    """The clock that the cloud writes its records by."""
    return time.time()
