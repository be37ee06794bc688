"""What fence_instanceha says about itself, as XML.

The format: ``metadata.rng`` of ClusterLabs' fence-agents.
"""

from __future__ import annotations

from xml.sax import saxutils

from osc_instanceha.agents import parameters

_LONG = '''\
Tells OpenStack Nova that a fenced compute host is down, so that its servers \
can be evacuated. It switches nothing: it is for the second place in a level \
of the fencing topology, behind the device that cuts the power.

The action off reads the host's devices in instanceha.yaml, and fails unless \
they prove that the host is off, whoever calls it and whatever was called \
before. Then it marks the host in Nova (forced down, disabled, and why) and \
reads that back. It tries again within off_timeout. The action on does \
nothing and succeeds: 'openstack host unfence' is the way back.

Credentials are read from clouds_file.'''

#: Not ``reboot``: a host that comes back by itself is not off. Pacemaker
#: asks for off in its place.
_ACTIONS = (
    '<action name="on" automatic="0"/>',
    '<action name="off"/>',
    '<action name="status"/>',
    '<action name="monitor"/>',
    '<action name="metadata"/>',
    '<action name="validate-all"/>',
)


def xml() -> str:
    """The document."""
    lines = [
        '<?xml version="1.0" ?>',
        '<resource-agent name="fence_instanceha" shortdesc="Tell OpenStack '
        'Nova that a compute host is off">',
        f'<longdesc>{saxutils.escape(_LONG)}</longdesc>',
        '<vendor-url>https://docs.openstack.org/</vendor-url>',
        '<parameters>',
        *map(_parameter, parameters.PARAMETERS),
        '</parameters>',
        '<actions>',
        *_ACTIONS,
        '</actions>',
        '</resource-agent>',
    ]
    return '\n'.join(lines) + '\n'


def _parameter(item: parameters.Parameter) -> str:
    attributes = {
        'name': item.name,
        'unique': '0',
        'required': '1' if item.required else '0',
    }
    if item.obsoletes:
        attributes['obsoletes'] = item.obsoletes
    if item.obsoleted_by:
        attributes['deprecated'] = '1'
    getopt = ', '.join(item.flags) + f'=[{item.name}]'
    content = f'<content type="{item.kind}"'
    if item.default:
        content += f' default={saxutils.quoteattr(item.default)}'
    return (
        '<parameter {}>'
        '<getopt mixed={}/>{}/>'
        '<shortdesc lang="en">{}</shortdesc></parameter>'
    ).format(
        ' '.join(f'{name}="{value}"' for name, value in attributes.items()),
        saxutils.quoteattr(getopt),
        content,
        saxutils.escape(item.help),
    )
