"""What fence agents, Pacemaker and Ironic may say: never off by mistake."""

from __future__ import annotations

import json
from unittest import mock

import hypothesis
from hypothesis import strategies as st
from keystoneauth1 import session as ksa_session
from keystoneauth1 import token_endpoint
import requests_mock

from osc_instanceha import exceptions
from osc_instanceha.fencing import agent_metadata
from osc_instanceha.fencing import driver
from osc_instanceha.fencing import fencing_history
from osc_instanceha.fencing import ironic
from tests.unit.generated import counting
from tests.unit.generated import dice as dice_
from tests.unit.generated import edge
from tests.unit.generated import spoiling

IRONIC = 'http://ironic/v1'
OFF = driver.PowerState.OFF

_AGENT = '''<?xml version="1.0" ?>
<resource-agent name="fence_x" shortdesc="x">
<parameters>
<parameter name="ip" required="1"><content type="string" default="a"/>
</parameter>
<parameter name="plug" required="1" obsoletes="port"/>
<parameter name="missing_as_off"><content type="boolean"/></parameter>
</parameters>
<actions><action name="on" automatic="0"/><action name="off"/>
<action name="status"/></actions>
</resource-agent>'''

_HISTORY = '''<pacemaker-result api-version="2.25" request="stonith_admin">
<fence_history target="dead">
<fence_event action="off" target="dead" client="x" origin="n1"
status="success" completed="2026-11-24 03:19:47 +01:00" delegate="n2"/>
</fence_history><status code="0" message="OK"/></pacemaker-result>'''

_PIECES = (
    *('"', '<', '>', '/>', '&', '&amp;', '&#0;', '&x;', '=', ' ', '\n', '\0'),
    *('<!--', ']]>', '<![CDATA[', '<!DOCTYPE a [<!ENTITY x "y">]>', '1', ''),
    *('é', '<parameter/>', '<action/>', '<fence_event/>', '<a>'),
    *('2026-11-24', '99999999999999999999', '+99:99', 'pending', 'off'),
)


def torn(dice, text):
    """The text, with pieces put in, taken out, and put in place of others."""
    for _ in range(dice.number(4) + 1):
        place = (dice.number(256) * 256 + dice.number(256)) % (len(text) + 1)
        length = dice.pick((0, 1, 5, 40, 10_000))
        text = text[:place] + dice.pick(_PIECES) + text[place + length :]
    return text


@counting.times(16)
@hypothesis.given(dice_.rolled(lambda dice: torn(dice, _AGENT), 24))
def test_any_metadata_of_an_agent(text):
    try:
        found = agent_metadata.parse('fence_x', text)
        found.check('fence_x', {'ip': 'a', 'plug': '1'})
    except exceptions.DeviceError as error:
        assert 'fence_x' in str(error)
        assert len(str(error).splitlines()) == 1
    else:
        assert {'off', 'status'} <= found.actions
        assert {'ip', 'plug'} <= set(found.parameters)


@counting.times(16)
@hypothesis.given(dice_.rolled(lambda dice: torn(dice, _HISTORY), 24))
def test_any_history_of_a_cluster(text):
    try:
        found = fencing_history.parse(text, 'dead')
    except exceptions.DeviceError as error:
        assert len(str(error).splitlines()) == 1
    else:
        for event in found:
            assert event.action
            assert event.pending or event.completed.tzinfo is not None


def node(power='power off', **fields):
    return {
        'uuid': 'n',
        'power_state': power,
        'target_power_state': None,
        'reservation': None,
        'last_error': None,
        'maintenance': False,
        'maintenance_reason': None,
        **fields,
    }


@st.composite
def spoilt_nodes(draw):
    dice = dice_.Dice(draw(st.binary(min_size=20, max_size=20)))
    return spoiling.spoilt(dice, ('node',)), dice.pick((True, False))


@counting.times(8)
@hypothesis.given(spoilt_nodes())
def test_any_node_of_ironic(case):
    spoil, asked = case
    power = 'power on' if asked else 'power off'
    body = spoil('node', spoil.first, node(power))
    hypothesis.note(spoil.what)

    def answer(_request, context):
        if isinstance(body, edge.Answer):
            return body.give(context)
        return json.dumps(body).encode()

    session = ksa_session.Session(auth=token_endpoint.Token(IRONIC, 'token'))
    with requests_mock.Mocker() as mocker, mock.patch('time.sleep'):
        mocker.get(requests_mock.ANY, content=answer)
        mocker.put(requests_mock.ANY, status_code=202)
        made = ironic.Ironic(
            driver.Target('dead', session), {'node': 'n', 'cloud': None}
        )
        try:
            if asked:
                made.switch(OFF, 5.0)
            reading = made.read(5.0)
        except exceptions.DeviceError as error:
            assert len(str(error).splitlines()) == 1
            assert 'NoneType' not in str(error)
        else:
            assert reading.state is not OFF or not asked
            assert not reading.fresh or asked
            assert len(reading.detail.splitlines()) <= 1
        finally:
            made.close()
