"""Configurations that somebody has torn, and some that are meant to hurt."""

from __future__ import annotations

import copy

import hypothesis
import pytest
import yaml

from tests.unit.config import test_fuzz
from tests.unit.generated import counting
from tests.unit.generated import dice as dice_
from tests.unit.generated import spoiling

_WHOLE = '''\
cloud: {auth_url: "http://keystone/v3", region_name: one}
lock: file:///run/locks
limits: {max_hosts_down: 10%}
evacuate:
  selection: {tags: [ha], match: any}
  retries: 2
  timeout: 600
fencing:
  devices:
    one: &one {driver: bmc, address: 192.0.2.1, password: hunter2}
    two: {<<: *one, address: 192.0.2.2, timeout: 20}
  hosts:
    a[1-3]: one
    b: [[one, two], {driver: bmc, address: 192.0.2.3, password: hunter2}]
'''
#: Without the secret: what is torn from its key may be a key itself.
_LINES = _WHOLE.replace('hunter2', 'x').splitlines(keepends=True)
_PIECES = (
    *(':', '- ', '\n', '  ', '\t', '[', ']', '{', '}', '&a ', '*a', '*one'),
    *('!!int ', '!!binary ', '!!python/name:os.system ', '!x ', '<<: ', '? '),
    *('---\n', '...\n', '%YAML 9.9\n', '"', "'", '|\n', '>-\n', '#', '~'),
    *('1e999999', '.nan', '0x' + 'f' * 300, '9' * 5000, '190:20:30', '\0'),
    *('2026-99-99', '\ufeff', '\u2028', '\ud83d', 'null', '\x7f', '{{', '..'),
)


def torn(dice):
    """The whole one, with lines and pieces in other places."""
    lines = list(_LINES)
    for _ in range(dice.number(3)):
        line = lines.pop(dice.number(len(lines)))
        for _again in range(dice.pick((0, 1, 2))):
            lines.insert(dice.number(len(lines) + 1), line)
    text = ''.join(lines)
    for _ in range(dice.number(3)):
        place = (dice.number(256) * 4 + dice.number(4)) % len(text)
        length = dice.pick((0, 1, 4))
        text = text[:place] + dice.pick(_PIECES) + text[place + length :]
    return text


@counting.times(5)
@hypothesis.given(dice_.rolled(torn, 20))
def test_any_configuration_that_is_torn(text):
    test_fuzz.check(text.encode('utf-8', 'surrogatepass'))


@counting.times(5)
@hypothesis.given(dice_.rolled(lambda dice: spoiling.inside(dice, WHOLE), 20))
def test_any_configuration_with_something_odd_in_it(data):
    test_fuzz.check(yaml.safe_dump(data).encode())


WHOLE = copy.deepcopy(yaml.safe_load(_WHOLE))


def _laughs(open_, inner, close):
    """A billion of them, if each name is replaced by what it stands for."""
    return 'a0: &a0 x\n' + ''.join(
        f'a{n + 1}: &a{n + 1} {open_}'
        + ', '.join(inner.format(i, n) for i in range(9))
        + f'{close}\n'
        for n in range(10)
    )


BOMBS = {
    'a billion laughs': _laughs('[', '*a{1}', ']'),
    'a billion keys': _laughs('{{', 'k{0}: *a{1}', '}}').replace('{{', '{'),
    'a billion merges': 'a: &a0 {x: 1}\n'
    + ''.join(
        f'b{n}: &a{n + 1} {{<<: [{", ".join([f"*a{n}"] * 9)}]}}\n'
        for n in range(10)
    ),
    'deep lists': 'a: ' + '[' * 1000 + ']' * 1000,
    'deep blocks': '- ' * 2000 + 'a',
    'deep maps': '{a: ' * 1000,
    'a list in itself': 'a: &a [*a]',
    'a map in itself': 'a: &a {b: *a}',
    'a map merged into itself': 'a: &a {<<: *a}',
    'a name of nothing': 'lock: *nothing',
    'a key twice': 'lock: file:///a\nlock: file:///b',
    'two documents': 'lock: file:///a\n---\nlock: file:///b',
    'a list as a key': '? [a]\n: b',
    'a set': 'evacuate: !!set {a, b}',
    'a program': 'evacuate: !!python/object/apply:os.system ["true"]',
    'billions of hosts': 'fencing: {hosts: {"a[1-99999999]": one}}',
    'billions of hosts, twice': (
        'fencing: {hosts: {"a[1-9][1-99999][1-99999]": one}}'
    ),
    'a number without end': 'evacuate: {retries: ' + '9' * 9000 + '}',
    'a number in base 16': 'evacuate: {retries: 0x' + 'f' * 9000 + '}',
    'a number in base 60': 'evacuate: {retries: 59' + ':59' * 999 + '}',
    'infinity': 'evacuate: {timeout: .inf}',
    'not a number': 'evacuate: {timeout: .nan}',
    'no day': 'evacuate: {timeout: 2026-99-99}',
    'no zone': 'evacuate: {timeout: 2026-01-01T00:00:00+99:99}',
}


@pytest.mark.parametrize('text', BOMBS.values(), ids=BOMBS)
def test_what_is_meant_to_hurt(text):
    test_fuzz.check(text.encode())


@pytest.mark.parametrize('coding', ['latin-1', 'utf-16', 'utf-32', 'cp037'])
def test_another_encoding(coding):
    test_fuzz.check('lock: file:///\xe9\xff'.encode(coding))
