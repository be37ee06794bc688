"""What novaclient raises, as this package's own errors."""

from __future__ import annotations

from collections.abc import Iterator
import contextlib

from keystoneauth1 import exceptions as ksa_exceptions
from novaclient import exceptions as nova_exceptions
import urllib3.exceptions

from osc_instanceha import ports
from osc_instanceha import service_failures


@contextlib.contextmanager
def translated(where: str) -> Iterator[None]:
    """Raise every failure of a request as a :class:`~.CloudError`.

    :param where: the call, for the message
    """
    try:
        with service_failures.translated(where):
            yield
    except nova_exceptions.ClientException as error:
        raise service_failures.by_code(
            where, error.code, str(error), error
        ) from error


def posted(error: Exception) -> ports.Posted:
    """What is known of an evacuate request that ended in this error."""
    message = service_failures.said(error) or type(error).__name__
    if isinstance(error, nova_exceptions.ClientException):
        return ports.Posted(
            _answer(error, message),
            message + service_failures.cure(error.code),
            error.request_id,
            error.code,
            retry_after=service_failures.retry_after(error),
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


def _never_sent(error: BaseException) -> bool:
    """Whether no connection was made.

    keystoneauth raises the same ConnectFailure for a refused connection and
    for one that broke after the request was sent; urllib3's reason tells.
    """
    return any(
        isinstance(
            cause,
            urllib3.exceptions.NewConnectionError
            | urllib3.exceptions.ConnectTimeoutError,
        )
        for cause in service_failures.causes(error)
    )
