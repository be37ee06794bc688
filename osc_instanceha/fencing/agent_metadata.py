"""What a fence agent says of itself.

The format is ClusterLabs': fence-agents, doc/FenceAgentAPI.md, and
lib/metadata.rng.
"""

from __future__ import annotations

from collections.abc import Mapping
import dataclasses
import difflib
from typing import Any
from xml.etree import ElementTree

from osc_instanceha import exceptions

#: Parameters that are this program's business, and why.
_RESERVED = {
    'action': 'it is what the driver asks for',
    'debug': 'the agent would write secrets to a file',
    'debug_file': 'the agent would write secrets to a file',
    'help': 'the agent would do nothing',
    'quiet': 'the reason of a failure would be lost',
    'verbose': 'the agent would log what it sends',
    'verbose_level': 'the agent would log what it sends',
    'version': 'the agent would do nothing',
}

#: To fencing.py a plug that does not exist is off with it, so that a typo
#: would be the proof that a host is off.
_MISSING_AS_OFF = 'missing_as_off'

#: Without it fence_redfish takes the last system that it finds, and ignores
#: the plug (fence_redfish, find_systems_resource).
_SYSTEMS_URI = 'systems_uri'

_FALSE = frozenset({'0', 'no', 'off', 'false'})


@dataclasses.dataclass(frozen=True)
class Parameter:
    """:ivar default: as the agent writes it; empty if it has none
    :ivar obsoletes: the older name of the same parameter, or empty
    """

    name: str
    required: bool = False
    boolean: bool = False
    default: str = ''
    obsoletes: str = ''

    @property
    def on_by_default(self) -> bool:
        return bool(self.default) and not is_false(self.default)


@dataclasses.dataclass(frozen=True)
class Metadata:
    """:ivar parameters: by name, older names included
    :ivar actions: that it can be asked for
    :ivar fabric: it cuts a host off from a network, and leaves it running
    """

    parameters: Mapping[str, Parameter]
    actions: frozenset[str]
    fabric: bool = False

    def check(self, agent: str, given: Mapping[str, Any]) -> None:
        """See that the agent can be used, and used so.

        :param agent: its name
        :param given: parameters as the configuration has them
        :raises DeviceError: if not; names the parameter, never a value
        """
        problem = (
            self._unusable()
            or next(filter(None, map(self._against, given)), '')
            or self._missing(given)
            or self._unsafe(given)
        )
        if problem:
            raise exceptions.DeviceError(f'{agent}: {problem}')

    def current(self, name: str) -> str:
        """The newest name of a parameter."""
        for parameter in self.parameters.values():
            if parameter.obsoletes == name:
                return parameter.name
        return name

    def _unusable(self) -> str:
        if self.fabric:
            return (
                'it cuts a host off from its storage or network and leaves '
                'it running; what proves a host off has to cut its power'
            )
        missing = {'off', 'status'} - self.actions
        if missing:
            return f"it has no action {' and no '.join(sorted(missing))}"
        parameter = self.parameters.get(_MISSING_AS_OFF)
        if parameter is not None and parameter.on_by_default:
            return 'it calls a machine off that does not exist'
        return ''

    def _against(self, name: str) -> str:
        if name in _RESERVED:
            return f"parameter '{name}' cannot be used: {_RESERVED[name]}"
        if name in self.parameters:
            return ''
        names = [known for known in self.parameters if known not in _RESERVED]
        nearest = difflib.get_close_matches(name, names, 1)
        hint = f"; did you mean '{nearest[0]}'?" if nearest else ''
        return f"it has no parameter '{name}'{hint}"

    def _missing(self, given: Mapping[str, Any]) -> str:
        there = {self.current(name) for name in given}
        required = {
            self.current(parameter.name)
            for parameter in self.parameters.values()
            if parameter.required and parameter.name not in _RESERVED
        }
        if _SYSTEMS_URI in self.parameters:
            required.add(_SYSTEMS_URI)
        missing = sorted(required - there)
        if missing:
            names = ', '.join(f"'{name}'" for name in missing)
            plural = 's' if len(missing) > 1 else ''
            return f'it needs the parameter{plural} {names}'
        return ''

    def _unsafe(self, given: Mapping[str, Any]) -> str:
        if not is_false(given.get(_MISSING_AS_OFF, False)):
            return (
                f"parameter '{_MISSING_AS_OFF}' cannot be used: a machine "
                f'that does not exist, as after a typo, would count as off'
            )
        return ''


def is_false(value: Any) -> bool:
    """Whether an agent takes the value of a boolean parameter for false."""
    return not value or str(value).lower() in _FALSE


def parse(agent: str, text: str) -> Metadata:
    """The metadata that an agent has printed.

    :param agent: its name
    :raises DeviceError: if it is none
    """
    # Some print warnings before it.
    start = text.find('<')
    try:
        # The text of a program that is run anyway; expat itself has limits
        # for entities.
        root = ElementTree.fromstring(text[max(start, 0) :])  # noqa: S314
    except ElementTree.ParseError as error:
        raise exceptions.DeviceError(
            f'{agent}: what it says of itself is no metadata of a fence '
            f'agent ({error})'
        ) from None
    if root.tag != 'resource-agent':
        raise exceptions.DeviceError(
            f'{agent}: what it says of itself is no metadata of a fence '
            f'agent (<{root.tag}>)'
        )
    actions = {
        action.get('name', ''): action for action in root.iter('action')
    }
    on = actions.get('on')
    return Metadata(
        parameters={
            parameter.name: parameter
            for parameter in map(_parameter, root.iter('parameter'))
        },
        actions=frozenset(actions),
        # Who has to be let in again before it may come up was never off.
        fabric=on is not None and on.get('automatic') == '1',
    )


def _parameter(element: ElementTree.Element) -> Parameter:
    content = element.find('content')
    kind = {} if content is None else content.attrib
    return Parameter(
        name=element.get('name', ''),
        required=element.get('required') == '1',
        boolean=kind.get('type') == 'boolean',
        default=kind.get('default', ''),
        obsoletes=element.get('obsoletes', ''),
    )
