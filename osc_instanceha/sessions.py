"""The keystoneauth session that requests are sent on."""

from __future__ import annotations

from keystoneauth1 import session as ksa_session
import requests

#: Connections kept open to a service: one for each thread that may speak to
#: it, side_by_side.MOST and a few more (keystoneauth itself keeps ten).
_CONNECTIONS = 70

#: Seconds that a service may take for one answer. The API waits for the
#: message queue itself, up to rpc_response_timeout (60 s).
TIMEOUT = 90.0


def sibling(session: ksa_session.Session) -> ksa_session.Session:
    """A session with the same authentication and trust, but never endless.

    The session of the caller stays as it is: its time-out is none of our
    business, and by default it has none.

    :param session: as the caller has it
    """
    transport = requests.Session()
    for scheme in ('http://', 'https://'):
        transport.mount(
            scheme,
            ksa_session.TCPKeepAliveAdapter(
                pool_connections=_CONNECTIONS, pool_maxsize=_CONNECTIONS
            ),
        )
    return ksa_session.Session(
        auth=session.auth,
        session=transport,
        verify=session.verify,
        cert=session.cert,
        timeout=session.timeout or TIMEOUT,
        additional_headers=dict(session.additional_headers),
        app_name='osc-instanceha',
    )
