"""The driver fence_agent, on agents of our own."""

from __future__ import annotations

from collections.abc import Callable
import pathlib
import textwrap
from typing import Any

import pytest

from osc_instanceha import exceptions
from osc_instanceha.fencing import driver as fencing
from osc_instanceha.fencing import fence_agent as driver
from tests.fencing import checks
from tests.fencing import counterparts
from tests.fencing import leftovers

OFF = fencing.PowerState.OFF
ON = fencing.PowerState.ON

METADATA = """
<resource-agent name="fence_own">
  <parameters>
    <parameter name="ip"><content type="string"/></parameter>
    <parameter name="password"><content type="string"/></parameter>
    <parameter name="lanplus">
      <content type="boolean" default="1"/>
    </parameter>
    <parameter name="plug" obsoletes="port">
      <content type="string"/>
    </parameter>
    <parameter name="port" deprecated="1"><content type="string"/></parameter>
    <parameter name="ssl_insecure"><content type="boolean"/></parameter>
    <parameter name="power_timeout"><content type="second"/></parameter>
    <parameter name="login_timeout"><content type="second"/></parameter>
  </parameters>
  <actions><action name="off"/><action name="status"/></actions>
</resource-agent>
"""

Own = Callable[..., driver.FenceAgent]


def make(options: counterparts.Options) -> driver.FenceAgent:
    return driver.FenceAgent(fencing.Target('host1'), options)


@pytest.fixture
def heard(tmp_path: pathlib.Path) -> pathlib.Path:
    """What an agent of our own has read, line by line."""
    return tmp_path / 'heard'


@pytest.fixture
def own(tmp_path: pathlib.Path, heard: pathlib.Path) -> Own:
    """Makes an agent that does this, and the driver for it."""

    def make_one(script: str, **parameters: Any) -> driver.FenceAgent:
        program = tmp_path / 'fence_own'
        program.write_text(
            '#!/bin/sh\n'
            'test $# = 0 || exit 99\n'
            f'cat > {heard}\n'
            f'if grep -qx action=metadata {heard}; then\n'
            f"cat <<'END'\n{METADATA}\nEND\nexit 0\nfi\n"
            + textwrap.dedent(script)
        )
        program.chmod(0o755)
        return make({'agent': str(program), 'parameters': parameters})

    return make_one


class TestAnswers:
    """What is made of exit codes and words."""

    @pytest.mark.parametrize(
        ('script', 'state'),
        [
            ('exit 0', ON),
            ('echo "Status: ON"', ON),
            ('echo "Status: OFF"; exit 2', OFF),
            ('exit 2', OFF),
            # Warnings are no failure.
            ('echo "DeprecationWarning" >&2', ON),
            ('echo "Status: OFF"; echo "warning" >&2; exit 2', OFF),
        ],
    )
    def test_status(
        self, own: Own, script: str, state: fencing.PowerState
    ) -> None:
        assert own(script).read(checks.TIMEOUT).state is state

    @pytest.mark.parametrize(
        'script',
        [
            'echo "sh: cannot open fence_own: No such file" >&2; exit 2',
            'echo "usage: fence_own [-h]"; exit 2',
            'exit 1',
            'exit 127',
            'kill -9 $$',
            # An exit code of its own, whatever it says.
            'echo "Status: OFF"; exit 1',
        ],
    )
    def test_what_is_no_status(self, own: Own, script: str) -> None:
        with pytest.raises(exceptions.DeviceError, match='status failed'):
            own(script).read(checks.TIMEOUT)

    @pytest.mark.parametrize(
        'words',
        [
            'Connection timed out',
            'Connection lost',
            'Unable to connect/login to fencing device',
            'ssh: connect to host 192.0.2.1: No route to host',
            'something that nobody has thought of',
        ],
    )
    def test_what_asking_again_may_help(self, own: Own, words: str) -> None:
        one = own(f'echo "ERROR: {words}" >&2; exit 1')

        for call in checks.CALLS.values():
            with pytest.raises(exceptions.DeviceUnreachable, match=words):
                call(one, checks.TIMEOUT)

    @pytest.mark.parametrize(
        'words',
        [
            'Failed: You have to set login password',
            'Failed: The user does not have the correct privileges to do '
            'the requested action.',
            'Failed: Unable to obtain correct plug status or plug is not '
            'available',
            'Login failed',
            '401 Unauthorized',
            'Permission denied (publickey,password).',
            'Failed: Unable to run /usr/bin/ipmitool',
        ],
    )
    def test_what_asking_again_makes_worse(self, own: Own, words: str) -> None:
        one = own(f'echo "ERROR: {words}" >&2; exit 1')

        for call in checks.CALLS.values():
            with pytest.raises(exceptions.DeviceError) as raised:
                call(one, checks.TIMEOUT)
            assert words in str(raised.value)
            assert not isinstance(raised.value, exceptions.DeviceUnreachable)

    def test_the_last_word_is_told(self, own: Own) -> None:
        one = own("""
            cat >&2 <<END
            /usr/sbin/fence_x:5: DeprecationWarning: 'pipes' is deprecated
              from pipes import quote
            2026-11-24 02:23:20,684 ERROR: Failed: no such plug

            2026-11-24 02:23:20,685 ERROR: Please use '-h' for usage

            END
            exit 1
        """)

        with pytest.raises(exceptions.DeviceError) as raised:
            one.read(checks.TIMEOUT)

        assert str(raised.value) == (
            'fence_own: status failed: Failed: no such plug'
        )

    def test_asked_is_asked(self, own: Own) -> None:
        """Whether anything has happened, reading tells."""
        one = own(
            'echo "ERROR: Failed: Timed out waiting to power OFF" >&2; exit 1'
        )

        one.switch(OFF, checks.TIMEOUT)

        with pytest.raises(exceptions.DeviceUnreachable):
            one.read(checks.TIMEOUT)

    def test_a_secret_is_not_repeated(self, own: Own) -> None:
        one = own(
            'echo "cannot log in with ab$((1 + 1))c3" >&2; exit 1',
            password='ab2c3',
        )

        with pytest.raises(exceptions.DeviceError) as raised:
            one.read(checks.TIMEOUT)

        assert 'ab2c3' not in leftovers.whole_story(raised.value)
        assert 'cannot log in with ***' in str(raised.value)
        assert one.secrets() == {'ab2c3'}


class TestInput:
    """What an agent is given."""

    def test_all_of_it(self, own: Own, heard: pathlib.Path) -> None:
        one = own('exit 0', ip='192.0.2.1', password='a=b #c', lanplus=True)

        one.switch(OFF, 10.0)

        assert heard.read_text() == (
            'action=off\n'
            'ip=192.0.2.1\n'
            'password=a=b #c\n'
            'lanplus=1\n'
            'power_timeout=5\n'
            'login_timeout=4\n'
        )

    @pytest.mark.parametrize(
        ('given', 'line'),
        [
            # To many an agent a name that is there is true.
            ({'ssl_insecure': False}, None),
            ({'ssl_insecure': 'no'}, None),
            ({'ssl_insecure': 1}, 'ssl_insecure=1'),
            # But what is true by default has to be named.
            ({'lanplus': False}, 'lanplus=0'),
            ({'lanplus': 'off'}, 'lanplus=0'),
            # Agents strip blanks, then quotes.
            ({'password': ' x '}, 'password=" x "'),
            ({'password': '"x"'}, 'password=""x""'),
            ({'password': 'x"'}, 'password=x"'),
        ],
    )
    def test_values(
        self,
        own: Own,
        heard: pathlib.Path,
        given: dict[str, Any],
        line: str | None,
    ) -> None:
        own('exit 0', **given).read(checks.TIMEOUT)

        (name,) = given
        lines = heard.read_text().splitlines()
        assert [found for found in lines if found.startswith(f'{name}=')] == (
            [line] if line else []
        )

    @pytest.mark.parametrize(
        ('seconds', 'waits'),
        [
            (1.0, ['power_timeout=1', 'login_timeout=1']),
            (12.0, ['power_timeout=6', 'login_timeout=4']),
            (300.0, ['power_timeout=20', 'login_timeout=5']),
        ],
    )
    def test_an_agent_waits_no_longer_than_we_do(
        self,
        own: Own,
        heard: pathlib.Path,
        seconds: float,
        waits: list[str],
    ) -> None:
        own('exit 0').read(seconds)

        assert heard.read_text().splitlines()[1:] == waits

    def test_but_as_long_as_somebody_says(
        self, own: Own, heard: pathlib.Path
    ) -> None:
        own('exit 0', power_timeout=30).read(checks.TIMEOUT)

        assert heard.read_text().splitlines()[1:] == [
            'power_timeout=30',
            'login_timeout=4',
        ]

    @pytest.mark.parametrize('value', ['x\naction=on', 'x\raction=on', 'x\n'])
    def test_a_value_is_one_line(self, own: Own, value: str) -> None:
        with pytest.raises(
            exceptions.DeviceError, match="'password' has more than one line"
        ) as raised:
            own('exit 0', password=value)

        assert 'action=on' not in str(raised.value)


class TestOptions:
    """What cannot be right is told before anything is asked."""

    @pytest.mark.parametrize(
        ('agent', 'words'),
        [
            ('ipmilan', 'begin with fence_'),
            ('/bin/sh', 'begin with fence_'),
            ('fence_/../sh', 'begin with fence_'),
            ('fence_no_such', 'no program fence_no_such'),
        ],
    )
    def test_an_agent_that_is_none(self, agent: str, words: str) -> None:
        with pytest.raises(exceptions.DeviceError, match=words):
            make({'agent': agent, 'parameters': {}})

    def test_a_parameter_that_does_not_exist(self, own: Own) -> None:
        with pytest.raises(
            exceptions.DeviceError, match="'pasword'; did you mean 'password'"
        ) as raised:
            own('exit 0', pasword='s3cret')

        assert 's3cret' not in str(raised.value)

    def test_an_agent_that_says_nothing_of_itself(
        self, tmp_path: pathlib.Path
    ) -> None:
        program = tmp_path / 'fence_mute'
        program.write_text('#!/bin/sh\n')
        program.chmod(0o755)

        with pytest.raises(exceptions.DeviceError, match='no metadata'):
            make({'agent': str(program), 'parameters': {}})


@pytest.mark.parametrize(
    ('parameters', 'of_machine'),
    [({}, True), ({'plug': '3'}, False), ({'port': '3'}, False)],
)
def test_one_without_a_plug_is_of_the_machine_itself(
    own: Own, parameters: dict[str, str], of_machine: bool
) -> None:
    assert own('exit 0', **parameters).of_machine is of_machine
