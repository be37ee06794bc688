"""What a device switches, in a form in which it can be compared.

The same machine or plug can be written in many ways; who copied a line and
changed one of its other options still switches what the first line does.
"""

from __future__ import annotations

from collections.abc import Hashable
from collections.abc import Iterator
from collections.abc import Mapping
import itertools
import posixpath
from typing import Any

from osc_instanceha.config import addresses
from osc_instanceha.config import secrets
from osc_instanceha.fencing import driver
from osc_instanceha.fencing import specification

#: Parameters of fence agents that say which device it is, or which machine
#: or plug of it: from the metadata of the agents in fence-agents 4.12 and
#: fence-virt, and likely names of others. What they do not name says how to
#: log in, how long to wait and so on, and makes no other target.
NAMING = frozenset(
    {
        # the machine or plug
        *['plug', 'switch', 'uuid', 'systems_uri', 'nodename', 'pve_node'],
        *['target', 'devices', 'key', 'domain', 'managed', 'instance'],
        *['outlet', 'slot', 'unit', 'node', 'name', 'id', 'hostname'],
        # the device, or the cloud, that has it
        *['ip', 'ipport', 'address', 'host', 'url', 'uri', 'redfish_uri'],
        *['serial_port', 'serial_device', 'crosscableip', 'api_path'],
        *['channel_address', 'ip_port', 'multicast_address', 'session_url'],
        *['auth_url', 'region', 'region_name', 'zone', 'project', 'crn'],
        *['project_name', 'tenant_name', 'cloud', 'namespace', 'kubeconfig'],
        *['resourcegroup', 'subscriptionid', 'suborg', 'vmware_datacenter'],
    }
)

#: Their older names: "obsoletes" in the metadata.
_TODAY = {'ipaddr': 'ip', 'port': 'plug', 'node_name': 'nodename'}

#: Names of machines and IP addresses, which know no case.
_ADDRESSES = {'address', 'host', 'hostname', 'ip'}


def of(
    host: str, kind: type[driver.Driver], device: specification.Specification
) -> Iterator[Hashable]:
    """What a device of a host switches, as values to compare.

    Two devices may switch the same if one value of theirs is the same. An
    option that is not given stands for the name of the host, as for the
    driver ``pacemaker``; where another one is given, also for what all
    devices have in common that leave it out: the only system of a BMC.

    :returns: nothing for a driver whose options do not name a target
    """
    names = [option for option in kind.options if option.names_target]
    values = [
        device.options.get(option.name, option.default) for option in names
    ]
    if not names:
        return
    absent = (host,) if values.count(None) == len(values) else (host, None)
    for chosen in itertools.product(
        *(absent if value is None else (value,) for value in values)
    ):
        yield (
            device.driver,
            *(
                _same(option.name, value)
                for option, value in zip(names, chosen, strict=True)
            ),
        )


def _same(name: str, value: Any) -> Hashable:
    """The value, the same for whatever means the same."""
    if isinstance(value, Mapping):
        return _parameters(value)
    if value is None:
        return None
    text = str(value)
    if '://' in text:
        return addresses.of_url(text) or text.rstrip('/')
    if text.startswith('/'):
        return posixpath.normpath(text)
    return addresses.of_machine(text) if name in _ADDRESSES else text


def _parameters(given: Mapping[str, Any]) -> Hashable:
    """Of parameters, those that name the target; if none does, all.

    Never a secret: another password does not make it another machine.
    """
    found = {}
    for key, value in given.items():
        if not isinstance(value, secrets.Secret):
            name = key.replace('-', '_').lower()
            name = _TODAY.get(name, name)
            found[name] = _same(name, value)
    naming = {name: found[name] for name in found if name in NAMING}
    return frozenset((naming or found).items())
