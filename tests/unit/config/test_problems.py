"""Every mistake gets one line with file, line, key and cure."""

from __future__ import annotations

import pytest

CASES = {
    # YAML
    'a list': ('- a', '1: is no mapping; begin with fencing: or another key'),
    'a text': ('a', '1: is no mapping; begin with fencing: or another key'),
    'a colon too many': (
        'lock: a: b',
        '1: a colon where no key can be; look at the indentation here and on '
        'the line above, and quote text that holds a colon and a space',
    ),
    'a bracket too few': (
        'evacuate:\n  selection: {tags: [a, b}',
        "2: is no YAML (while parsing a flow sequence, expected ',' or ']', "
        "but got '}'); look at the indentation, brackets and quotes here and "
        'on the line above',
    ),
    'a tab': (
        'limits:\n\tmax_hosts_down: 1',
        '2: a tab where YAML takes only spaces; indent with spaces',
    ),
    'an alias of nothing': (
        'fencing:\n  x: *hunter2',
        "2: text that begins with * means an anchor's value; quote it",
    ),
    'two anchors': (
        'lock: &hunter2 a\nlimits: &hunter2 b',
        '2: two anchors have the same name; rename one, or quote text that '
        'begins with &',
    ),
    'an anchor in itself': (
        'limits: &a\n  b: [*a]',
        '1: is an anchor inside of itself; remove it',
    ),
    'a tag': (
        'lock: !hunter2 x',
        '1: lock: is no text; quote it',
    ),
    'a tag of a mapping': (
        'limits: !!python/object:os.x {}',
        '1: limits: begins with a tag (!); remove it, or quote the text',
    ),
    'a tag handle': (
        'lock: !hunter2!x y',
        '1: text that begins with ! means a tag; quote it',
    ),
    'two documents': (
        'lock: a\n---\nlimits: b',
        "2: a second document begins here; leave one '---' at most",
    ),
    'a control character': (
        'lock: a\nlimits: \x01',
        '2: a control character; remove it',
    ),
    'not UTF-8': (
        b'lock: a\n# caf\xe9\n',
        '2: is not UTF-8; save it as UTF-8',
    ),
    'a key twice': (
        'limits: {}\nevacuate: {}\nlimits: {}',
        '3: limits: stands here and on line 1; remove one of them',
    ),
    'a key that is a list': (
        'limits:\n  ? [a]\n  : b',
        '2: limits: has a key that is no text; quote it',
    ),
    'a line break': (
        'fencing: {devices: {a: {driver: bmc, address: "a\\nb"}}}',
        '1: fencing.devices.a.address: holds a line break or a control '
        'character; write it on one line, without | or >',
    ),
    'a merge of nothing': (
        'limits:\n  <<: 3',
        "2: '<<' takes a mapping or a list of them",
    ),
    'too deep': (
        '[' * 1000,
        '1: is nested too deeply; close a bracket',
    ),
    # keys
    'an unknown section': (
        'fenceing: {}',
        "1: fenceing: unknown key; did you mean 'fencing'?",
    ),
    'an unknown key': (
        'limits:\n  x: 1',
        '2: limits.x: unknown key; there are max_hosts_down',
    ),
    'a section that is a list': (
        'evacuate: [a]',
        '1: evacuate: is a list; write a mapping with selection or '
        'shared_storage',
    ),
    # lock
    'a lock that is no URL': (
        'lock: hunter2',
        '1: lock: is no URL; write one that tooz takes: '
        'etcd3+http://controller:2379',
    ),
    'no lock': (
        'lock:',
        '1: lock: has no value; write a text, or leave the key out',
    ),
    'two locks': (
        'lock_env: A\nlock: file:///x',
        '1: lock_env: lock is given too (instanceha.yaml:2); leave one of '
        'them',
    ),
    # limits
    'a bad limit': (
        'limits: {max_hosts_down: 5%%}',
        "1: limits.max_hosts_down: '5%%' is no limit: write a number of "
        'hosts (3) or a part of them (10%)',
    ),
    'a limit above all': (
        'limits: {max_hosts_down: 110%}',
        "1: limits.max_hosts_down: '110%' is more than all hosts",
    ),
    'a limit in part': (
        'limits: {max_hosts_down: 0.5}',
        '1: limits.max_hosts_down: is a number; write a number of hosts (3) '
        'or a part (10%)',
    ),
    'a limit below nothing': (
        'limits: {max_hosts_down: -1}',
        "1: limits.max_hosts_down: '-1' is no limit: write a number of hosts "
        '(3) or a part of them (10%)',
    ),
    'a limit without end': (
        f'limits: {{max_hosts_down: "{"9" * 5000}"}}',
        '1: limits.max_hosts_down: has too many digits; write a smaller '
        'number',
    ),
    # evacuate
    'a word for a boolean': (
        'evacuate: {shared_storage: maybe}',
        '1: evacuate.shared_storage: is a text; write true or false',
    ),
    'nothing in flight': (
        'evacuate: {max_in_flight: 0}',
        '1: evacuate.max_in_flight: is out of range; write a whole number of '
        'at least 1',
    ),
    'half an evacuation': (
        'evacuate: {retries: 0.5}',
        '1: evacuate.retries: is a number; write a whole number of at least 0',
    ),
    'no end': (
        'evacuate: {timeout: .inf}',
        '1: evacuate.timeout: is no number that can be used; quote it if it '
        'is text',
    ),
    'a long number': (
        f'evacuate: {{timeout: {"9" * 5000}}}',
        '1: evacuate.timeout: is no number that can be used; quote it if it '
        'is text',
    ),
    'a number that is none': (
        'evacuate: {timeout: !!int ""}',
        '1: evacuate.timeout: is no number that can be used; quote it if it '
        'is text',
    ),
    'one tag': (
        'evacuate: {selection: {tags: ha}}',
        '1: evacuate.selection.tags: is a text; write a list of tags: [one, '
        'another]',
    ),
    'a tag that is a boolean': (
        'evacuate: {selection: {tags: [a, no]}}',
        '1: evacuate.selection.tags[1]: YAML reads it as a boolean; write '
        'one of the tags: quote it',
    ),
    'a tag that Nova has not': (
        'evacuate: {selection: {not_tags: ["a,b"]}}',
        "1: evacuate.selection.not_tags[0]: 'a,b' cannot be a server tag: "
        'Nova takes 1 to 60 characters, none of them a comma or a slash',
    ),
    'a property without a key': (
        'evacuate: {selection: {properties: [a, =b]}}',
        "1: evacuate.selection.properties[1]: '=b' has no key: write <key> "
        'or <key>=<value>',
    ),
    'a property that is a mapping': (
        'evacuate: {selection: {properties: [a: b]}}',
        '1: evacuate.selection.properties[0]: is a mapping; write one of the '
        "properties, 'key' or 'key=value': quote what begins with {",
    ),
    'a match that is none': (
        'evacuate: {selection: {match: al}}',
        "1: evacuate.selection.match: 'al' is no choice here; did you mean "
        "'all'?",
    ),
}


@pytest.mark.parametrize('case', CASES)
def test_a_mistake_is_one_line(case, place):
    text, line = CASES[case]
    place.write(text)
    assert place.problems() == [f'instanceha.yaml:{line}']


def test_all_problems_at_once_by_file_and_line(place):
    place.write(
        """\
        fencing:
          devices:
            a: {driver: bmc, port: x}
            b: {driver: bmx}
          hosts:
            c[1-2: a
            d: b
            e: f
        limits: {max_hosts_down: x}
        """
    )
    place.write('lock: 3\nnothing: 4', 'instanceha-secure.yml')
    assert [line.partition(': ')[0] for line in place.problems()] == [
        'instanceha.yaml:3',
        'instanceha.yaml:4',
        'instanceha.yaml:6',
        'instanceha.yaml:8',
        'instanceha.yaml:9',
        'instanceha-secure.yml:1',
        'instanceha-secure.yml:2',
    ]


@pytest.mark.parametrize('name', ['x' * 500, 'a\\e[31mb'])
def test_a_strange_key_does_not_spoil_the_line(name, place):
    place.write(f'"{name}": 1')
    (line,) = place.problems()
    assert line.isprintable()
    assert len(line) < 300


@pytest.mark.parametrize(
    'text',
    [
        'fencing: {devices: {a: {driver: bmc, password: *hunter2}}}',
        'fencing: {devices: {a: {driver: bmc, password: !hunter2 x}}}',
        'fencing: {devices: {a: {driver: bmc, password: !!hunter2 x}}}',
        'fencing: {devices: {a: {driver: bmc, password: !<hunter2 x}}}',
        'fencing: {devices: {a: {driver: bmc, password: {hunter2: 1}}}}',
        'fencing: {devices: {a: {driver: bmc, password: {hunter2: {4: }}}}}',
        'fencing: {devices: {a: {driver: bmc, password: {4711hunter2}}}}',
        'fencing: {devices: {a: {driver: bmc, password: [hunter2]}}}',
        'fencing: {devices: {a: {driver: bmc, password: "hunter2\\n"}}}',
        'fencing: {devices: {password: {driver: hunter2}}}',
        'fencing: {devices: {password: hunter2}}',
        'fencing: {hosts: {password: hunter2}}',
        'fencing: {hosts: {password: {device: hunter2}}}',
        'fencing: {hosts: {password: {password: hunter2}}}',
        'fencing: {hosts: {a: {driver: agent, parameters: {pwd: hunter2}}}}',
        'lock: redis://:hunter2@[',
        'lock: hunter2',
        'lock: [hunter2]',
        'password: hunter2: 3',
        'password: "hunter2',
        "password: 'hunter2' hunter2",
        'password: |hunter2',
        'password: &hunter2! x',
        '%TAG hunter2 x\n--- a',
    ],
)
def test_no_secret_is_in_a_problem(text, place):
    place.write(text)
    lines = place.problems()
    assert lines
    assert 'hunter2' not in '\n'.join(lines)
