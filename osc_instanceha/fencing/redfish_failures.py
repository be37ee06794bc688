"""What sushy's exceptions mean for a fencing device.

The question is always the same: may the answer be another one when it is
asked again (:class:`~osc_instanceha.exceptions.DeviceUnreachable`), or is it
no (:class:`~osc_instanceha.exceptions.DeviceError`)? A password that was
refused must not be tried again, or the BMC locks the account.
"""

from __future__ import annotations

from collections.abc import Iterator
import ssl

from requests import exceptions as requests_exceptions
from sushy import exceptions as sushy_exceptions

from osc_instanceha import exceptions
from osc_instanceha.fencing import redfish_transport

#: Of an answer, for one line.
_LONGEST = 200


def understood(error: Exception, system: str) -> exceptions.DeviceError:
    """The error to raise instead.

    :param system: path of the system that was asked
    """
    match error:
        case sushy_exceptions.AccessError():
            return _of_access(error)
        case sushy_exceptions.ResourceNotFoundError():
            if system in str(error):
                return exceptions.DeviceError(
                    f'it has no system {system}: see /redfish/v1/Systems for '
                    f'those that it has'
                )
            return exceptions.DeviceError(_words(error))
        case sushy_exceptions.MissingXAuthToken():
            return exceptions.DeviceError(
                'it opens no session: try auth: basic'
            )
        case sushy_exceptions.ServerSideError():
            return exceptions.DeviceUnreachable(_words(error))
        case sushy_exceptions.SushyError():
            return _of_connection(error)
        case requests_exceptions.RequestException():
            return _of_connection(error)
    return exceptions.DeviceUnreachable(
        f'its answer cannot be understood: {_words(error)}'
    )


def _of_access(
    error: sushy_exceptions.AccessError,
) -> exceptions.DeviceError:
    if error.status_code == 403:
        return exceptions.DeviceError(
            f'the user may not do that: {_words(error)}'
        )
    return exceptions.DeviceError(
        f'user name or password refused: {_words(error)}'
    )


def _of_connection(error: Exception) -> exceptions.DeviceError:
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, redfish_transport.WrongOrigin):
            return exceptions.DeviceError(
                f'it sends us to {cause.origin}, where the password is not '
                f'given away: if that is right, make it the address'
            )
        if isinstance(cause, ssl.SSLCertVerificationError):
            return exceptions.DeviceError(
                f'its certificate is not trusted ({cause.verify_message}): '
                f'give the path of its CA as verify'
            )
    if not any(
        isinstance(cause, requests_exceptions.RequestException)
        for cause in causes
    ):
        # sushy has an answer, and it is not what it needs.
        return exceptions.DeviceError(_words(error))
    for cause in causes:
        if isinstance(cause, requests_exceptions.Timeout):
            return exceptions.DeviceUnreachable('no answer in time')
        if isinstance(cause, requests_exceptions.JSONDecodeError):
            return exceptions.DeviceUnreachable(
                f'its answer cannot be understood: {_words(cause)}'
            )
    for cause in reversed(causes):
        if isinstance(cause, OSError) and cause.strerror:
            return exceptions.DeviceUnreachable(f'no answer: {cause.strerror}')
    return exceptions.DeviceUnreachable(f'no answer: {_words(error)}')


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error, and all that it comes from."""
    seen: set[int] = set()
    pending: list[object] = [error]
    while pending:
        current = pending.pop(0)
        if not isinstance(current, BaseException) or id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        pending += [
            current.__cause__,
            current.__context__,
            # urllib3 wraps like this.
            getattr(current, 'reason', None),
            *current.args,
        ]


def _words(error: Exception) -> str:
    words = ' '.join(str(error).split()) or type(error).__name__
    return words if len(words) <= _LONGEST else words[:_LONGEST] + '…'
