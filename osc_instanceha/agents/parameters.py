"""What fence_instanceha can be told, and how it is told.

Pacemaker writes ``name=value`` lines to standard input; a person gives
options. Both are of ClusterLabs' Fence Agent API.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses


class WrongUsage(Exception):
    """A parameter is missing, or makes no sense."""


@dataclasses.dataclass(frozen=True)
class Parameter:
    """:ivar flags: of the command line, the long one last
    :ivar obsoleted_by: the name of the one that took its place
    """

    name: str
    help: str
    flags: tuple[str, ...]
    kind: str = 'string'
    default: str = ''
    required: bool = False
    obsoletes: str = ''
    obsoleted_by: str = ''


#: No secret is among them: anybody who may read the cluster's configuration
#: reads parameters, and ``pcs`` shows them.
PARAMETERS = (
    Parameter('action', 'Fencing action', ('-o', '--action'), default='off'),
    Parameter(
        'plug',
        'Compute host, by its name in Nova; Pacemaker fills it in, '
        'translated by pcmk_host_map',
        ('-n', '--plug'),
        obsoletes='port',
    ),
    Parameter(
        'port',
        'The same, by its older name',
        ('-n', '--plug'),
        obsoleted_by='plug',
    ),
    Parameter(
        'cloud',
        'Name of the cloud in clouds.yaml',
        ('--cloud',),
        required=True,
    ),
    Parameter(
        'clouds_file',
        'Path of clouds.yaml',
        ('--clouds-file',),
        default='/etc/openstack/clouds.yaml',
    ),
    Parameter(
        'config',
        'Path of instanceha.yaml, whose devices prove that the power is off',
        ('--config',),
        default='/etc/openstack/instanceha.yaml',
    ),
    Parameter(
        'off_timeout',
        'Seconds that off may take in all: a little less than '
        'pcmk_off_timeout, so that it ends by itself, and says why',
        ('--off-timeout',),
        kind='second',
        default='50',
    ),
)


@dataclasses.dataclass(frozen=True)
class Given:
    """What it was told.

    :ivar host: exact name of the compute host; empty if none was named
    """

    action: str
    host: str
    cloud: str
    clouds_file: str
    config: str
    off_timeout: float


def from_lines(lines: Iterable[str]) -> tuple[Given, int]:
    """Read standard input.

    :returns: also how many lines were not understood, which is no error:
        Pacemaker may have some of its own. Not which: it may be a password.
    :raises WrongUsage: if a value makes no sense
    """
    values: dict[str, str] = {}
    for line in lines:
        text = line.strip()
        if text and not text.startswith('#'):
            name, _found, value = text.partition('=')
            values[name.strip().replace('-', '_')] = value.strip()
    # The name of the cluster's node, if nobody has translated it.
    node = values.pop('nodename', '')
    known = {item.name for item in PARAMETERS}
    strange = len(values.keys() - known)
    return _given(values, node), strange


def from_arguments(arguments: Sequence[str]) -> Given:
    """Read the command line.

    :raises SystemExit: if it makes no sense, or after its help
    :raises WrongUsage: if a value makes no sense
    """
    parser = argparse.ArgumentParser(
        prog='fence_instanceha',
        description='Tell Nova that a compute host is off, once its fencing '
        'devices prove it.',
        allow_abbrev=False,
    )
    for item in PARAMETERS:
        if not item.obsoleted_by:
            parser.add_argument(
                *item.flags,
                dest=item.name,
                default='',
                metavar=f'<{item.name}>',
                help=f'{item.help} (default: {item.default})'
                if item.default
                else item.help,
            )
    return _given(vars(parser.parse_args(arguments)))


def _given(values: Mapping[str, str], node: str = '') -> Given:
    def value(name: str) -> str:
        (item,) = [item for item in PARAMETERS if item.name == name]
        return values.get(name) or item.default

    text = value('off_timeout')
    try:
        off_timeout = float(text.removesuffix('s'))
    except ValueError:
        off_timeout = 0.0
    # Also what is no number, or endless.
    if not 1 <= off_timeout <= 86400:
        raise WrongUsage(f'off_timeout: {text!r} is no number of seconds')
    return Given(
        action=value('action').lower(),
        # What Pacemaker fills in is called port where it knows only that
        # name, and wins over a plug that somebody has configured for all.
        host=value('port') or value('plug') or node,
        cloud=value('cloud'),
        clouds_file=value('clouds_file'),
        config=value('config'),
        off_timeout=off_timeout,
    )
