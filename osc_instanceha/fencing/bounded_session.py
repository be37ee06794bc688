"""A keystoneauth session whose requests together end in time."""

from __future__ import annotations

from collections.abc import Iterator
import contextlib
import time
from typing import Any

from keystoneauth1 import session as ksa_session
import requests


class BoundedSession(ksa_session.Session):
    """A sibling of a session: the same authentication and trust.

    One call may need several requests, for a token first of all: each gets
    what the ones before it have left.
    """

    def __init__(self, session: ksa_session.Session) -> None:
        self._transport = requests.Session()
        self._adapter = _InTime()
        for scheme in ('http://', 'https://'):
            self._transport.mount(scheme, self._adapter)
        super().__init__(
            auth=session.auth,
            session=self._transport,
            verify=session.verify,
            cert=session.cert,
            additional_headers=dict(session.additional_headers),
            app_name='osc-instanceha',
        )

    @contextlib.contextmanager
    def within(self, timeout: float) -> Iterator[None]:
        """All requests meanwhile end within so many seconds."""
        self._adapter.until = time.monotonic() + timeout
        try:
            yield
        finally:
            self._adapter.until = None

    def close(self) -> None:
        """Close every connection."""
        self._transport.close()


class _InTime(ksa_session.TCPKeepAliveAdapter):
    """:ivar until: monotonic seconds at which everything has to be over"""

    until: float | None = None

    def send(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        if self.until is not None:
            left = self.until - time.monotonic()
            if left <= 0:
                raise requests.exceptions.ConnectTimeout(
                    'no time is left for this request'
                )
            # For connecting, then for the answer.
            kwargs['timeout'] = (left / 2, left / 2)
        return super().send(request, *args, **kwargs)
