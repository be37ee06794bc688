"""Any of ClusterLabs' fence agents.

An agent is a program that reads ``name=value`` lines and does one action:
fence-agents, doc/FenceAgentAPI.md.
"""

from __future__ import annotations

from collections.abc import Mapping
import functools
import os
import re
from typing import Any
from typing import ClassVar

from osc_instanceha import exceptions
from osc_instanceha.fencing import agent_metadata
from osc_instanceha.fencing import child
from osc_instanceha.fencing import driver
from osc_instanceha.fencing import masking
from osc_instanceha.fencing import secret_names

#: Seconds for an agent to describe itself.
_METADATA_TIMEOUT = 10.0

#: Exit code of the action status for a plug that is off (FenceAgentAPI.md).
_STATUS_OFF = 2

#: Parts of the time for one answer that an agent may spend on each of its
#: own waits, and its own defaults in seconds (lib/fencing.py.py, all_opt).
_SHARES = {
    'power_timeout': (0.5, 20),
    'login_timeout': (0.4, 5),
    'shell_timeout': (0.3, 3),
}

#: How the logging of lib/fencing.py.py begins a line.
_LOG_PREFIX = re.compile(
    r'^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d+ )?(CRITICAL|ERROR|WARNING): '
)
_NOISE = re.compile(r"^Please use '-h' for usage|DeprecationWarning|^\s")

#: The agent has asked, and has not seen the effect in its own time:
#: lib/fencing.py.py, EC_WAITING_ON and EC_WAITING_OFF.
_ASKED = re.compile(r'Timed out waiting to power (ON|OFF)')

#: What is certainly no answer "no" goes on from here as unreachable; what
#: may be one must not be asked again and again: a device locks accounts.
_REFUSED = re.compile(
    r'password|passwd|authenti|unauthori|credential|denied|privilege|'
    r'permission|plug status|get PowerState|parse error|unrecogni|'
    r'unable to run|you have to|certificate|(?<!connect/)login (failed|inco)',
    re.IGNORECASE,
)
_NO_ANSWER = re.compile(
    r'timed out|timeout|connection (refused|lost|reset|aborted)|'
    r'unreachable|no route|name or service|name resolution',
    re.IGNORECASE,
)


class FenceAgent(driver.Driver):
    """One action of an agent for each call; nothing is kept in between."""

    summary: ClassVar[str] = 'Any fence agent of ClusterLabs'
    options: ClassVar[tuple[driver.Option, ...]] = (
        driver.Option(
            'agent',
            'Name of the agent, as fence_ipmilan, or its path',
            required=True,
            names_target=True,
        ),
        driver.Option(
            'parameters',
            'Parameters of the agent, by name: see its manual page. '
            'fence_ipmilan needs lanplus for IPMI 2.0, and shows its '
            'password in the process list while it runs: the driver ipmi '
            'does not',
            kind=driver.Kind.MAPPING,
            required=True,
            names_target=True,
        ),
    )

    def __init__(
        self, target: driver.Target, options: Mapping[str, Any]
    ) -> None:
        super().__init__(target, options)
        self._name = os.path.basename(options['agent'])
        if not self._name.startswith('fence_'):
            raise exceptions.DeviceError(
                f'{self._name} is no fence agent: their names begin with '
                f'fence_'
            )
        self._path = child.find(options['agent'])
        self._metadata = _metadata(self._path)
        self._parameters: Mapping[str, Any] = options['parameters']
        self._metadata.check(self._name, self._parameters)
        self._mask = masking.Mask(self.secrets())
        self._lines = self._checked_lines()
        # What has plugs switches the power of machines, not machines.
        self.of_machine = 'plug' not in {
            self._metadata.current(name) for name in self._parameters
        }

    def secrets(self) -> frozenset[str]:
        return frozenset(
            str(value)
            for name, value in self.values['parameters'].items()
            if secret_names.is_secret_name(name)
        )

    def read(self, timeout: float) -> driver.Reading:
        ended = self._run('status', timeout)
        said = ' '.join(ended.stdout.split())
        if ended.code == 0:
            return driver.Reading(driver.PowerState.ON, self._mask(said))
        if ended.code == _STATUS_OFF and _says_off(ended):
            return driver.Reading(driver.PowerState.OFF, self._mask(said))
        raise self._error('status', ended)

    def switch(self, state: driver.PowerState, timeout: float) -> None:
        ended = self._run(state.value, timeout)
        if ended.code == 0 or _ASKED.search(ended.stderr):
            return
        raise self._error(state.value, ended)

    def _run(self, action: str, timeout: float) -> child.Ended:
        lines = [f'action={action}', *self._lines, *self._waits(timeout)]
        return child.run(
            [self._path], timeout=timeout, stdin='\n'.join([*lines, ''])
        )

    def _checked_lines(self) -> list[str]:
        lines = []
        for name, value in self._parameters.items():
            if '\n' in str(value) or '\r' in str(value):
                raise exceptions.DeviceError(
                    f"{self._name}: parameter '{name}' has more than one line"
                )
            parameter = self._metadata.parameters[name]
            if parameter.boolean or isinstance(value, bool):
                if agent_metadata.is_false(value):
                    # Agents ask whether ssl_insecure is there, not what it
                    # is: ssl_insecure=0 would switch verification off.
                    if not parameter.on_by_default:
                        continue
                    value = 0
                else:
                    value = 1
            lines.append(f'{name}={_quoted(str(value))}')
        return lines

    def _waits(self, timeout: float) -> list[str]:
        """How long the agent may wait itself, where nobody has said it."""
        given = {self._metadata.current(name) for name in self._parameters}
        return [
            f'{name}={max(1, min(default, int(timeout * share)))}'
            for name, (share, default) in _SHARES.items()
            if name in self._metadata.parameters and name not in given
        ]

    def _error(
        self, action: str, ended: child.Ended
    ) -> exceptions.DeviceError:
        words = _last_words(ended)
        message = self._mask(
            f'{self._name}: {action} failed: '
            f'{words or f"exit code {ended.code}"}'
        )
        if _REFUSED.search(words) and not _NO_ANSWER.search(words):
            return exceptions.DeviceError(message)
        return exceptions.DeviceUnreachable(message)


@functools.cache
def _metadata(path: str) -> agent_metadata.Metadata:
    ended = child.run(
        [path], timeout=_METADATA_TIMEOUT, stdin='action=metadata\n'
    )
    return agent_metadata.parse(os.path.basename(path), ended.stdout)


def _says_off(ended: child.Ended) -> bool:
    """Whether exit code 2 is about the plug.

    Interpreters end so, too, when they cannot read a script or understand
    an argument, but not without a word on stderr.
    """
    if re.search(r'\boff\b', ended.stdout, re.IGNORECASE):
        return True
    return not ended.stdout.strip() and not ended.stderr.strip()


def _quoted(value: str) -> str:
    # lib/fencing.py.py strips what is around a value, then one pair of
    # quotes (_parse_input_stdin).
    if value != value.strip() or re.fullmatch(r'".*"', value):
        return f'"{value}"'
    return value


def _last_words(ended: child.Ended) -> str:
    """The last line that says something, without a logger's prefix."""
    for text in (ended.stderr, ended.stdout):
        lines = [
            _LOG_PREFIX.sub('', line).strip()
            for line in text.splitlines()
            if not _NOISE.search(_LOG_PREFIX.sub('', line))
        ]
        words = [line for line in lines if line]
        if words:
            return words[-1]
    return ''
