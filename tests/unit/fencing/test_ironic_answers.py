"""Answers that are none of Ironic's, as generated cases have found them."""

from __future__ import annotations

from keystoneauth1 import session as ksa_session
from keystoneauth1 import token_endpoint
import pytest

from osc_instanceha import exceptions
from osc_instanceha.fencing import driver
from osc_instanceha.fencing import ironic

IRONIC = 'http://ironic/v1'
NODE = {
    'power_state': 'power off',
    'target_power_state': None,
    'reservation': None,
    'last_error': None,
}


@pytest.fixture
def made(requests_mock):
    requests_mock.put(f'{IRONIC}/nodes/n/states/power', status_code=202)
    session = ksa_session.Session(auth=token_endpoint.Token(IRONIC, 'token'))
    made = ironic.Ironic(
        driver.Target('dead', session), {'node': 'n', 'cloud': None}
    )
    made.switch(driver.PowerState.OFF, 5.0)
    yield made
    made.close()


def test_a_node_that_is_off(made, requests_mock):
    requests_mock.get(f'{IRONIC}/nodes/n', json=NODE)
    assert made.read(5.0).state is driver.PowerState.OFF


@pytest.mark.parametrize('field', NODE)
@pytest.mark.parametrize('value', ['missing', [], {}, 0, False, ['power off']])
def test_a_field_that_is_missing_or_none_of_ironics(
    made, requests_mock, field, value
):
    node = {**NODE, field: value}
    if value == 'missing':
        del node[field]
    requests_mock.get(f'{IRONIC}/nodes/n', json=node)
    with pytest.raises(exceptions.DeviceError, match='none of Ironic'):
        made.read(5.0)


@pytest.mark.parametrize('code', [200, 404, 500])
@pytest.mark.parametrize('body', ['[' * 20_000, '[]', 'null', '{', '[[]]'])
def test_a_body_that_is_none(made, requests_mock, code, body):
    requests_mock.get(f'{IRONIC}/nodes/n', status_code=code, text=body)
    with pytest.raises(exceptions.DeviceError) as caught:
        made.read(5.0)
    assert len(str(caught.value).splitlines()) == 1
