from __future__ import annotations

from keystoneauth1 import session as ksa_session
from keystoneauth1 import token_endpoint
import pytest

from osc_instanceha import recovery
from osc_instanceha import sessions


def test_a_sibling_has_the_same_trust_and_a_transport_of_its_own():
    theirs = ksa_session.Session(
        auth=token_endpoint.Token('http://nova', 'token'),
        verify='/etc/ca.pem',
        cert=('/etc/cert.pem', '/etc/key.pem'),
        additional_headers={'X-Test': '1'},
    )
    ours = sessions.sibling(theirs)
    assert ours.auth is theirs.auth
    assert ours.verify == theirs.verify
    assert ours.cert == theirs.cert
    assert ours.additional_headers == {'X-Test': '1'}
    assert ours.session is not theirs.session
    assert theirs.timeout is None


@pytest.mark.parametrize(
    ('theirs', 'ours'), [(None, 90.0), (5, 5), (600, 600)]
)
def test_a_sibling_waits_no_longer_than_it_is_told_and_never_for_ever(
    theirs, ours
):
    session = ksa_session.Session(timeout=theirs)
    assert sessions.sibling(session).timeout == ours


@pytest.mark.parametrize('scheme', ['http', 'https'])
def test_there_is_a_connection_for_every_thread(scheme):
    ours = sessions.sibling(ksa_session.Session())
    adapter = ours.session.get_adapter(f'{scheme}://nova')
    size = adapter.poolmanager.connection_pool_kw['maxsize']
    assert size > recovery.MOST_THREADS
    # A library that repeats requests repeats evacuations.
    assert adapter.max_retries.total == 0
