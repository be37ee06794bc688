"""A WSGI middleware that records requests and injects faults."""

from __future__ import annotations

from collections import abc
import contextlib
import dataclasses
import io
import re
import socket
import threading
import time
from typing import Any

from tests.cloud import web

# Larger bodies (image data) go through unread.
LARGEST_RECORDED_BODY = 1 << 20


@dataclasses.dataclass
class Fault:
    """What shall happen to some of the requests.

    :ivar match: a regular expression, searched for in
        ``METHOD /path?query body``
    :ivar agent: another one, searched for in the client's User-Agent
    :ivar status: answer this status instead of asking the service
    :ivar body: with this JSON body; a string is sent as an HTML page
    :ivar headers: and these headers
    :ivar reset: cut the connection instead of answering
    :ivar truncate: cut it in the middle of the service's own answer
    :ivar after: let the service handle the request, then answer as above:
        the request took effect, but the client does not learn of it
    :ivar delay: seconds to wait before the service is asked
    :ivar hold: keep the client waiting for its answer until holds are
        released: the request is handled after that, if at all, or (with
        ``after``) before
    :ivar linger: seconds to wait before it is answered
    :ivar times: how often it applies; None is always
    :ivar skip: how many matching requests pass untouched before that
    """

    match: str
    agent: str = ''
    status: int | None = None
    body: Any = None
    headers: dict[str, str] = dataclasses.field(default_factory=dict)
    reset: bool = False
    truncate: bool = False
    after: bool = False
    delay: float = 0
    linger: float = 0
    hold: bool = False
    times: int | None = None
    skip: int = 0

    def applies(self, line: str, agent: str = '') -> bool:
        if not re.search(self.match, line, re.DOTALL):
            return False
        if not re.search(self.agent, agent):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        if self.times is not None:
            self.times -= 1
            return self.times >= 0
        return True

    @property
    def answers(self) -> bool:
        return self.reset or self.status is not None

    @property
    def injected(self) -> bool:
        """Whether the client gets what the service did not say."""
        return self.answers or self.truncate

    def answer(
        self, environ: dict[str, Any], start_response: abc.Callable
    ) -> list[bytes]:
        if self.reset:
            hang_up(environ)
            start_response('500 Connection cut', [])
            return []
        body = self.body
        if body is None:
            body = {
                'injected': {'code': self.status, 'message': 'injected fault'}
            }
        answer = web.answer_html if isinstance(body, str) else web.answer_json
        return answer(
            start_response,
            f'{self.status} Injected',
            body,
            self.headers.items(),
        )


def hang_up(environ: dict[str, Any]) -> None:
    with contextlib.suppress(OSError):
        environ['tests.cloud.socket'].shutdown(socket.SHUT_RDWR)


NOTHING = Fault(match='')


def _unheard(*_args: Any) -> None:
    """A start_response of which nobody learns."""


class Tap:
    """The middleware.

    Requests below /control/ go to ``control``, are not recorded, and meet no
    fault.
    """

    def __init__(self, app: abc.Callable, record_bodies: bool = True) -> None:
        self.app = app
        self.record_bodies = record_bodies
        self.control: abc.Callable = Control(self)
        self.requests: list[dict[str, Any]] = []
        self.faults: list[Fault] = []
        self.active = 0
        self.hurry = threading.Event()  # ends delays and holds of faults
        self.lock = threading.Lock()

    def __call__(
        self, environ: dict[str, Any], start_response: abc.Callable
    ) -> abc.Iterable[bytes]:
        if environ['PATH_INFO'].startswith('/control/'):
            return self.control(environ, start_response)
        body = self.read_body(environ)
        with self.lock:
            self.active += 1
            entry = self.record(environ, body)
            line = '{} {}{}{} {}'.format(
                entry['method'],
                entry['path'],
                '?' if entry['query'] else '',
                entry['query'],
                body,
            )
            fault = next(
                (
                    fault
                    for fault in self.faults
                    if fault.applies(line, entry['agent'])
                ),
                NOTHING,
            )
        try:
            return self.handle(fault, entry, environ, start_response)
        finally:
            with self.lock:
                self.active -= 1

    def handle(
        self,
        fault: Fault,
        entry: dict[str, Any],
        environ: dict[str, Any],
        start_response: abc.Callable,
    ) -> abc.Iterable[bytes]:
        def answered(
            status: str, headers: list[tuple[str, str]], *args: Any
        ) -> Any:
            entry['status'] = None if fault.reset else int(status[:3])
            entry['injected'] = fault.injected
            entry['seconds'] = time.time() - entry['time']
            for name, value in headers:
                if name.lower() == 'x-openstack-request-id':
                    entry['request_id'] = value
            return start_response(status, headers, *args)

        def ask(start: abc.Callable = answered) -> abc.Iterable[bytes]:
            entry['reached'] = True
            return self.app(environ, start)

        if fault.delay:
            self.hurry.wait(fault.delay)
        if fault.truncate:
            return self.truncate(ask, environ, answered)
        handled = None
        if fault.after:
            start = _unheard if fault.answers else answered
            handled = list(ask(start))
        if fault.hold:
            self.hold(entry)
        if fault.answers:
            answer: abc.Iterable[bytes] = fault.answer(environ, answered)
        else:
            answer = ask() if handled is None else handled
        if fault.linger:
            answer = list(answer)
            self.hurry.wait(fault.linger)
        return answer

    def hold(self, entry: dict[str, Any]) -> None:
        entry['held'] = True
        self.hurry.wait()
        entry['held'] = False

    @staticmethod
    def truncate(
        ask: abc.Callable, environ: dict[str, Any], start: abc.Callable
    ) -> abc.Iterable[bytes]:
        """The first half of what the service answers."""
        head: list[Any] = []
        body = b''.join(ask(lambda *args: head.extend(args[:2])))
        status, headers = head
        # One byte more than there is: some answers are empty.
        length = ('Content-Length', str(len(body) + 1))
        start(
            status,
            [item for item in headers if item[0].lower() != length[0].lower()]
            + [length],
        )

        def half() -> abc.Iterator[bytes]:
            yield body[: len(body) // 2]
            hang_up(environ)

        return half()

    @staticmethod
    def read_body(environ: dict[str, Any]) -> str:
        length = int(environ.get('CONTENT_LENGTH') or 0)
        if not 0 < length <= LARGEST_RECORDED_BODY:
            return ''
        body = environ['wsgi.input'].read(length)
        environ['wsgi.input'] = io.BytesIO(body)
        return body.decode('utf-8', 'replace')

    def record(self, environ: dict[str, Any], body: str) -> dict[str, Any]:
        version = environ.get('HTTP_OPENSTACK_API_VERSION', '')
        entry = {
            'method': environ['REQUEST_METHOD'],
            'path': environ['PATH_INFO'],
            'query': environ.get('QUERY_STRING', ''),
            'body': body if self.record_bodies else '',
            'microversion': version.partition(' ')[2].strip()
            or environ.get('HTTP_X_OPENSTACK_NOVA_API_VERSION'),
            'agent': environ.get('HTTP_USER_AGENT', ''),
            'time': time.time(),
            'status': None,
            'reached': False,
            'injected': False,
            'held': False,
            'seconds': None,
            'request_id': None,
        }
        self.requests.append(entry)
        return entry

    def clear(self) -> None:
        """No faults, no record, and no delay or hold that goes on."""
        with self.lock:
            self.requests = []
            self.faults = []
        self.release()

    def release(self) -> None:
        """End the delays and holds that go on; the faults stay."""
        self.hurry.set()
        self.hurry.clear()


class Control:
    """The control API that every service has.

    ======  ====================  =======================================
    GET     /control/requests     every request so far
    DELETE  /control/requests     forget them
    PUT     /control/faults       a list of :class:`Fault`, as dictionaries
    POST    /control/release      end the delays and holds that go on
    POST    /control/clear        forget requests and faults, and end those
    ======  ====================  =======================================
    """

    def __init__(self, tap: Tap) -> None:
        self.tap = tap

    def __call__(
        self, environ: dict[str, Any], start_response: abc.Callable
    ) -> list[bytes]:
        path = environ['PATH_INFO'].split('/')[2:]
        try:
            answer = self.dispatch(
                environ['REQUEST_METHOD'], path, web.read_json(environ)
            )
        except LookupError as exc:
            return web.answer_json(
                start_response, '404 Not Found', {'error': str(exc)}
            )
        except Exception as exc:
            return web.answer_json(
                start_response,
                '500 Internal Server Error',
                {'error': f'{type(exc).__name__}: {exc}'},
            )
        return web.answer_json(start_response, '200 OK', answer)

    def dispatch(self, method: str, path: list[str], body: Any) -> Any:
        match [method, *path]:
            case ['GET', 'requests']:
                return self.tap.requests
            case ['DELETE', 'requests']:
                self.tap.requests = []
            case ['PUT', 'faults']:
                self.tap.faults = [Fault(**rule) for rule in body]
            case ['POST', 'release']:
                self.tap.release()
            case ['POST', 'clear']:
                self.tap.clear()
            case _:
                raise LookupError('no such control')
        return {}
