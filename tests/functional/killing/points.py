"""The moments at which a command is killed: at each of its requests."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping
import dataclasses
import re
from typing import Any

#: As what the command sends its requests. The services send theirs too; the
#: BMC hears of nobody else.
AGENT = 'osc-instanceha|openstacksdk|openstackclient|python-novaclient'
BMC = 'bmc'

_UUID = '[0-9a-f]{8}-[0-9a-f-]{27}'


def agent(service: str) -> str:
    """What the command's requests to a service are known by."""
    return '' if service == BMC else AGENT


@dataclasses.dataclass(frozen=True)
class Kind:
    """Requests that are alike.

    :ivar service: who is asked
    :ivar match: see :class:`tests.cloud.tap.Fault`
    """

    name: str
    service: str
    match: str

    def fits(self, request: Mapping[str, Any]) -> bool:
        line = '{method} {path}{mark}{query} {body}'.format(
            mark='?' if request['query'] else '', **request
        )
        return bool(re.search(self.match, line, re.DOTALL))


KINDS = (
    Kind('keystone', 'identity', r'^GET /v3/? '),
    Kind('token', 'identity', r'^POST /v3/auth/tokens'),
    Kind('nova', 'compute', r'^GET /v2\.1/? '),
    Kind('services', 'compute', r'^GET \S*/os-services'),
    Kind('aggregates', 'compute', r'^GET \S*/os-aggregates'),
    Kind('groups', 'compute', r'^GET \S*/os-server-groups'),
    Kind('hypervisors', 'compute', r'^GET \S*/os-hypervisors'),
    Kind('servers', 'compute', r'^GET \S*/servers/detail'),
    Kind('server', 'compute', rf'^GET \S*/servers/{_UUID}[? ]'),
    Kind('actions', 'compute', r'^GET \S*/os-instance-actions'),
    Kind('migrations', 'compute', r'^GET \S*/os-migrations'),
    Kind('evacuate', 'compute', r'^POST .*"evacuate"'),
    Kind('stop', 'compute', r'^POST .*"os-stop"'),
    Kind('mark', 'compute', r'^PUT .*"forced_down": true'),
    Kind('lift', 'compute', r'^PUT .*"forced_down": false'),
    Kind('enable', 'compute', r'^PUT .*"status": "enabled"'),
    Kind('glance', 'image', r'^GET /(v2/?)? '),
    Kind('image', 'image', r'^GET /v2/images/'),
    Kind('cinder', 'block-storage', r'^GET /(v3/?)? '),
    Kind('volume', 'block-storage', r'^GET /v3/\S*volumes'),
    Kind('bmc', BMC, r'^GET /redfish/v1/? '),
    Kind('login', BMC, r'^POST \S*/Sessions'),
    Kind('logout', BMC, r'^DELETE \S*/Sessions'),
    Kind('system', BMC, r'^GET \S*/Systems/'),
    Kind('power', BMC, r'^POST \S*\.Reset '),
)
BY_NAME = {kind.name: kind for kind in KINDS}

#: What changes something. All of these are points in every run.
CHANGING = frozenset(
    ('evacuate', 'stop', 'mark', 'lift', 'enable', 'power', 'login', 'logout')
)


@dataclasses.dataclass(frozen=True)
class Point:
    """One request of a command, and on which side of it.

    :ivar nth: how many of its kind go before
    :ivar after: when the request has been handled, and before its answer is
        read; otherwise before anybody sees the request
    """

    kind: Kind
    nth: int = 0
    after: bool = False

    def __str__(self) -> str:
        when = 'after' if self.after else 'before'
        return f'{when}-{self.kind.name}-{self.nth + 1}'

    @property
    def fault(self) -> dict[str, Any]:
        """What holds the request; nobody is there to read the answer."""
        return {
            'match': self.kind.match,
            'agent': agent(self.kind.service),
            'skip': self.nth,
            'times': 1,
            'hold': True,
            'after': self.after,
            'status': 503,
        }


def points(counts: Mapping[str, int], after: bool, every: bool) -> list[Point]:
    """The points of a command that sends so many requests of each kind.

    :param every: or only the first of what is merely read
    """
    return [
        Point(BY_NAME[name], nth, after)
        for name, count in counts.items()
        for nth in range(count if every or name in CHANGING else 1)
    ]


def count(
    requests: Iterable[tuple[str, Mapping[str, Any]]],
) -> tuple[dict[str, int], list[str]]:
    """How many requests there are of each kind, and those of none.

    :param requests: with the name of the service
    """
    counts: dict[str, int] = {}
    odd = []
    for service, request in requests:
        fitting = [
            kind
            for kind in KINDS
            if kind.service == service and kind.fits(request)
        ]
        if len(fitting) != 1:
            odd.append('{method} {path}?{query} {body}'.format(**request))
        for kind in fitting:
            counts[kind.name] = counts.get(kind.name, 0) + 1
    return counts, odd
