"""In what a request is sent: a host, a command, and what must be true."""

from __future__ import annotations

from collections import abc
import dataclasses
from typing import Any

from tests.cloud import client
from tests.functional import command

# Seconds in all; what is uncertain then is waited for a little longer.
TIMEOUT = '20'


def volume_backed(cloud: client.Cloud, host: str) -> str:
    server = cloud.create_server(
        host, host=host, image='watchdog', volume_backed=True, tags=['ha']
    )
    command.lose(cloud, host)
    return server


def from_image(cloud: client.Cloud, host: str) -> str:
    server = cloud.create_server(host, host=host, image='watchdog')
    command.lose(cloud, host)
    return server


def in_error(cloud: client.Cloud, host: str) -> str:
    """It was stopped: Nova starts it again, and we have to stop it."""
    server = cloud.create_server(
        host, host=host, volume_backed=True, stopped=True
    )
    cloud.set_server(server, vm_state='error')
    command.lose(cloud, host)
    return server


def hanging(cloud: client.Cloud, host: str) -> str:
    server = cloud.create_server(host, host=host, volume_backed=True)
    cloud.crash(host, guests_survive=True)
    return server


def silent(cloud: client.Cloud, host: str) -> None:
    if not cloud.is_crashed(host):
        cloud.crash(host, guests_survive=True)
    assert cloud.set_service(host, status='enabled', forced_down=False).ok


def fenced(cloud: client.Cloud, host: str) -> None:
    response = cloud.set_service(
        host,
        status='disabled',
        disabled_reason='instanceha: fenced by a test',
        forced_down=True,
    )
    assert response.ok, response.text


@dataclasses.dataclass(frozen=True, eq=False)
class Scene:
    """A situation and a command.

    :ivar args: the command; the host comes behind them
    :ivar prepare: makes the host, and returns its server, if there is one
    :ivar vm_state: of the server, when all is well again
    :ivar marked: whether the host is marked as down then
    :ivar devices: whether the command knows the fencing devices
    """

    args: tuple[str, ...]
    prepare: abc.Callable[[client.Cloud, str], str | None]
    vm_state: str = ''
    marked: bool = True
    devices: bool = False

    def wrong(self, seen: dict[str, Any]) -> str:
        """What is not as it should be when all is well."""
        server, service = seen['server'], seen['service']
        if server and server['host'] == seen['source']:
            return 'the server is still there'
        if server and server['vm_state'] != self.vm_state:
            return f'the server is {server["vm_state"]}'
        marked = service['forced_down'] and service['status'] == 'disabled'
        clean = not service['forced_down'] and service['status'] == 'enabled'
        if self.args[1] == 'evacuate' and '--fence' not in self.args:
            return ''
        if not (marked if self.marked else clean):
            return f'the service is {service}'
        return ''


def _evacuate(*args: str) -> tuple[str, ...]:
    return (
        'host',
        'evacuate',
        '-f',
        'json',
        '--report-interval',
        '1',
        '--timeout',
        TIMEOUT,
        *args,
    )


EVACUATE = Scene(
    _evacuate(
        '--tag',
        'ha',
        '--project',
        'admin',
        '--image-property',
        'ha_policy=gold',
    ),
    volume_backed,
    'active',
)
FROM_IMAGE = Scene(
    _evacuate('--allow-data-loss', '--image-property', 'ha_policy=gold'),
    from_image,
    'active',
)
IN_ERROR = Scene(_evacuate(), in_error, 'stopped')
EVACUATE_FENCE = Scene(_evacuate('--fence'), hanging, 'active', devices=True)
FENCE = Scene(('host', 'fence', '-f', 'json'), silent, devices=True)
UNFENCE = Scene(
    ('host', 'unfence', '-f', 'json', '--no-power-on', '--timeout', '10'),
    fenced,
    marked=False,
)
