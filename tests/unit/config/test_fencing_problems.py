"""Mistakes in the section about fencing: one line for each."""

from __future__ import annotations

import pytest

#: Devices that are right, in seven lines: 3 to 9 of a file.
DEVICES = """\
fencing:
  devices:
    idrac:
      driver: bmc
      address: https://{short}.example.org
      password_file: /secret
    plug: {driver: agent, agent: fence_x, parameters: {plug: "{host}"}}
"""

CASES = {
    # devices
    'a device without driver': (
        'fencing: {devices: {a: {address: b}}}',
        '1: fencing.devices.a: has no driver; there are agent, bmc, cluster, '
        'person',
    ),
    'an unknown driver': (
        'fencing: {devices: {a: {driver: bmcc}}}',
        "1: fencing.devices.a.driver: there is no driver 'bmcc'; did you "
        "mean 'bmc'?",
    ),
    'a driver that is a list': (
        'fencing: {devices: {a: {driver: [bmc]}}}',
        '1: fencing.devices.a.driver: is a list; write the name of a driver',
    ),
    'a device that is a text': (
        'fencing: {devices: {a: bmc}}',
        '1: fencing.devices.a: is a text; write a mapping with driver and '
        'its options',
    ),
    'an unknown option': (
        'fencing:\n  devices:\n    a:\n      driver: bmc\n'
        '      addres: https://x',
        "5: fencing.devices.a.addres: unknown key; did you mean 'address'?",
    ),
    'an option that is a number': (
        'fencing: {devices: {a: {driver: bmc, system: 1}}}',
        '1: fencing.devices.a.system: YAML reads it as a number; write a '
        'text: quote it',
    ),
    'a password that is a number': (
        'fencing: {devices: {a: {driver: bmc, password: 4711}}}',
        '1: fencing.devices.a.password: YAML reads it as a number; write a '
        'text: quote it',
    ),
    'a password that is a date': (
        'fencing: {devices: {a: {driver: bmc, password: 2024-01-01}}}',
        '1: fencing.devices.a.password: YAML reads it as a date; quote it',
    ),
    'no password': (
        'fencing: {devices: {a: {driver: bmc, password: }}}',
        '1: fencing.devices.a.password: has no value; write a text, or leave '
        'the key out',
    ),
    'an empty password': (
        'fencing: {devices: {a: {driver: bmc, password: ""}}}',
        '1: fencing.devices.a.password: is empty; write a text',
    ),
    'a password in braces': (
        'fencing: {devices: {a: {driver: bmc, password: {hunter2: }}}}',
        '1: fencing.devices.a.password: is a mapping; write a text: quote '
        'what begins with {',
    ),
    'two passwords': (
        'fencing:\n  devices:\n    a:\n      driver: bmc\n'
        '      password: hunter2\n      password_env: BMC',
        '6: fencing.devices.a.password_env: password is given too '
        '(instanceha.yaml:5); leave one of them',
    ),
    'a variable that is none': (
        'fencing: {devices: {a: {driver: bmc, password_env: "A=B"}}}',
        '1: fencing.devices.a.password_env: does not fit; write the name of '
        'an environment variable',
    ),
    'a choice that is none': (
        'fencing: {devices: {a: {driver: bmc, auth: Basic}}}',
        "1: fencing.devices.a.auth: 'Basic' is no choice here; did you mean "
        "'basic'?",
    ),
    'a boolean in quotes': (
        'fencing: {devices: {a: {driver: bmc, verify: "false"}}}',
        '1: fencing.devices.a.verify: does not fit; write true or false '
        'without quotes, or the path of a file',
    ),
    'a port by name': (
        'fencing: {devices: {a: {driver: bmc, port: https}}}',
        '1: fencing.devices.a.port: is a text; write a whole number',
    ),
    'no time': (
        'fencing: {devices: {a: {driver: bmc, power_timeout: 0}}}',
        '1: fencing.devices.a.power_timeout: is out of range; write seconds '
        'above 0, at most 86400',
    ),
    'a word that stands for nothing': (
        'fencing: {devices: {a: {driver: bmc, address: "x{name}"}}}',
        "1: fencing.devices.a.address: '{name}' stands for nothing; there "
        'are {host}, {short}, {number}',
    ),
    'a word in a path': (
        'fencing: {devices: {a: {driver: bmc, password_file: "/{hosts}"}}}',
        "1: fencing.devices.a.password_file: '{hosts}' stands for nothing; "
        'there are {host}, {short}, {number}',
    ),
    'a word in a parameter': (
        'fencing: {devices: {a: {driver: agent, parameters: {plug: "{}"}}}}',
        "1: fencing.devices.a.parameters.plug: '{}' stands for nothing; "
        'there are {host}, {short}, {number}',
    ),
    'a parameter that is a list': (
        'fencing: {devices: {a: {driver: agent, parameters: {plug: [1]}}}}',
        '1: fencing.devices.a.parameters.plug: is a list; write a text, a '
        'number, true or false',
    ),
    'a secret parameter that is a number': (
        'fencing: {devices: {a: {driver: agent, parameters: {passwd: 12}}}}',
        '1: fencing.devices.a.parameters.passwd: YAML reads it as a number; '
        'write a text: quote it',
    ),
    'two secrets in parameters': (
        'fencing:\n  devices:\n    a:\n      driver: agent\n'
        '      parameters:\n        passwd_file: /x\n        passwd: hunter2',
        '6: fencing.devices.a.parameters.passwd_file: passwd is given too '
        '(instanceha.yaml:7); leave one of them',
    ),
    # hosts
    'an option that is missing': (
        'fencing:\n  hosts:\n    a: {driver: bmc, password: x}',
        '3: fencing.hosts.a: the driver bmc needs the option address; add it',
    ),
    'a host that is a number': (
        f'{DEVICES}  hosts:\n    042: plug',
        '9: fencing.hosts.042: YAML reads this key as a number; quote it: '
        "'042'",
    ),
    'a host that is a boolean': (
        f'{DEVICES}  hosts:\n    on: plug',
        '9: fencing.hosts.on: YAML reads this key as a boolean; quote it: '
        "'on'",
    ),
    'an unknown device': (
        f'{DEVICES}  hosts:\n    a: idrak',
        "9: fencing.hosts.a: fencing.devices has no 'idrak'; did you mean "
        "'idrac'?",
    ),
    'an unknown device in a mapping': (
        f'{DEVICES}  hosts:\n    a:\n      device: ilo',
        "10: fencing.hosts.a.device: fencing.devices has no 'ilo'; there are "
        'idrac, plug',
    ),
    'a driver for a device': (
        f'{DEVICES}  hosts:\n    a: person',
        "9: fencing.hosts.a: fencing.devices has no 'person'; for the "
        'driver, write {driver: person}',
    ),
    'neither': (
        f'{DEVICES}  hosts:\n    a: {{address: x}}',
        '9: fencing.hosts.a: is no device; write the name of one, or a '
        'mapping with device: and what differs, or with driver: and its '
        'options',
    ),
    'both': (
        f'{DEVICES}  hosts:\n    a: {{device: idrac, driver: bmc}}',
        '9: fencing.hosts.a: has both device and driver; leave one of them',
    ),
    'a device that is a boolean': (
        f'{DEVICES}  hosts:\n    a: yes',
        '9: fencing.hosts.a: YAML reads it as a boolean; write the name of a '
        'device, or a mapping with one: quote it',
    ),
    'no level': (
        f'{DEVICES}  hosts:\n    a: []',
        '9: fencing.hosts.a: has no device; write one, or no key',
    ),
    'an empty level': (
        f'{DEVICES}  hosts:\n    a: [plug, []]',
        '9: fencing.hosts.a[1]: is an empty level; remove it',
    ),
    'a level too deep': (
        f'{DEVICES}  hosts:\n    a:\n      - plug\n      - [[plug]]',
        '11: fencing.hosts.a[1][0]: is a list; write the name of a device, '
        'or a mapping with one',
    ),
    'no host name': (
        f'{DEVICES}  hosts:\n    "a*": plug',
        '9: fencing.hosts.a*: is no host name; write letters, digits and '
        '._:- only, and several hosts as compute[01-40]',
    ),
    'a node group': (
        f'{DEVICES}  hosts:\n    "@all[1-2]": plug',
        '9: fencing.hosts.@all[1-2]: is no pattern of host names; write '
        'compute[01-40], compute[1,3-5] or compute[01-40]!compute07',
    ),
    'a range backwards': (
        f'{DEVICES}  hosts:\n    a[3-1]: plug',
        '9: fencing.hosts.a[3-1]: is no pattern of host names (bad range: '
        'invalid values in range : 3-1); write compute[01-40]',
    ),
    'two lengths': (
        f'{DEVICES}  hosts:\n    a[01-9]: plug',
        '9: fencing.hosts.a[01-9]: is no pattern of host names (bad range: '
        'padding length mismatch : 01-9); write compute[01-40]',
    ),
    'too many': (
        f'{DEVICES}  hosts:\n    a[1-999999999]: plug',
        '9: fencing.hosts.a[1-999999999]: stands for more than 10000 hosts; '
        'write smaller ranges',
    ),
    'none': (
        f'{DEVICES}  hosts:\n    a[1-2]!a[1-3]: plug',
        '9: fencing.hosts.a[1-2]!a[1-3]: stands for no host; remove it',
    ),
    'a host in two entries': (
        f'{DEVICES}  hosts:\n    a[01-40]: idrac\n    a07: plug',
        '10: fencing.hosts.a07: a07 is also in instanceha.yaml:9; remove '
        'one, or leave it out of a pattern with !a07',
    ),
    'hosts in two entries': (
        f'{DEVICES}  hosts:\n    a[01-40]: idrac\n    a[20-60]: plug',
        '10: fencing.hosts.a[20-60]: a20, a21 and 19 more are also in '
        'instanceha.yaml:9; remove one, or leave it out of a pattern with '
        '!a20',
    ),
    'a host without number': (
        'fencing:\n  devices:\n'
        '    a: {driver: agent, agent: x, parameters: {plug: "{number}"}}\n'
        '  hosts:\n    abc.d1: a',
        '5: fencing.hosts.abc.d1: abc.d1 has no number for {number}; use '
        '{host} or {short}',
    ),
    'one device for two hosts': (
        f'{DEVICES}  hosts:\n    a: idrac\n'
        '    b: {device: idrac, address: "https://a.example.org"}',
        '10: fencing.hosts.b: b has the same device as a '
        '(instanceha.yaml:9): who switches one, switches the other; give '
        'each its own, with {host}, {short} or {number}',
    ),
    'one device for many hosts': (
        'fencing:\n  hosts:\n'
        '    a[1-9]: {driver: agent, agent: x, parameters: {plug: 1}}',
        '3: fencing.hosts.a[1-9]: a2, a3 and 6 more have the same device as '
        'a1 (instanceha.yaml:3): who switches one, switches the other; give '
        'each its own, with {host}, {short} or {number}',
    ),
    'one plug with two passwords': (
        'fencing:\n  hosts:\n'
        '    a: {driver: agent, agent: x, parameters: {p: 1, passwd: y}}\n'
        '    b: {driver: agent, agent: x, parameters: {p: "1", passwd: z}}',
        '4: fencing.hosts.b: b has the same device as a (instanceha.yaml:3): '
        'who switches one, switches the other; give each its own, with '
        '{host}, {short} or {number}',
    ),
}


@pytest.mark.parametrize('case', CASES)
def test_a_mistake_is_one_line(case, place):
    text, line = CASES[case]
    place.write(text)
    assert place.problems() == [f'instanceha.yaml:{line}']


def test_a_device_that_lacks_something_is_told_once(place):
    place.write(
        """\
        fencing:
          devices:
            a: {driver: bmc, password: x}
          hosts:
            b[1-9]: a
            c: [a, a]
            d: {device: a}
            e: {device: a, address: f}
        """
    )
    cure = 'the driver bmc needs the option address; add it'
    assert place.problems() == [
        f'instanceha.yaml:3: fencing.devices.a: {cure}',
        f'instanceha.yaml:7: fencing.hosts.d: {cure}',
    ]


def test_many_known_words_are_cut_short(place):
    known = ', '.join(
        f'd{number:02}: {{driver: person}}' for number in range(30)
    )
    place.write(f'fencing: {{devices: {{{known}}}, hosts: {{a: zzzz}}}}')
    (line,) = place.problems()
    assert line.endswith('d18, d19 and 10 more')
