"""openstack host fencing driver list and show: without any cloud."""

from __future__ import annotations

import functools

import pytest

from osc_instanceha.fencing import loading
from osc_instanceha.osc import command
from osc_instanceha.osc.v1 import fencing_driver
from tests.unit.fencing import console

list_ = functools.partial(console.Ran, fencing_driver.ListDriver)
show = functools.partial(console.Ran, fencing_driver.ShowDriver)


def test_the_list_has_every_driver():
    ran = list_('-f json')
    assert ran.code == command.ExitCode.DONE
    assert [row['Name'] for row in ran.rows] == list(loading.drivers())
    assert list(ran.rows[0]) == ['Name', 'Description', 'Extra']
    extras = {row['Name']: row['Extra'] for row in ran.rows}
    assert extras['redfish'] == 'redfish'
    assert extras['manual'] is None
    assert all(row['Description'] for row in ran.rows)


def test_a_table_is_for_people():
    ran = list_('-f table')
    assert 'None' not in ran.out


@pytest.mark.parametrize('name', list(loading.drivers()))
def test_every_driver_can_be_shown(name):
    ran = show(f'{name} -f json')
    assert ran.code == command.ExitCode.DONE
    assert list(ran.rows[0]) == [
        'Option',
        'Type',
        'Required',
        'Default',
        'Secret',
        'Description',
    ]
    options = [row['Option'] for row in ran.rows]
    kind = loading.find(name)
    assert options == [
        *(option.name for option in kind.options),
        'timeout',
        'power_timeout',
    ]


def test_secrets_are_marked_and_choices_are_shown():
    rows = {row['Option']: row for row in show('redfish -f json').rows}
    assert [name for name, row in rows.items() if row['Secret']]
    assert rows['timeout']['Type'] == 'integer'
    assert rows['timeout']['Default'] == 10
    for option in loading.find('redfish').options:
        if option.choices:
            assert rows[option.name]['Type'] == '|'.join(option.choices)


def test_a_driver_that_there_is_not_names_those_that_there_are(caplog):
    ran = show('redfisch')
    assert (ran.code, ran.out) == (1, '')
    assert 'redfish' in caplog.text
    assert len(caplog.records) == 1


def test_no_name_is_a_usage_error(capsys):
    with pytest.raises(SystemExit):
        show('')


@pytest.mark.parametrize(
    'kind', [fencing_driver.ListDriver, fencing_driver.ShowDriver]
)
def test_no_option_of_ours_is_a_global_one(kind):
    console.check_options(kind)
