"""Drivers by their names."""

from __future__ import annotations

import pytest

from osc_instanceha import exceptions
from osc_instanceha.fencing import driver
from osc_instanceha.fencing import loading
from osc_instanceha.fencing import specification
from tests.unit.fencing import fakes

OURS = ['fence_agent', 'ipmi', 'ironic', 'manual', 'pacemaker', 'redfish']


def test_every_driver_of_this_package_is_found():
    assert set(OURS) <= set(loading.drivers())
    assert list(loading.drivers()) == sorted(loading.drivers())


@pytest.mark.parametrize('name', OURS)
def test_a_driver_describes_itself(name):
    kind = loading.find(name)
    assert issubclass(kind, driver.Driver)
    for text in (kind.summary, *(option.help for option in kind.options)):
        assert text
        assert '\n' not in text
        assert not text.endswith('.')
    names = [option.name for option in kind.options]
    common = [option.name for option in specification.COMMON]
    assert len({*names, *common}) == len(names) + len(common)
    for option in kind.options:
        assert not (option.required and option.default is not None)
        if option.choices and option.default is not None:
            assert option.default in option.choices


def test_whose_on_is_the_machines_own():
    """fence_agent knows it only of an agent and its parameters."""
    assert {name for name in OURS if loading.find(name).of_machine} == {
        'ipmi',
        'ironic',
        'redfish',
    }


def test_a_driver_that_there_is_not():
    with pytest.raises(exceptions.DriverNotFound, match='redfish') as caught:
        loading.find('redfisch')
    assert caught.value.driver == 'redfisch'
    assert set(OURS) <= set(caught.value.known)


def test_defaults_are_filled_in_and_do_not_win():
    assert loading.with_defaults(fakes.FakeDriver, {'password': 'x'}) == {
        'device': None,
        'password': 'x',
        'more': None,
    }


def test_the_common_options_say_what_a_specification_has():
    made = specification.Specification('n', 'd')
    assert {
        option.name: option.default for option in specification.COMMON
    } == {'timeout': made.timeout, 'power_timeout': made.power_timeout}
