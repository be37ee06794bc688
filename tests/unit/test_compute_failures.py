"""What a failed request proves, with the libraries' own errors."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading

from keystoneauth1 import exceptions as ksa_exceptions
from keystoneauth1 import session as ksa_session
from keystoneauth1 import token_endpoint
from novaclient import client as nova_client
from novaclient import exceptions as nova_exceptions
import pytest
import requests
import urllib3.exceptions

from osc_instanceha import exceptions
from osc_instanceha import ports
from osc_instanceha.compute import failures

Answer = ports.Answer


def listening():
    listener = socket.socket()
    listener.bind(('127.0.0.1', 0))
    listener.listen(5)
    return listener


@contextlib.contextmanager
def serving(behave):
    """A port of this machine on which each connection is treated so."""
    listener = listening()
    received = []

    def serve():
        with contextlib.suppress(OSError):
            while True:
                connection, _peer = listener.accept()
                with connection:
                    behave(connection, received)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1], received
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def evacuate(port, timeout=5):
    session = ksa_session.Session(
        auth=token_endpoint.Token(f'http://127.0.0.1:{port}/v2.1', 'token'),
        timeout=timeout,
    )
    nova = nova_client.Client(
        '2.94', session=session, connect_retries=0, status_code_retries=0
    )
    with pytest.raises(Exception) as caught:
        nova.servers.evacuate('a')
    return failures.posted(caught.value)


def test_a_port_that_refuses_never_got_the_request():
    listener = listening()
    port = listener.getsockname()[1]
    listener.close()
    posted = evacuate(port)
    assert posted.answer is Answer.NOT_SENT
    assert 'refused' in posted.message
    assert '\n' not in posted.message


def close(connection, received):
    received.append(1)


def reset(connection, received):
    received.append(connection.recv(10000))
    connection.setsockopt(
        socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0)
    )


def read_and_close(connection, received):
    received.append(connection.recv(10000))


def half_an_answer(connection, received):
    received.append(connection.recv(10000))
    connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf')


def garbage(connection, received):
    received.append(connection.recv(10000))
    connection.sendall(b'what?\r\n\r\n')


@pytest.mark.parametrize(
    'behave', [close, reset, read_and_close, half_an_answer, garbage]
)
def test_a_connection_that_broke_later_proves_nothing(behave):
    with serving(behave) as (port, received):
        posted = evacuate(port)
    assert posted.answer is Answer.UNCERTAIN
    # And nobody has sent it a second time.
    assert len(received) == 1


def test_an_answer_that_does_not_come_proves_nothing():
    held = threading.Event()

    def hold(connection, received):
        received.append(connection.recv(10000))
        held.wait(5)

    with serving(hold) as (port, received):
        posted = evacuate(port, timeout=0.2)
        held.set()
    assert posted.answer is Answer.UNCERTAIN
    assert len(received) == 1


def test_a_proxy_without_a_backend_proves_nothing():
    def gateway(connection, received):
        received.append(connection.recv(10000))
        connection.sendall(
            b'HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n'
        )

    with serving(gateway) as (port, received):
        posted = evacuate(port)
    assert posted.answer is Answer.UNCERTAIN
    assert posted.code == 502
    assert len(received) == 1


def nova_error(code, message='', request_id='req-1'):
    kind = {
        400: nova_exceptions.BadRequest,
        403: nova_exceptions.Forbidden,
        404: nova_exceptions.NotFound,
        409: nova_exceptions.Conflict,
        429: nova_exceptions.OverLimit,
    }.get(code, nova_exceptions.ClientException)
    return kind(code, message, request_id=request_id)


BY_CODE = [
    (400, 'bad', 'req-1', Answer.REFUSED),
    (
        400,
        'Compute service of dead is still in use.',
        'req-1',
        Answer.HOST_IN_USE,
    ),
    (403, 'policy', 'req-1', Answer.REFUSED),
    (404, 'gone', 'req-1', Answer.REFUSED),
    (409, 'state', 'req-1', Answer.REFUSED),
    (429, 'slow down', None, Answer.NOT_SENT),
    (500, 'oops', 'req-1', Answer.ERRED),
    # Not Nova's own: a proxy's.
    (500, 'oops', None, Answer.UNCERTAIN),
    (502, '', 'req-1', Answer.UNCERTAIN),
    (503, '', 'req-1', Answer.UNCERTAIN),
    (504, '', None, Answer.UNCERTAIN),
    (418, 'teapot', 'req-1', Answer.REFUSED),
]


@pytest.mark.parametrize(('code', 'message', 'request_id', 'answer'), BY_CODE)
def test_what_novas_answers_prove(code, message, request_id, answer):
    posted = failures.posted(nova_error(code, message, request_id))
    assert posted.answer is answer
    assert posted.code == code
    assert posted.request_id == request_id
    assert posted.message


def chained(outer, cause):
    try:
        try:
            raise cause
        except Exception as error:
            raise outer from error
    except Exception as error:
        return error


OTHERS = [
    ('a bug of ours', ZeroDivisionError('x'), Answer.UNCERTAIN),
    ('no words', RuntimeError(), Answer.UNCERTAIN),
    ('no token', ksa_exceptions.http.Unauthorized('x'), Answer.NOT_SENT),
    ('no endpoint', ksa_exceptions.EndpointNotFound('x'), Answer.NOT_SENT),
    (
        'a connection that broke',
        ksa_exceptions.ConnectFailure('Connection aborted'),
        Answer.UNCERTAIN,
    ),
    (
        'a read time-out',
        chained(
            ksa_exceptions.ConnectTimeout('timed out'),
            requests.exceptions.ReadTimeout(
                urllib3.exceptions.ReadTimeoutError(None, '/', 'timed out')
            ),
        ),
        Answer.UNCERTAIN,
    ),
    (
        'a connect time-out',
        chained(
            ksa_exceptions.ConnectTimeout('timed out'),
            requests.exceptions.ConnectTimeout(
                urllib3.exceptions.MaxRetryError(
                    None,
                    '/',
                    urllib3.exceptions.ConnectTimeoutError(None, 'slow'),
                )
            ),
        ),
        Answer.NOT_SENT,
    ),
    ('TLS', ksa_exceptions.SSLError('bad'), Answer.UNCERTAIN),
]


@pytest.mark.parametrize(
    ('error', 'answer'),
    [case[1:] for case in OTHERS],
    ids=[case[0] for case in OTHERS],
)
def test_what_other_errors_prove(error, answer):
    posted = failures.posted(error)
    assert posted.answer is answer
    assert posted.message


def test_errors_in_a_circle_have_an_end():
    first, second = RuntimeError('a'), RuntimeError('b')
    first.__cause__, second.__cause__ = second, first
    assert failures.posted(first).answer is Answer.UNCERTAIN


TRANSLATED = [
    (nova_error(403), exceptions.Forbidden, 403),
    (nova_error(404), exceptions.CloudError, 404),
    (nova_error(503), exceptions.Unreachable, 503),
    (ksa_exceptions.http.Unauthorized('x'), exceptions.Forbidden, 401),
    (ksa_exceptions.http.NotFound('x'), exceptions.CloudError, 404),
    (ksa_exceptions.http.BadGateway('x'), exceptions.Unreachable, 502),
    (
        ksa_exceptions.http.InternalServerError('x'),
        exceptions.CloudError,
        500,
    ),
    (ksa_exceptions.ConnectFailure('x'), exceptions.Unreachable, None),
    (ksa_exceptions.EndpointNotFound('x'), exceptions.Unreachable, None),
    (ksa_exceptions.MissingAuthPlugin('x'), exceptions.Unreachable, None),
]


@pytest.mark.parametrize(
    ('error', 'kind', 'code'),
    TRANSLATED,
    ids=[type(case[0]).__name__ for case in TRANSLATED],
)
def test_errors_of_the_libraries_become_ours(error, kind, code):
    with (
        pytest.raises(exceptions.CloudError) as caught,
        failures.translated('GET /x'),
    ):
        raise error
    assert type(caught.value) is kind
    assert caught.value.code == code
    assert str(caught.value).startswith('GET /x')
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize(
    'error', [KeyError('x'), TypeError('x'), AttributeError('x')]
)
def test_what_a_library_trips_over_is_no_answer(error):
    with (
        pytest.raises(exceptions.UnexpectedAnswer, match='GET /x'),
        failures.translated('GET /x'),
    ):
        raise error


@pytest.mark.parametrize('error', [KeyboardInterrupt, RuntimeError])
def test_what_is_no_error_of_the_libraries_stays_what_it_is(error):
    with pytest.raises(error), failures.translated('GET /x'):
        raise error
