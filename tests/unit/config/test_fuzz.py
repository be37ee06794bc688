"""Whatever a file holds: a configuration, or problems; never a secret."""

from __future__ import annotations

import json
import pathlib
import tempfile
import traceback

import hypothesis
from hypothesis import strategies as st
import yaml

from osc_instanceha import exceptions
from osc_instanceha.config import config
from osc_instanceha.config import loading
from tests.unit.config import kinds

SECRET = 'hunter2'

WORDS = [
    *['cloud', 'auth_url', 'region_name'],
    *['lock', 'limits', 'max_hosts_down', 'evacuate', 'selection', 'tags'],
    *['properties', 'match', 'timeout', 'fencing', 'devices', 'hosts'],
    *['driver', 'device', 'address', 'parameters', 'verify', 'auth', 'port'],
    *['bmc', 'agent', 'person', 'a[1-3]', 'a[1-3]!a2', 'a1', '{short}', '{x}'],
    *['10%', '=b', 'file:///x', 'c[', 'true', 'lock_env', 'x_file'],
]
_SECRET_KEYS = ['password', 'passwd', 'token', 'community', 'secret']

_scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.dates()
    | st.binary(max_size=5)
    | st.text(max_size=8)
    | st.sampled_from(WORDS)
)
_keys = st.sampled_from(WORDS) | st.text(max_size=5) | st.integers()


def _containers(inner):
    secret = st.just(SECRET) | st.just([SECRET]) | st.just({SECRET: SECRET})
    return (
        st.lists(inner, max_size=3)
        | st.dictionaries(_keys, inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(_SECRET_KEYS),
            secret | st.dictionaries(_keys, secret, max_size=2),
            max_size=2,
        )
    )


_anything = st.recursive(_scalars, _containers, max_leaves=20)

_device = st.fixed_dictionaries(
    {'driver': st.sampled_from([*kinds.DRIVERS, 'nothing'])},
    optional={
        'address': _anything,
        'agent': _anything,
        'password': st.just(SECRET) | _anything.filter(bool),
        'parameters': st.dictionaries(_keys, _anything, max_size=3)
        | st.just({'passwd': SECRET}),
        'timeout': _anything,
    },
)
_item = st.sampled_from(['one', 'two']) | _device | _anything

#: Like a configuration, with anything in some places.
_likely = st.fixed_dictionaries(
    {},
    optional={
        'lock': _anything,
        'cloud': st.fixed_dictionaries(
            {}, optional={'auth_url': _anything, 'region_name': _anything}
        ),
        'limits': st.fixed_dictionaries({'max_hosts_down': _anything}),
        'evacuate': st.dictionaries(
            st.sampled_from(['selection', 'retries', 'timeout']),
            _anything | st.dictionaries(_keys, _anything, max_size=2),
            max_size=2,
        ),
        'fencing': st.fixed_dictionaries(
            {},
            optional={
                'devices': st.fixed_dictionaries(
                    {}, optional={'one': _device, 'two': _device}
                ),
                'hosts': st.dictionaries(
                    st.sampled_from(['a1', 'a[1-3]', 'b', 'b[1', '4']),
                    _item | st.lists(_item | st.lists(_item), max_size=3),
                    max_size=3,
                ),
            },
        ),
    },
)


def check(raw: bytes, *, name='instanceha.yaml', mode=0o600) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, name)
        path.write_bytes(raw)
        path.chmod(mode)
        environ = {
            'OS_INSTANCEHA_CONFIG': str(path),
            'OS_INSTANCEHA_SECURE_CONFIG': '/dev/null',
        }
        try:
            loaded = loading.load(environ, kinds.DRIVERS)
        except exceptions.InvalidConfig as error:
            assert error.problems
            for line in error.problems:
                assert line.startswith(str(path))
                assert line.isprintable()
            shown = ''.join(traceback.format_exception(error))
        else:
            assert isinstance(loaded, config.Config)
            shown = repr(loaded)
        assert SECRET not in shown


@hypothesis.given(_likely | _anything)
def test_any_data(data):
    check(yaml.safe_dump(data, allow_unicode=True).encode('utf-8', 'replace'))


@hypothesis.given(_likely | _anything)
def test_any_json(data):
    text = json.dumps(data, default=str, indent='\t')
    check(text.encode(), name='instanceha.json', mode=0o644)


@hypothesis.given(st.binary(max_size=200))
def test_any_bytes(raw):
    check(raw)


_PIECES = [
    *['password: ', f'{SECRET}', '- ', ': ', '\n', '\n  ', '[', ']', '{', '}'],
    *['*', '&', '!', '!!int ', '|', '>', '"', "'", '%', '@', '`', '#', '?'],
    *['<<: ', '&a ', '*a', '---\n', '...\n', '\t', ',', '\\x', '!<', '\ufeff'],
    *['fencing:', 'devices:', 'hosts:', 'driver: bmc', 'a', '1', '~', '='],
]


_syntax = st.lists(st.sampled_from(_PIECES), max_size=15).map(''.join)


@hypothesis.given(_syntax)
def test_any_syntax(text):
    # Where any text may be a key, so a key may be the secret.
    check(text.replace(SECRET, 'x').encode())


@hypothesis.given(_syntax)
def test_any_syntax_below_a_password(text):
    # Deeper than the key, or it would be no part of what is below it.
    below = text.replace('\n', '\n     ')
    check(f'fencing:\n devices:\n  a:\n   password: {below}'.encode())
