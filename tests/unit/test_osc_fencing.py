"""openstack host fencing list: every kind of problem, in rows."""

from __future__ import annotations

import functools

import pytest

from osc_instanceha.osc import command
from osc_instanceha.osc.v1 import fencing
from tests.unit import builders
from tests.unit.fencing import console

run = functools.partial(console.Ran, fencing.ListFencing)

WHO = ['Host', 'Level', 'Device', 'Driver', 'State', 'Status', 'Forced Down']
CHECKED = ['Power State', 'Seconds']


def fleet(scene):
    made = scene(
        services=[
            builders.living('good'),
            builders.living('bare'),
            builders.service('off', disabled_reason='instanceha: fenced x'),
        ]
    )
    made.add(host='good')
    made.machine('off', on=False)
    made.add(host='off')
    return made


@pytest.mark.parametrize(
    ('words', 'columns'),
    [
        ('-f table', [*WHO, 'Problem']),
        ('-f table --check', [*WHO, *CHECKED, 'Problem']),
        ('-f table --long', [*WHO, 'Problem', 'Disabled Reason']),
        (
            '-f table --long --check',
            [
                *WHO,
                *CHECKED,
                'Problem',
                'Disabled Reason',
                'Read At',
                'Evidence',
            ],
        ),
    ],
)
def test_columns(scene, words, columns):
    ran = run(words, fleet(scene))
    assert ran.table[0] == columns
    assert [row[0] for row in ran.table[1:]] == ['bare', 'good', 'off']
    assert 'None' not in ran.out


@pytest.mark.parametrize(
    'words', ['-c Typo', '-c Seconds', '--check -c Evidence']
)
def test_columns_that_there_are_not_are_usage_errors(words, caplog):
    assert run(words).code == command.ExitCode.USAGE


def test_json_is_complete(scene):
    ran = run('--check -f json', fleet(scene))
    bare, good, off = ran.rows
    assert list(good) == [
        *WHO,
        *CHECKED,
        'Problem',
        'Disabled Reason',
        'Read At',
        'Evidence',
    ]
    (seen,) = good.pop('Evidence')
    assert good.pop('Read At') == seen['read_at']
    assert seen['power_state'] == 'on'
    assert good == {
        'Host': 'good',
        'Level': 1,
        'Device': 'bmc',
        'Driver': 'bmc',
        'State': 'up',
        'Status': 'enabled',
        'Forced Down': False,
        'Power State': 'on',
        'Seconds': 0.0,
        'Problem': '',
        'Disabled Reason': None,
    }
    assert bare['Problem'] == 'no fencing device'
    assert bare['Device'] is bare['Power State'] is bare['Seconds'] is None
    assert bare['Evidence'] == []
    assert (off['State'], off['Power State']) == ('down', 'off')
    assert off['Disabled Reason'] == 'instanceha: fenced x'


def silent(made):
    made.levels['good'][0][0].options['device'].silent = True


def crossed(made):
    made.machines['good'].turn(False)


def on_again(made):
    made.machines['off'].turn(True)


def unknown(made):
    made.add(host='nobody')


@pytest.mark.parametrize(
    ('spoil', 'words'),
    [
        (silent, 'no route to host'),
        (crossed, 'another machine'),
        (on_again, 'host unfence off'),
        (unknown, 'no compute host has this name'),
    ],
)
def test_every_problem_is_an_exit_code_with_check(scene, spoil, words):
    made = fleet(scene)
    del made.compute.services_['bare']
    assert run('--check', made).code == 0
    spoil(made)
    ran = run('--check -f json', made)
    assert ran.code == command.ExitCode.INCOMPLETE
    (problem,) = [row['Problem'] for row in ran.rows if row['Problem']]
    assert words in problem
    assert made.compute.changes == []


def test_a_host_without_a_device_is_one_too(scene):
    assert run('--check', fleet(scene)).code == command.ExitCode.INCOMPLETE


def test_without_check_it_is_a_list_and_no_verdict(scene):
    made = fleet(scene)
    silent(made)
    ran = run('', made)
    assert ran.code == command.ExitCode.DONE
    assert ran.cloud.asked == [([], False)]
    assert made.levels['good'][0][0].options['device'].reads == 0
    assert ran.err == ''


def test_hosts_can_be_named(scene):
    ran = run('good --check -f json', fleet(scene))
    assert ran.cloud.asked == [(['good'], True)]
    assert [row['Host'] for row in ran.rows] == ['good']
    assert ran.code == 0


def test_a_name_that_is_no_hosts_is_an_error(scene, caplog):
    ran = run('nope', fleet(scene))
    assert (ran.code, ran.out) == (1, '')


def test_an_empty_cloud_is_an_empty_list(scene):
    ran = run('--check -f json', scene(services=[]))
    assert (ran.code, ran.rows) == (0, [])


def test_the_help_keeps_its_codes():
    flat = ' '.join(console.help_of(fencing.ListFencing).split())
    for code in '0123':
        assert f' {code} ' in flat


def test_no_option_of_ours_is_a_global_one():
    console.check_options(fencing.ListFencing)
