"""openstack host unfence: exit codes, rows, words."""

from __future__ import annotations

import functools

import pytest

from osc_instanceha import model
from osc_instanceha.fencing import options as fencing_options
from osc_instanceha.osc import command
from osc_instanceha.osc.v1 import unfence
from tests.unit import builders
from tests.unit.fencing import console

run = functools.partial(console.Ran, unfence.UnfenceHost)

OURS = 'instanceha: fenced by bmc at now for test@here'


def fenced(scene, *names, reason=OURS):
    made = scene(
        services=[
            *(
                builders.service(name, disabled_reason=reason)
                for name in names or ('dead',)
            ),
            builders.living(),
        ]
    )
    for name in names or ('dead',):
        made.machine(name, on=False)
        made.add(host=name)
    return made


@pytest.mark.parametrize(
    'words', ['', 'h --timeout 0', 'h --lock-timeout -1', 'h --power-on']
)
def test_bad_words_are_usage_errors(words, capsys):
    with pytest.raises(SystemExit) as caught:
        run(words)
    assert caught.value.code == command.ExitCode.USAGE
    assert 'usage:' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('words', 'fields', 'lock_timeout'),
    [
        ('', {}, 60),
        ('--no-power-on', {'power_on': False}, 60),
        ('--timeout 100', {'timeout': 100}, 60),
        ('--lock-timeout 5', {}, 5),
    ],
)
def test_every_option_arrives(scene, words, fields, lock_timeout):
    ran = run(f'dead {words}', fenced(scene))
    assert ran.cloud.asked == [
        (
            ['dead'],
            fencing_options.UnfenceOptions(**fields),
            lock_timeout,
        )
    ]


@pytest.mark.parametrize(
    ('bad', 'code'),
    [((), 0), (('a',), 3), (('b',), 3), (('a', 'b'), 3)],
)
@pytest.mark.parametrize('how', ['silent', 'locked'])
def test_exit_codes_of_every_mixture(scene, bad, code, how):
    made = fenced(scene, 'a', 'b')
    for name in bad:
        if how == 'silent':
            made.levels[name][0][0].options['device'].silent = True
        else:
            made.lock.held.add(name)
    ran = run('a b -f json', made)
    assert ran.code == code
    assert {row['Host']: row['Outcome'] for row in ran.rows} == {
        name: 'failed' if name in bad else 'unfenced' for name in ('a', 'b')
    }
    for row in ran.rows:
        assert bool(row['Reason']) is (row['Outcome'] == 'failed')


@pytest.mark.parametrize('words', ['nope', 'dead dead'])
def test_an_error_before_anything_is_one_line(scene, words, caplog):
    made = fenced(scene)
    ran = run(f'{words} -f json', made)
    assert (ran.code, ran.out) == (1, '')
    (record,) = caplog.records
    assert '\n' not in record.getMessage()
    assert made.compute.changes == []


def test_a_host_that_stays_disabled_is_done_and_says_why(scene):
    ran = run(
        'dead -f json',
        fenced(scene, reason=f'{OURS}; disabled before: new disks'),
    )
    assert ran.code == 0
    (row,) = ran.rows
    assert row['Outcome'] == 'unfenced'
    assert row['Status'] == 'disabled'
    assert row['Disabled Reason'] == 'new disks'
    assert 'new disks' in row['Reason']


def test_json_is_complete(scene):
    ran = run('dead -f json', fenced(scene))
    (row,) = ran.rows
    (seen,) = row.pop('Evidence')
    assert seen['requested'] == seen['power_state'] == 'on'
    assert str(row.pop('Read At')).endswith('Z')
    assert isinstance(row.pop('Seconds'), float)
    assert row == {
        'Host': 'dead',
        'Outcome': 'unfenced',
        'Power State': 'on',
        'Device': 'bmc',
        'Forced Down': False,
        'Status': 'enabled',
        'Reason': '',
        'State': 'down',
        'Disabled Reason': None,
    }


def test_a_table_is_short(scene):
    ran = run('dead -f table', fenced(scene))
    head, row = ran.table
    assert len(head) <= 7
    assert row[:2] == ['dead', 'unfenced']
    assert 'None' not in ran.out


def test_what_stderr_says(scene):
    made = fenced(scene)
    made.compute.records.append(
        builders.evacuation(
            status=model.MigrationStatus.DONE, destination='spare'
        )
    )
    lines = run('dead', made).err.splitlines()
    assert lines[0].startswith('dead: bmc: on')
    assert lines[1:] == [
        'dead: waiting for nova-compute to clean up what was evacuated',
        'dead: unfenced',
    ]


def test_ctrl_c_leaves_a_report(scene):
    made = fenced(scene)
    made.compute.records.append(builders.evacuation())

    def interrupt():
        raise KeyboardInterrupt

    made.clock.at(100.0, interrupt)
    ran = run('dead -f json', made)
    assert ran.code == 130
    (row,) = ran.rows
    assert row['Outcome'] == 'failed'
    assert 'interrupted' in row['Reason']
    assert made.compute.changes == []
    assert not made.machines['dead'].running


def test_the_help_keeps_its_paragraphs_and_its_codes():
    text = console.help_of(unfence.UnfenceHost)
    assert '\n\nExit codes: ' in text
    flat = ' '.join(text.split())
    for code in '0123':
        assert f' {code} ' in flat


def test_no_option_of_ours_is_a_global_one():
    console.check_options(unfence.UnfenceHost)
