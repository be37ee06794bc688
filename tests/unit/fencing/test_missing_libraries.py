"""A driver whose library is not installed says how to get it."""

from __future__ import annotations

import importlib.util
import sys

import pytest

from osc_instanceha import exceptions
from osc_instanceha.fencing import driver
from osc_instanceha.fencing import loading

OPTIONS = {
    'redfish': {
        'address': 'https://192.0.2.10',
        'system': '/redfish/v1/Systems/1',
    },
    'ipmi': {'address': '192.0.2.10'},
}


@pytest.mark.parametrize(
    ('name', 'library'), [('redfish', 'sushy'), ('ipmi', 'pyghmi')]
)
def test_names_the_extra(name, library, monkeypatch):
    find_spec = importlib.util.find_spec
    monkeypatch.setitem(sys.modules, library, None)
    monkeypatch.setattr(
        importlib.util,
        'find_spec',
        lambda wanted: None if wanted == library else find_spec(wanted),
    )
    kind = loading.find(name)
    options = {**OPTIONS[name], 'username': 'admin', 'password': 's3cr3t'}

    with pytest.raises(exceptions.MissingLibrary) as caught:
        kind(driver.Target('host1'), loading.with_defaults(kind, options))

    assert caught.value.extra == name
    assert f'pip install osc-instanceha[{name}]' in str(caught.value)
