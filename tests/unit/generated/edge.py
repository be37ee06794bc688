"""A cloud at the HTTP edge, of which one answer is spoilt.

Keystone, Nova, Glance and Cinder as far as the commands ask them: one dead
host with four servers, of which only one may be evacuated. The adapters are
the real ones; what is not right is in the bytes that they get.
"""

from __future__ import annotations

from collections.abc import Callable
import contextlib
import datetime
import io
import json
import logging
import re
import types
from typing import Any
from unittest import mock
import urllib.parse

from keystoneauth1 import fixture
from keystoneauth1 import session as ksa_session
from keystoneauth1.identity import v3
from osc_lib.command import command
import requests
import requests_mock

from osc_instanceha import cloud
from osc_instanceha import ports
from osc_instanceha.config import config
from tests.unit import builders
from tests.unit import samples

DEAD, SPARE = builders.DEAD, builders.SPARE
KEYSTONE = 'http://keystone/v3'
NOVA = 'http://nova/v2.1'
GLANCE = 'http://glance'
CINDER = 'http://cinder/v3'

#: More requests than any of the commands has to send.
_ENOUGH = 300

_VOLUME = {
    'image': '',
    'os-extended-volumes:volumes_attached': [{'id': 'v1'}],
}
_DATE = 'Sat, 01 Aug 2026 12:00:00 GMT'
_KINDS = (
    (r'keystone/v3/auth/tokens', 'tokens'),
    (r'keystone/v3', 'identity'),
    (r'nova/v2\.1/?$', 'versions'),
    (r'/os-services/', 'service'),
    (r'/os-services', 'services'),
    (r'/servers/detail', 'servers'),
    (r'/action$', 'action'),
    (r'/os-instance-actions/', 'actions'),
    (r'/os-instance-actions', 'events'),
    (r'/os-volume_attachments', 'attachments'),
    (r'/servers/', 'server'),
    (r'/os-migrations', 'migrations'),
    (r'/os-server-groups', 'groups'),
    (r'/os-aggregates', 'aggregates'),
    (r'/os-hypervisors/detail', 'hypervisors'),
    (r'glance/', 'image'),
    (r'cinder/', 'volume'),
)
KINDS = tuple(kind for _pattern, kind in _KINDS)

Spoil = Callable[[str, int, Any], Any]


def _token() -> fixture.V3Token:
    token = fixture.V3Token(
        expires=datetime.datetime(2099, 1, 1, tzinfo=datetime.UTC)
    )
    token.set_project_scope()
    for kind, url in (
        ('compute', NOVA),
        ('image', GLANCE),
        ('block-storage', CINDER),
        ('identity', KEYSTONE),
    ):
        token.add_service(kind).add_standard_endpoints(public=url)
    return token


class Edge:
    """:ivar posted: servers that were asked to be evacuated

    :ivar marked: hosts whose service record was changed
    :ivar asked: kinds of requests, in turn
    :param spoil: takes kind, number and body, and gives what to answer
    """

    def __init__(self, spoil: Spoil = lambda kind, number, body: body) -> None:
        self.posted: list[str] = []
        self.marked: list[str] = []
        self.asked: list[str] = []
        self._spoil = spoil
        self._token = _token()
        self.servers = [
            samples.server('go', **_VOLUME),
            samples.server('disk'),
            samples.server(
                'held', **{**_VOLUME, 'OS-EXT-STS:task_state': 'migrating'}
            ),
            samples.server(
                'wait', **{**_VOLUME, 'OS-EXT-STS:task_state': 'rebuilding'}
            ),
        ]
        self.migrations = [samples.migration('e1', 'wait')]
        self.forced_down = True

    def answer(self, request: Any, context: Any) -> Any:
        """requests-mock's callback, for whatever is asked."""
        url = urllib.parse.urlsplit(request.url)
        kind = next(
            (
                kind
                for pattern, kind in _KINDS
                if re.search(pattern, f'{url.netloc}{url.path}')
            ),
            '',
        )
        assert kind, f'nobody answers {request.url}'
        self.asked.append(kind)
        assert len(self.asked) < _ENOUGH, f'{kind} is asked for for ever'
        query = urllib.parse.parse_qs(url.query)
        context.headers['Date'] = _DATE
        context.headers['x-openstack-request-id'] = 'req-1'
        context.headers['Content-Type'] = 'application/json'
        body = getattr(self, f'_{kind}')(request, context, query, url.path)
        number = self.asked.count(kind)
        body = self._spoil(kind, number, body)
        if isinstance(body, Answer):
            return body.give(context)
        return json.dumps(body).encode()

    def _tokens(self, _request: Any, context: Any, *_: Any) -> Any:
        context.status_code = 201
        context.headers['X-Subject-Token'] = 'token'
        return self._token

    def _identity(self, *_: Any) -> Any:
        return {'version': fixture.V3Discovery(KEYSTONE)}

    def _versions(self, *_: Any) -> Any:
        return {
            'version': {
                'id': 'v2.1',
                'status': 'CURRENT',
                'version': '2.96',
                'min_version': '2.1',
                'links': [{'rel': 'self', 'href': f'{NOVA}/'}],
            }
        }

    def _services(self, _r: Any, _c: Any, query: Any, _p: str) -> Any:
        found = [
            samples.service(DEAD, forced_down=self.forced_down),
            samples.service(
                SPARE,
                forced_down=False,
                state='up',
                status='enabled',
                disabled_reason=None,
            ),
        ]
        hosts = query.get('host')
        return {
            'services': [
                item for item in found if not hosts or item['host'] in hosts
            ]
        }

    def _service(self, request: Any, _c: Any, _q: Any, path: str) -> Any:
        host = path.rsplit('-', 1)[1]
        self.marked.append(host)
        change = request.json()
        self.forced_down = change.get('forced_down', self.forced_down)
        return {'service': {**samples.service(host), **change}}

    def _servers(self, *_: Any) -> Any:
        return {
            'servers': [
                item
                for item in self.servers
                if item['OS-EXT-SRV-ATTR:host'] == DEAD
            ]
        }

    def _server(self, _r: Any, context: Any, _q: Any, path: str) -> Any:
        for item in self.servers:
            if item['id'] == path.rsplit('/', 1)[1]:
                return {'server': item}
        context.status_code = 404
        return {'itemNotFound': {'code': 404, 'message': 'not found'}}

    def _migrations(self, *_: Any) -> Any:
        found = json.loads(json.dumps(self.migrations))
        # What was open when it was looked at has ended at the next look.
        for item in self.migrations:
            item.update(status='done', dest_compute=SPARE)
            for server in self.servers:
                if server['id'] == item['instance_uuid']:
                    server.update(
                        {
                            'OS-EXT-SRV-ATTR:host': SPARE,
                            'OS-EXT-STS:task_state': None,
                        }
                    )
        return {'migrations': found}

    def _action(self, _request: Any, _c: Any, _q: Any, path: str) -> Any:
        server_id = path.split('/')[-2]
        self.posted.append(server_id)
        self.migrations.insert(
            0, samples.migration(f'e-{server_id}', server_id)
        )
        return Answer(b'')

    def _events(self, *_: Any) -> Any:
        return {'instanceActions': []}

    def _actions(self, *_: Any) -> Any:
        return {'instanceAction': {'action': 'evacuate', 'events': []}}

    def _attachments(self, *_: Any) -> Any:
        return {'volumeAttachments': []}

    def _groups(self, _r: Any, _c: Any, query: Any, _p: str) -> Any:
        first = 'offset' not in query
        return {
            'server_groups': [samples.group(members=['go'])] if first else []
        }

    def _aggregates(self, *_: Any) -> Any:
        return {'aggregates': [samples.aggregate()]}

    def _hypervisors(self, *_: Any) -> Any:
        return {
            'hypervisors': [
                {
                    'id': 'h1',
                    'hypervisor_hostname': 'dead.example.org',
                    'hypervisor_type': 'QEMU',
                    'service': {'host': DEAD},
                }
            ]
        }

    def _image(self, *_: Any) -> Any:
        return {'id': 'image', 'ha': 'yes', 'name': 'cirros'}

    def _volume(self, *_: Any) -> Any:
        return {'volume': {'id': 'v1', 'volume_image_metadata': {'ha': 'yes'}}}


class Answer:
    """Bytes in place of JSON, or another code or header."""

    def __init__(
        self,
        raw: bytes,
        code: int | None = None,
        headers: dict[str, str] | None = None,
        error: Exception | None = None,
    ) -> None:
        self.raw = raw
        self.code = code
        self.headers = headers or {}
        self.error = error

    def __repr__(self) -> str:
        return f'Answer({self.raw[:80]!r}, {self.code}, {self.headers})'

    def give(self, context: Any) -> bytes:
        if self.error is not None:
            raise self.error
        if self.code is not None:
            context.status_code = self.code
        context.headers.update(self.headers)
        return self.raw


class Ran:
    """A command on an edge, as openstack runs it.

    :ivar code: its exit code
    :ivar lines: what it complained of
    """

    def __init__(
        self, edge: Edge, kind: type[command.Command], *words: str
    ) -> None:
        self.lines: list[str] = []
        logger = logging.getLogger('osc_instanceha.osc.command')
        handler = logging.Handler()
        handler.emit = self._take  # type: ignore[method-assign]
        logger.addHandler(handler)
        try:
            with _at(edge):
                self.app = _app()
                made = kind(self.app, None)
                parser = made.get_parser('openstack')
                self.code = made.run(parser.parse_args([*words, '-f', 'json']))
        finally:
            logger.removeHandler(handler)
        self.out = self.app.stdout.getvalue()
        self.rows = json.loads(self.out) if self.out.strip() else []

    def _take(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.ERROR:
            self.lines.append(record.getMessage())


def _app() -> Any:
    session = ksa_session.Session(
        auth=v3.Password(
            KEYSTONE,
            username='u',
            password='p',
            user_domain_id='default',
            project_name='p',
            project_domain_id='default',
        )
    )
    return types.SimpleNamespace(
        client_manager=types.SimpleNamespace(
            instanceha=cloud.Cloud(session, config=config.Config()),
            get_configuration=lambda: {'api_timeout': 90.0},
        ),
        # OpenStackClient gets a token there.
        prepare_to_run_command=lambda command: session.get_token(),
        stdout=io.StringIO(),
        stderr=io.StringIO(),
        options=types.SimpleNamespace(debug=False, verbose_level=1),
        LOG=logging.getLogger('test'),
    )


@contextlib.contextmanager
def _at(edge: Edge) -> Any:
    """Let the adapters ask the edge, on a clock of the test's."""
    world = builders.World(delay=None)
    lock = builders.FakeLock()
    with contextlib.ExitStack() as stack:
        stack.enter_context(world.instead_of_threads())
        for target, name, value in (
            (ports.SystemClock, 'monotonic', lambda _: world.clock.now),
            (ports.SystemClock, 'sleep', lambda _, s: world.clock.sleep(s)),
            (cloud.Cloud, '_lock', lambda _, timeout: lock),
        ):
            stack.enter_context(mock.patch.object(target, name, value))
        stack.enter_context(mock.patch('time.sleep'))
        mocker = stack.enter_context(requests_mock.Mocker())
        mocker.register_uri(
            requests_mock.ANY, requests_mock.ANY, content=edge.answer
        )
        yield


#: What may come in place of an answer.
LOST = requests.exceptions.ConnectionError('connection reset')
