"""Hosts that would be switched together, and hosts that would not."""

from __future__ import annotations

import pytest

from osc_instanceha.fencing import fence_agent
from osc_instanceha.fencing import ipmi
from osc_instanceha.fencing import ironic
from osc_instanceha.fencing import manual
from osc_instanceha.fencing import pacemaker
from osc_instanceha.fencing import redfish
from tests.unit.config import kinds

DRIVERS = {
    'fence_agent': fence_agent.FenceAgent,
    'ipmi': ipmi.Ipmi,
    'ironic': ironic.Ironic,
    'manual': manual.Manual,
    'pacemaker': pacemaker.Pacemaker,
    'redfish': redfish.Redfish,
    # With an optional target beside a required one.
    'bmc': kinds.Bmc,
}


def bmc(address, system='/s/1'):
    return (
        f'driver: redfish, username: u, password: p, address: "{address}", '
        f'system: {system}'
    )


def lan(address, more=''):
    return (
        f'driver: ipmi, username: u, password: p, address: "{address}"{more}'
    )


def agent(parameters, name='fence_x'):
    return f'driver: fence_agent, agent: {name}, parameters: {{{parameters}}}'


def some(options):
    return f'driver: bmc, password: p, {options}'


CLUSTER = 'driver: pacemaker'

#: Devices of c1 and c2.
SAME = {
    'the name of the other host': (f'{CLUSTER}, target: c2', CLUSTER),
    'the other way round': (CLUSTER, f'{CLUSTER}, target: c1'),
    'one target': (f'{CLUSTER}, target: x', f'{CLUSTER}, target: x'),
    'only one system': (some('address: a'), some('address: a')),
    'a system with the name of the host': (
        some('address: a'),
        some('address: a, system: c1'),
    ),
    'a slash after the host': (bmc('https://x'), bmc('https://x/')),
    'the case of the host': (bmc('https://x'), bmc('HTTPS://X/')),
    'the port of the scheme': (bmc('https://x'), bmc('https://x:443')),
    'a slash after the path': (
        bmc('https://x', '/s/1'),
        bmc('https://x', '/s/1/'),
    ),
    'a slash twice': (bmc('https://x', '/s/1'), bmc('https://x', '/s//1')),
    'a BMC by another case': (lan('b.example.org'), lan('B.Example.org.')),
    'a BMC by another IPv6': (lan('fd00::a'), lan('FD00:0::A')),
    'the port that is default': (lan('b'), lan('b', ', port: 623')),
    'another wait': (
        agent('ip: a, power_wait: 1'),
        agent('ip: a, power_wait: 2'),
    ),
    'a wait that one has': (
        agent('ip: a, plug: 1'),
        agent('ip: a, plug: "1", delay: 2, password: x'),
    ),
    'older names': (
        agent('ip: a, plug: 1'),
        agent('ipaddr: A, port: 1, login: me'),
    ),
    'a dash in a name': (
        agent('ip: a, systems-uri: /s/1'),
        agent('ip: a, systems_uri: /s/1/'),
    ),
    'nothing that is known to name it': (
        agent('gadget: 1, password: x'),
        agent('gadget: 1, password: y'),
    ),
    'a node of Ironic': (
        'driver: ironic, node: n',
        'driver: ironic, node: n, timeout: 5',
    ),
}

OTHER = {
    'their own names': (CLUSTER, CLUSTER),
    'names of other hosts': (f'{CLUSTER}, target: c3', CLUSTER),
    'two systems of a chassis': (
        bmc('https://x', '/s/1'),
        bmc('https://x', '/s/2'),
    ),
    'the case of a path': (bmc('https://x', '/s/a'), bmc('https://x', '/s/A')),
    'another port': (bmc('https://x'), bmc('https://x:8443')),
    'ports of a simulator': (lan('b'), lan('b', ', port: 624')),
    'two plugs of a PDU': (
        agent('ip: pdu, plug: 1, power_wait: 2'),
        agent('ip: pdu, plug: 2, power_wait: 2'),
    ),
    'one plug of two PDUs': (
        agent('ip: pdu-a, plug: 1'),
        agent('ip: pdu-b, plug: 1'),
    ),
    'one plug of two switches': (
        agent('ip: pdu, switch: 1, plug: 1'),
        agent('ip: pdu, switch: 2, plug: 1'),
    ),
    'one plug in two regions': (
        agent('region: a, plug: 1'),
        agent('region: b, plug: 1'),
    ),
    'a query': (
        agent('url: "http://x/?outlet=1"'),
        agent('url: "http://x/?outlet=2"'),
    ),
    'something else that differs': (agent('gadget: 1'), agent('gadget: 2')),
    'two drivers': (lan('b'), some('address: b')),
    'somebody to ask': (
        'driver: manual, vouched: true',
        'driver: manual, vouched: true',
    ),
}


def write(place, one, other):
    place.write(
        f'fencing:\n  hosts:\n    c1: {{{one}}}\n    c2: {{{other}}}\n'
    )


@pytest.mark.parametrize('case', SAME)
def test_one_target_of_two_hosts_is_refused(case, place):
    write(place, *SAME[case])
    assert place.problems(DRIVERS) == [
        'instanceha.yaml:4: fencing.hosts.c2: c2 has the same device as c1 '
        '(instanceha.yaml:3): who switches one, switches the other; give '
        'each its own, with {host}, {short} or {number}'
    ]


@pytest.mark.parametrize('case', OTHER)
def test_two_targets_are_fine(case, place):
    write(place, *OTHER[case])
    assert place.load(DRIVERS).hosts == ('c1', 'c2')


def test_two_supplies_and_two_levels_of_one_host_are_fine(place):
    place.write(
        """\
        fencing:
          hosts:
            c1:
              - {driver: pacemaker, target: c1}
              - [{driver: pacemaker}, {driver: pacemaker}]
        """
    )
    assert len(place.load(DRIVERS).levels('c1')) == 2


def test_a_collision_is_told_once(place):
    # Both ways of reading the option that is not given are the same.
    place.write(
        'fencing: {hosts: {"c[1-2]": {driver: bmc, address: a, password: p}}}'
    )
    assert len(place.problems(DRIVERS)) == 1
