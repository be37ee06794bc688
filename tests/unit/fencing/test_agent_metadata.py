"""What is understood of a fence agent's words about itself."""

from __future__ import annotations

import pytest

from osc_instanceha import exceptions
from osc_instanceha.fencing import agent_metadata

# Of fence-agents 4.12.1, shortened.
METADATA = """\
/usr/sbin/fence_some:5: DeprecationWarning: 'pipes' is deprecated
<?xml version="1.0" ?>
<resource-agent name="fence_some" shortdesc="Fence agent for some">
<longdesc>Some.</longdesc>
<parameters>
    <parameter name="action" unique="0" required="1">
        <content type="string" default="reboot"  />
    </parameter>
    <parameter name="ip" unique="0" required="1" obsoletes="ipaddr">
        <content type="string"  />
    </parameter>
    <parameter name="ipaddr" unique="0" required="1" deprecated="1">
        <content type="string"  />
    </parameter>
    <parameter name="password" unique="0" required="0" obsoletes="passwd">
        <content type="string"  />
    </parameter>
    <parameter name="passwd" unique="0" required="0" deprecated="1">
        <content type="string"  />
    </parameter>
    <parameter name="plug" unique="0" required="1" obsoletes="port">
        <content type="string"  />
    </parameter>
    <parameter name="port" unique="0" required="1" deprecated="1">
        <content type="string"  />
    </parameter>
    <parameter name="ssl_insecure" unique="0" required="0">
        <content type="boolean"  />
    </parameter>
    <parameter name="ssh" unique="0" required="0">
        <content type="boolean" default="1"  />
    </parameter>
    <parameter name="missing_as_off" unique="0" required="0">
        <content type="boolean"  />
    </parameter>
    <parameter name="debug_file" unique="0" required="0">
        <content type="string"  />
    </parameter>
</parameters>
<actions>
    <action name="on" automatic="0"/>
    <action name="off" />
    <action name="status" />
</actions>
</resource-agent>
"""

GIVEN = {'ip': '192.0.2.1', 'plug': '7'}


def check(text: str = METADATA, **given: object) -> None:
    agent_metadata.parse('fence_some', text).check(
        'fence_some', {**GIVEN, **given}
    )


def refusal(text: str = METADATA, **given: object) -> str:
    with pytest.raises(exceptions.DeviceError) as raised:
        check(text, **given)
    assert str(raised.value).startswith('fence_some: ')
    return str(raised.value).removeprefix('fence_some: ')


def test_parameters() -> None:
    found = agent_metadata.parse('fence_some', METADATA)

    assert found.parameters['ip'] == agent_metadata.Parameter(
        'ip', required=True, obsoletes='ipaddr'
    )
    assert found.parameters['ssh'] == agent_metadata.Parameter(
        'ssh', boolean=True, default='1'
    )
    assert found.actions == {'on', 'off', 'status'}
    assert found.current('port') == 'plug'
    assert found.current('plug') == 'plug'


@pytest.mark.parametrize(
    'given',
    [
        {},
        {'password': 'x', 'ssl_insecure': True},
        {'missing_as_off': False},
    ],
)
def test_what_is_right(given: dict[str, object]) -> None:
    check(**given)


@pytest.mark.parametrize(
    'given',
    [
        {'ipaddr': '192.0.2.1', 'port': '7'},
        {'ip': '192.0.2.1', 'port': '7'},
    ],
)
def test_an_older_name_is_as_good(given: dict[str, object]) -> None:
    agent_metadata.parse('fence_some', METADATA).check('fence_some', given)


@pytest.mark.parametrize(
    ('given', 'words'),
    [
        (
            {'pasword': 'x'},
            "it has no parameter 'pasword'; did you mean 'password'?",
        ),
        ({'qqq': 'x'}, "it has no parameter 'qqq'"),
        ({'action': 'off'}, "parameter 'action' cannot be used: "),
        ({'debug_file': '/tmp/x'}, "parameter 'debug_file' cannot be used: "),
        ({'verbose': True}, "parameter 'verbose' cannot be used: "),
        (
            {'missing_as_off': True},
            "parameter 'missing_as_off' cannot be used: a machine that does "
            'not exist',
        ),
        (
            {'missing_as_off': 'yes'},
            "parameter 'missing_as_off' cannot be used: a machine that does "
            'not exist',
        ),
    ],
)
def test_what_is_wrong(given: dict[str, object], words: str) -> None:
    told = refusal(**given)

    assert told == words or (words[-1] not in "?'" and told.startswith(words))


@pytest.mark.parametrize(
    ('given', 'missing'),
    [
        ({}, "'ip', 'plug'"),
        ({'ip': '192.0.2.1'}, "'plug'"),
        ({'port': '7'}, "'ip'"),
    ],
)
def test_what_is_missing(given: dict[str, object], missing: str) -> None:
    metadata = agent_metadata.parse('fence_some', METADATA)

    with pytest.raises(exceptions.DeviceError) as raised:
        metadata.check('fence_some', given)

    plural = 's' if ',' in missing else ''
    assert str(raised.value) == (
        f'fence_some: it needs the parameter{plural} {missing}'
    )


def test_redfish_has_to_be_told_which_system() -> None:
    text = METADATA.replace('"ssl_insecure"', '"systems_uri"')

    assert refusal(text) == "it needs the parameter 'systems_uri'"
    check(text, systems_uri='/redfish/v1/Systems/1')


@pytest.mark.parametrize(
    ('old', 'new', 'words'),
    [
        (
            '"on" automatic="0"',
            '"on" automatic="1"',
            'leaves it running',
        ),
        ('<action name="status" />', '', 'it has no action status'),
        ('<action name="off" />', '', 'it has no action off'),
        (
            '"missing_as_off" unique="0" required="0">\n'
            '        <content type="boolean"',
            '"missing_as_off" unique="0" required="0">\n'
            '        <content type="boolean" default="1"',
            'it calls a machine off that does not exist',
        ),
    ],
)
def test_agents_that_prove_nothing(old: str, new: str, words: str) -> None:
    assert old in METADATA

    assert words in refusal(METADATA.replace(old, new))


@pytest.mark.parametrize(
    'text',
    [
        '',
        'Traceback (most recent call last):',
        '<resource-agent>',
        '<html><body/></html>',
        METADATA[:500],
    ],
)
def test_what_is_no_metadata(text: str) -> None:
    with pytest.raises(exceptions.DeviceError, match='no metadata'):
        agent_metadata.parse('fence_some', text)


@pytest.mark.parametrize('value', [False, 0, '0', 'no', 'Off', 'FALSE', ''])
def test_false(value: object) -> None:
    assert agent_metadata.is_false(value)


@pytest.mark.parametrize('value', [True, 1, '1', 'yes', 'On', 'perhaps'])
def test_not_false(value: object) -> None:
    assert not agent_metadata.is_false(value)
