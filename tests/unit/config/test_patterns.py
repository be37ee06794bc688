from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys

import hypothesis
from hypothesis import strategies as st
import pytest

from osc_instanceha import exceptions
from osc_instanceha.config import patterns


@pytest.mark.parametrize(
    ('text', 'names'),
    [
        ('compute[01-03]', 'compute01 compute02 compute03'),
        ('compute[1,3-4]', 'compute1 compute3 compute4'),
        ('compute[9-11]', 'compute9 compute10 compute11'),
        ('compute[0-6/3]', 'compute0 compute3 compute6'),
        ('r[1-2]-c[8-9].dc1', 'r1-c8.dc1 r1-c9.dc1 r2-c8.dc1 r2-c9.dc1'),
        ('compute[1-5]!compute[2-4]', 'compute1 compute5'),
        ('b[1-2],a7', 'b1 b2 a7'),
        ('a[1-2]!a1,a1', 'a2 a1'),
        ('a1[0-2]', 'a10 a11 a12'),
        ('a[01-02]0', 'a010 a020'),
        # Just a name.
        ('compute', 'compute'),
        ('compute007.example.org', 'compute007.example.org'),
        ('a_b-c:d', 'a_b-c:d'),
        ('10.0.0.1', '10.0.0.1'),
    ],
)
def test_expand(text, names):
    assert patterns.expand(text) == tuple(names.split())


@pytest.mark.parametrize(
    'text',
    [
        *['', ' ', 'a b', 'a,b', 'a!b', 'a&b', 'a^b', '@a', 'a*', 'a?', 'a%s'],
        *['a[', 'a]', 'a[]', 'a[1', '[1]]', 'a[x]', 'a[1-]', 'a[-1]', 'a[1]['],
        *['@a[1-2]', '*[1-2]', 'a?[1]', 'a[1-3]&a1', 'a[1-3]^a1', 'a[1]%s'],
        *['a[1-2] ', ' a[1-2]', 'a[1-2],', '!a[1-2]', 'a[1-2]!', 'a[1-2],,b'],
        *['a[1-2][3-4]', 'a[3-1]', 'a[01-9]', 'a[1-3/0]', 'a[\u0661-\u0663]'],
        'a[1-2]' + '9' * 200,
        'a[1-10001]',
        'a[1-101]b[1-101]',
        'a[0-999999999/1]',
        '\u00e4',
        'a' * 256,
    ],
)
def test_only_what_is_documented(text):
    with pytest.raises(exceptions.InvalidInput):
        patterns.expand(text)


def _numbers(part):
    first, _, last = part.partition('-')
    for number in range(int(first), int(last or first) + 1):
        yield str(number).zfill(len(first) if first[0] == '0' else 0)


_NUMBERS = st.integers(0, 30)
_PART = st.builds(
    lambda first, length, width: f'{first:0{width}}-{first + length:0{width}}',
    _NUMBERS,
    st.integers(0, 4),
    # As wide as the widest: other padding is refused.
    st.just(2),
) | _NUMBERS.map(str)
_BRACKET = st.lists(_PART, min_size=1, max_size=3)
_LITERAL = st.sampled_from(['a', 'b-', '.x', 'c_'])


@hypothesis.given(
    st.lists(st.tuples(_LITERAL, _BRACKET), min_size=1, max_size=2), _LITERAL
)
def test_expands_as_a_person_reads_it(pieces, end):
    text = ''.join(
        f'{literal}[{",".join(parts)}]' for literal, parts in pieces
    )
    wanted = {
        ''.join(chosen) + end
        for chosen in itertools.product(
            *[
                [
                    literal + number
                    for part in parts
                    for number in _numbers(part)
                ]
                for literal, parts in pieces
            ]
        )
    }
    found = patterns.expand(text + end)
    assert set(found) == wanted
    assert len(found) == len(wanted)


@hypothesis.given(st.text(alphabet='a1[]-,!/@*%0', max_size=20))
def test_anything_is_expanded_or_refused(text):
    try:
        names = patterns.expand(text)
    except exceptions.InvalidInput:
        return
    assert names
    assert len(set(names)) == len(names)
    assert not any(set(name) & set('[],!@*%/') for name in names)


def _in_a_process(code, **env):
    return subprocess.run(
        [sys.executable, '-c', code],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_groups_of_this_machine_are_not_asked(tmp_path):
    (tmp_path / 'groups.conf').write_text(
        f'[Main]\ndefault: x\n[x]\nmap: touch {tmp_path}/asked\n'
        f'all: touch {tmp_path}/asked\nlist: touch {tmp_path}/asked\n'
    )
    code = (
        'import json\n'
        'from osc_instanceha.config import patterns\n'
        'print(json.dumps(patterns.expand("a[1-2]!b,a[3-4]")))'
    )
    found = _in_a_process(code, CLUSTERSHELL_CFGDIR=str(tmp_path))
    assert json.loads(found) == ['a1', 'a2', 'a3', 'a4']
    assert not (tmp_path / 'asked').exists()


def test_a_broken_defaults_conf_is_told(tmp_path):
    (tmp_path / 'defaults.conf').write_text('nonsense')
    code = (
        'from osc_instanceha import exceptions\n'
        'from osc_instanceha.config import patterns\n'
        'assert patterns.expand("a1") == ("a1",)\n'
        'try:\n'
        '    patterns.expand("a[1-2]")\n'
        'except exceptions.InvalidInput as error:\n'
        '    print(error)'
    )
    found = _in_a_process(code, CLUSTERSHELL_CFGDIR=str(tmp_path))
    assert 'defaults.conf' in found
