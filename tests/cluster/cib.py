"""The configuration of the cluster, as Pacemaker keeps it.

Written by hand where a person would use pcs: a cluster that is started with
it is there within seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
from xml.etree import ElementTree

Element = ElementTree.Element


@dataclasses.dataclass
class Configuration:
    """What it is made of; each is a part of the XML document."""

    resources: list[Element] = dataclasses.field(default_factory=list)
    constraints: list[Element] = dataclasses.field(default_factory=list)
    levels: list[Element] = dataclasses.field(default_factory=list)

    def device(self, name: str, agent: str, **values: object) -> None:
        """A fencing device."""
        made = _element('primitive', id=name, **{'class': 'stonith'})
        made.set('type', agent)
        made.append(_values('instance_attributes', name, values))
        self.resources.append(made)

    def level(self, target: str, number: int, *devices: str) -> None:
        """A level of the fencing topology."""
        self.levels.append(
            _element(
                'fencing-level',
                id=f'{target}-{number}',
                target=target,
                index=str(number),
                devices=','.join(devices),
            )
        )

    def remote(self, name: str, address: str) -> None:
        """A node that runs nothing of the cluster but pacemaker-remoted."""
        self.resource(
            name,
            'ocf:pacemaker:remote',
            {'server': address, 'reconnect_interval': '10'},
            monitor='2s',
            timeout='4s',
        )

    def resource(
        self,
        name: str,
        kind: str,
        values: Mapping[str, object],
        *,
        monitor: str,
        timeout: str,
    ) -> None:
        standard, provider, type_ = kind.split(':')
        made = _element('primitive', id=name, provider=provider, type=type_)
        made.set('class', standard)
        made.append(_values('instance_attributes', name, values))
        operations = ElementTree.SubElement(made, 'operations')
        operations.append(
            _element(
                'op',
                id=f'{name}-monitor',
                name='monitor',
                interval=monitor,
                timeout=timeout,
            )
        )
        self.resources.append(made)

    def location(self, resource: str, node: str, score: str) -> None:
        self.constraints.append(
            _element(
                'rsc_location',
                id=f'{resource}-{node}',
                rsc=resource,
                node=node,
                score=score,
            )
        )

    def xml(self) -> str:
        root = _element(
            'cib',
            **{
                'crm_feature_set': '3.16.1',
                'validate-with': 'pacemaker-3.9',
                'epoch': '1',
                'num_updates': '0',
                'admin_epoch': '0',
            },
        )
        inner = ElementTree.SubElement(root, 'configuration')
        properties = {
            'stonith-enabled': 'true',
            'stonith-action': 'off',
            # Seconds that are waited for other controllers at the start.
            'dc-deadtime': '1s',
            'cluster-recheck-interval': '30s',
        }
        crm_config = ElementTree.SubElement(inner, 'crm_config')
        crm_config.append(
            _values('cluster_property_set', 'properties', properties)
        )
        ElementTree.SubElement(inner, 'nodes')
        for tag, items in (
            ('resources', self.resources),
            ('constraints', self.constraints),
            ('fencing-topology', self.levels),
        ):
            ElementTree.SubElement(inner, tag).extend(items)
        ElementTree.SubElement(root, 'status')
        return ElementTree.tostring(root, encoding='unicode')


def _element(tag: str, **attributes: str) -> Element:
    return ElementTree.Element(tag, attributes)


def _values(tag: str, owner: str, values: Mapping[str, object]) -> Element:
    made = _element(tag, id=f'{owner}-{tag}')
    for name, value in values.items():
        made.append(
            _element(
                'nvpair', id=f'{owner}-{name}', name=name, value=str(value)
            )
        )
    return made


def corosync(addresses: Sequence[str], names: Sequence[str]) -> str:
    """corosync.conf for these controllers."""
    nodes = ''.join(
        f'  node {{\n    ring0_addr: {address}\n    name: {name}\n'
        f'    nodeid: {number}\n  }}\n'
        for number, (address, name) in enumerate(
            zip(addresses, names, strict=True), 1
        )
    )
    two = 'two_node: 1\n  wait_for_all: 0' if len(names) == 2 else ''
    return f'''\
totem {{
  version: 2
  cluster_name: test
  transport: knet
  crypto_cipher: none
  crypto_hash: none
  token: 1000
}}
nodelist {{
{nodes}}}
quorum {{
  provider: corosync_votequorum
  expected_votes: {len(names)}
  {two}
}}
system {{
  move_to_root_cgroup: no
  sched_rr: no
}}
logging {{
  to_logfile: yes
  logfile: /var/log/corosync.log
  to_syslog: no
  to_stderr: no
}}
'''
