"""What the two client libraries raise, as this package's own errors."""

from __future__ import annotations

from collections.abc import Iterator
import contextlib

from keystoneauth1 import exceptions as ksa_exceptions
from novaclient import exceptions as nova_exceptions
import urllib3.exceptions

from osc_instanceha import exceptions
from osc_instanceha import ports

#: What the libraries stumble over in a body that is not what they expect;
#: the last is for one that is nested without end.
BROKEN_BODY = (
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
    RecursionError,
)


@contextlib.contextmanager
def translated(where: str) -> Iterator[None]:
    """Raise every failure of a request as a :class:`~.CloudError`.

    :param where: the call, for the message
    """
    try:
        yield
    except ksa_exceptions.http.HttpError as error:
        raise _by_code(
            where, error.http_status, _words(error), error.request_id
        ) from error
    except nova_exceptions.ClientException as error:
        raise _by_code(
            where, error.code, str(error), error.request_id
        ) from error
    except ksa_exceptions.ClientException as error:
        # No connection, no catalog, no token.
        raise exceptions.Unreachable(
            f'{where} could not be asked: {one_line(error)}'
        ) from error
    except BROKEN_BODY as error:
        # What the libraries make of a body that is none of the API's, which
        # is their business: it would say nothing to whoever reads it.
        raise exceptions.UnexpectedAnswer(
            where, 'it is none of this API (--debug shows where that ends)'
        ) from error


def _words(error: ksa_exceptions.http.HttpError) -> str:
    """The service's own words: keystoneauth does not know Nova's schema."""
    if error.response is None:
        return str(error)
    try:
        body = error.response.json()
        ((_kind, fault),) = body.items()
        return f'{fault["message"]} (HTTP {error.http_status})'
    except BROKEN_BODY:
        return str(error)


def _by_code(
    where: str, code: int, message: str, request_id: str | None
) -> exceptions.CloudError:
    kind = exceptions.CloudError
    cure = ''
    if code in (401, 403):
        kind = exceptions.Forbidden
        cure = ': credentials with the admin role are needed'
    elif code in (429, 502, 503, 504):
        kind = exceptions.Unreachable
    return kind(
        f'{where} failed: {one_line(message)}{cure}',
        code=code,
        request_id=request_id,
    )


def one_line(text: object) -> str:
    """The text for a message, without what would steer a terminal."""
    return ''.join(
        char if char.isprintable() else '\ufffd'
        for char in ' '.join(str(text).split())
    )


def posted(error: Exception) -> ports.Posted:
    """What is known of an evacuate request that ended in this error."""
    message = one_line(error) or type(error).__name__
    if isinstance(error, nova_exceptions.ClientException):
        return ports.Posted(
            _answer(error, message), message, error.request_id, error.code
        )
    # Without a token nothing can have been sent to Nova; the rest must have
    # failed before a connection was there, or it is not known how far it
    # came.
    if _never_sent(error) or isinstance(
        error,
        ksa_exceptions.http.Unauthorized | ksa_exceptions.EndpointNotFound,
    ):
        return ports.Posted(ports.Answer.NOT_SENT, message)
    return ports.Posted(ports.Answer.UNCERTAIN, message)


def _answer(
    error: nova_exceptions.ClientException, message: str
) -> ports.Answer:
    if error.code == 429:
        # A limiter before Nova's own code.
        return ports.Answer.NOT_SENT
    if 400 <= error.code < 500:
        if 'still in use' in message:
            return ports.Answer.HOST_IN_USE
        return ports.Answer.REFUSED
    if error.code == 500 and error.request_id:
        # Nova itself answered and has ended what it did, halfway perhaps.
        return ports.Answer.ERRED
    return ports.Answer.UNCERTAIN


def _never_sent(error: BaseException | None) -> bool:
    """Whether no connection was made.

    keystoneauth raises the same ConnectFailure for a refused connection and
    for one that broke after the request was sent; urllib3's reason tells.
    """
    seen = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, urllib3.exceptions.NewConnectionError):
            return True
        if isinstance(error, urllib3.exceptions.ConnectTimeoutError):
            return True
        inner = [arg for arg in error.args if isinstance(arg, BaseException)]
        reason = getattr(error, 'reason', None)
        if isinstance(reason, BaseException):
            inner.append(reason)
        error = next(iter(inner), error.__cause__ or error.__context__)
    return False
