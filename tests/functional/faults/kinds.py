"""Every kind of request that the commands send, one row of the matrix each."""

from __future__ import annotations

import dataclasses
from typing import Any

from tests.functional.faults import scenes


@dataclasses.dataclass(frozen=True, eq=False)
class Kind:
    """A row.

    :ivar name: its heading
    :ivar scene: in which it is sent
    :ivar service: who gets it
    :ivar match: tells it from others; see :class:`tests.cloud.tap.Fault`
    :ivar said: a regular expression for the message about a lasting trouble
    :ivar before: the request behind which the door is shut, and the answer
        to it; see :class:`tests.cloud.front.Refusal`
    :ivar skip_before: how many such requests there are before that one
    :ivar shut: seconds for which it is shut, in passing: until a second try
        has met it at least
    :ivar skip: how many requests of the kind go well first
    :ivar empty: the answer with an empty list, for a list
    :ivar spends: whether a lasting trouble may leave the host as it cannot
        be used again
    """

    name: str
    scene: scenes.Scene
    service: str
    match: str
    said: str
    before: str = ''
    skip_before: int = 0
    shut: float = 0.8
    skip: int = 0
    empty: Any = None
    spends: bool = False


_SERVICES = r'^GET \S*/os-services\?(?!.*host=)'
_SERVICE = r'^GET \S*/os-services\?.*host='
_MIGRATIONS = r'^GET \S*/os-migrations\?'
_SERVERS = r'^GET \S*/servers/detail\?'
_SERVER = r'^GET \S*/servers/[0-9a-f-]{36} '
_ACTIONS = r'^GET \S*/os-instance-actions'
_GROUPS = r'^GET \S*/os-server-groups'
_AGGREGATES = r'^GET \S*/os-aggregates'
_HYPERVISORS = r'^GET \S*/os-hypervisors'
_DISCOVERY = r'^GET /v2.1/? '
_PUT = r'^PUT \S*/os-services/'

KINDS = (
    Kind(
        'POST token (Keystone)',
        scenes.EVACUATE,
        'identity',
        r'^POST /v3/auth/tokens',
        'Identity API',
        before=r'^GET /v3/? ',
    ),
    Kind(
        'GET project (Keystone)',
        scenes.EVACUATE,
        'identity',
        r'^GET /v3/projects',
        'projects',
        before=r'^POST /v3/auth/tokens',
        empty={'projects': []},
    ),
    Kind(
        'GET version (Nova)',
        scenes.EVACUATE,
        'compute',
        _DISCOVERY,
        'Compute API',
    ),
    Kind(
        'GET services',
        scenes.EVACUATE,
        'compute',
        _SERVICES,
        'os-services',
        before=_DISCOVERY,
        empty={'services': []},
    ),
    Kind(
        'GET server groups',
        scenes.EVACUATE,
        'compute',
        _GROUPS,
        'os-server-groups',
        before=_SERVICES,
        skip_before=1,
        empty={'server_groups': []},
    ),
    Kind(
        'GET aggregates',
        scenes.EVACUATE,
        'compute',
        _AGGREGATES,
        'os-aggregates',
        before=_GROUPS,
        empty={'aggregates': []},
    ),
    Kind(
        'GET servers',
        scenes.EVACUATE,
        'compute',
        _SERVERS,
        'servers/detail',
        before=_AGGREGATES,
        empty={'servers': []},
    ),
    Kind(
        'GET migrations',
        scenes.EVACUATE,
        'compute',
        _MIGRATIONS,
        'os-migrations',
        before=_SERVERS,
        empty={'migrations': []},
    ),
    Kind(
        'GET service',
        scenes.EVACUATE,
        'compute',
        _SERVICE,
        'compute service of',
        before=_MIGRATIONS,
        empty={'services': []},
    ),
    Kind(
        'GET hypervisors',
        scenes.EVACUATE,
        'compute',
        _HYPERVISORS,
        'os-hypervisors',
        before=_SERVICE,
        empty={'hypervisors': []},
    ),
    Kind(
        'GET volume (Cinder)',
        scenes.EVACUATE,
        'block-storage',
        r'^GET \S*/volumes/',
        'root volume',
    ),
    Kind(
        'GET image (Glance)',
        scenes.FROM_IMAGE,
        'image',
        r'^GET \S*/images/',
        'image',
    ),
    Kind(
        'POST evacuate',
        scenes.EVACUATE,
        'compute',
        r'^POST \S*/action .*"evacuate"',
        '.',
        before=_MIGRATIONS,
        skip_before=1,
        spends=True,
    ),
    Kind(
        'GET migrations, while it waits',
        scenes.EVACUATE,
        'compute',
        _MIGRATIONS,
        'os-migrations',
        skip=2,
        before=r'^POST \S*/action ',
        empty={'migrations': []},
        spends=True,
    ),
    Kind(
        'GET instance actions',
        scenes.IN_ERROR,
        'compute',
        _ACTIONS,
        'os-instance-actions',
        before=_HYPERVISORS,
        empty={'instanceActions': []},
    ),
    Kind(
        'GET server',
        scenes.IN_ERROR,
        'compute',
        _SERVER,
        'servers/',
        before=_MIGRATIONS + '.*"done"',
        spends=True,
    ),
    Kind(
        'POST os-stop',
        scenes.IN_ERROR,
        'compute',
        r'^POST \S*/action .*"os-stop"',
        'os-stop|stopped',
        before=_SERVER + '.*"active"',
        spends=True,
    ),
    Kind(
        'PUT service: mark down (evacuate --fence)',
        scenes.EVACUATE_FENCE,
        'compute',
        _PUT,
        'mark|os-services',
        before=_SERVICE,
        skip_before=1,
        shut=6.0,
        spends=True,
    ),
    Kind(
        'PUT service: mark down (fence)',
        scenes.FENCE,
        'compute',
        _PUT,
        'mark|os-services',
        before=_SERVICE,
        shut=6.0,
    ),
    Kind(
        'GET services (fence)',
        scenes.FENCE,
        'compute',
        _SERVICES,
        'os-services',
        before=_DISCOVERY,
        empty={'services': []},
    ),
    Kind(
        'GET migrations (unfence)',
        scenes.UNFENCE,
        'compute',
        _MIGRATIONS,
        'os-migrations',
        before=_SERVICE,
        empty={'migrations': []},
    ),
    Kind(
        'GET service (unfence)',
        scenes.UNFENCE,
        'compute',
        _SERVICE,
        'os-services',
        before=_SERVICES,
        empty={'services': []},
    ),
    Kind(
        'PUT service: lift forced down',
        scenes.UNFENCE,
        'compute',
        _PUT + r'.*"forced_down"',
        'os-services',
        before=_SERVICE,
        skip_before=3,
    ),
    Kind(
        'PUT service: enable',
        scenes.UNFENCE,
        'compute',
        _PUT + r'.*"enabled"',
        'os-services',
        before=_SERVICE + '.*"up"',
    ),
)
