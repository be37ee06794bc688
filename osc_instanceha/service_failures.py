"""What keystoneauth raises, as this package's own errors."""

from __future__ import annotations

from collections.abc import Iterator
import contextlib
import re
from typing import Any

from keystoneauth1 import exceptions as ksa_exceptions
import requests

from osc_instanceha import exceptions

#: What the libraries stumble over in a body that is not what they expect;
#: the last is for one that is nested without end.
BROKEN_BODY = (
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
    RecursionError,
)

#: The libraries' messages have the URL, with the query behind it.
_ADDRESS = re.compile(r'https?://[^\s?]*[^\s?:.]')

_NO_ANSWER = (
    ksa_exceptions.ConnectFailure
    | ksa_exceptions.ConnectTimeout
    | ksa_exceptions.UnknownConnectionError
)


@contextlib.contextmanager
def translated(where: str) -> Iterator[None]:
    """Raise every failure of a request as a :class:`~.CloudError`.

    :param where: the call, for the message
    """
    try:
        yield
    except ksa_exceptions.http.HttpError as error:
        raise by_code(
            where, error.http_status, _words(error), error
        ) from error
    except ksa_exceptions.ClientException as error:
        # No connection, no catalog, no token.
        raise exceptions.Unreachable(
            f'{where} could not be asked: {said(error).rstrip(".")}'
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


def by_code(
    where: str, code: int, message: str, error: Exception
) -> exceptions.CloudError:
    """The error for an HTTP status.

    :param error: the library's, with the facts
    """
    kind = exceptions.CloudError
    if code in (401, 403):
        kind = exceptions.Forbidden
    elif code in (429, 502, 503, 504):
        kind = exceptions.Unreachable
    return kind(
        f'{where} failed: {one_line(message)}{cure(code)}',
        code=code,
        request_id=getattr(error, 'request_id', None),
        retry_after=retry_after(error),
    )


def cure(code: int) -> str:
    """What to do about an HTTP status, to be put behind its message."""
    if code in (401, 403):
        return ': valid credentials with the admin role are needed'
    return ''


def retry_after(error: Exception) -> float | None:
    """Seconds that the service wants to be left alone for."""
    return getattr(error, 'retry_after', None) or None


def said(error: Exception) -> str:
    """What went wrong, in one line.

    Where there was no answer: from which address, and why. The libraries
    wrap the reason in the names of all their layers.
    """
    text = one_line(error).rstrip('.')
    address = _ADDRESS.search(text)
    if address is None or not isinstance(error, _NO_ANSWER):
        return text
    if isinstance(error, ksa_exceptions.ConnectTimeout):
        why = 'no answer in time'
    else:
        *_, innermost = causes(error)
        why = getattr(innermost, 'strerror', None) or one_line(innermost)
    return f'{address[0]}: {why}'


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what lies behind it, from the outside in."""
    seen = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        inner = [arg for arg in error.args if isinstance(arg, BaseException)]
        reason = getattr(error, 'reason', None)
        if isinstance(reason, BaseException):
            inner.append(reason)
        error = next(iter(inner), error.__cause__ or error.__context__)


def one_line(text: object) -> str:
    """The text for a message, without what would steer a terminal."""
    return ''.join(
        char if char.isprintable() else '\ufffd'
        for char in ' '.join(str(text).split())
    )


def parsed(where: str, response: requests.Response) -> Any:
    """The JSON of an answer.

    :raises UnexpectedAnswer: if it is none, such as a proxy's page
    """
    try:
        return response.json()
    except (ValueError, RecursionError):
        kind = response.headers.get('Content-Type') or 'no type'
        raise exceptions.UnexpectedAnswer(
            where, f'it is no JSON ({kind}, {len(response.content)} bytes)'
        ) from None
