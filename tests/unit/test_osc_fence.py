"""openstack host fence: exit codes for every mixture, rows, words."""

from __future__ import annotations

import functools
import itertools

import pytest

from osc_instanceha import exceptions
from osc_instanceha import options
from osc_instanceha.fencing import options as fencing_options
from osc_instanceha.osc import command
from osc_instanceha.osc.v1 import fence
from tests.unit import builders
from tests.unit.fencing import console
from tests.unit.fencing import fakes
from tests.unit.fencing import scene as scene_

run = functools.partial(console.Ran, fence.FenceHost)

Limit = options.HostLimit


# Words.


@pytest.mark.parametrize(
    'words',
    [
        '',
        '--force',
        'h --no-such',
        'h --max-hosts-down x',
        'h --max-hosts-down 101%',
        'h --report-interval 0',
        'h --lock-timeout -1',
        'h --lock-timeout x',
        'h --password x',
        'h -f nonsense',
    ],
)
def test_bad_words_are_usage_errors(words, capsys):
    with pytest.raises(SystemExit) as caught:
        run(words)
    assert caught.value.code == command.ExitCode.USAGE
    assert 'usage:' in capsys.readouterr().err


@pytest.mark.parametrize('words', ['h -c Typo', 'h -c Seconds'])
def test_columns_that_there_are_not_are_usage_errors(words, caplog):
    """Found out before anything is switched off."""
    ran = run(words)
    assert ran.code == command.ExitCode.USAGE
    assert ran.out == ''
    assert len(caplog.records) == 1


@pytest.mark.parametrize(
    'words', ['h -c Host', 'h --long -c Seconds', 'h -f json -c Evidence']
)
def test_columns_that_there_are_reach_the_cloud(words):
    with pytest.raises(AssertionError, match='touched'):
        run(words)


OPTIONS = [
    ('', {}, {}),
    ('--force', {}, {'force': True}),
    ('--confirm-off', {}, {'confirm_off': True}),
    ('--max-hosts-down 60%', {}, {'max_hosts_down': Limit(60, True)}),
    ('', {'max_hosts_down': Limit(7)}, {'max_hosts_down': Limit(7)}),
    (
        '--max-hosts-down 9',
        {'max_hosts_down': Limit(7)},
        {'max_hosts_down': Limit(9)},
    ),
    ('--report-interval 30', {}, {'report_interval': 30}),
    (
        '',
        {'evacuate': {'report_interval': 25}},
        {'report_interval': 25},
    ),
    (
        '--report-interval 30',
        {'evacuate': {'report_interval': 25}},
        {'report_interval': 30},
    ),
]


@pytest.mark.parametrize(('words', 'config', 'fields'), OPTIONS)
def test_every_option_arrives(scene, words, config, fields):
    made = scene()
    made.machine(on=False)
    made.add()
    ran = run(f'dead {words}', made, **config)
    (asked,) = ran.cloud.asked
    assert asked == (
        ['dead'],
        fencing_options.FenceOptions(**fields),
        False,
        60,
    )


def test_the_rest_arrives(scene):
    ran = run('dead --dry-run --lock-timeout 0', scene())
    ((_hosts, _options, dry_run, lock_timeout),) = ran.cloud.asked
    assert dry_run
    assert lock_timeout == 0


def test_a_limit_of_nothing_is_a_limit(scene, caplog):
    ran = run('dead --max-hosts-down 0', scene())
    assert ran.code == command.ExitCode.LIMIT
    assert ran.out == ''


# Exit codes.


def put(made, name, kind):
    """A host that ends in this way."""
    service = scene_.broken(name)
    if kind == 'refused':
        service = builders.living(name)
    made.compute.services_[name] = service
    made.compute.updated[name] = made.clock.now - service.quiet_for
    made.compute.reported[name] = made.compute.updated[name]
    if kind == 'refused':
        made.compute.report(name)
    made.add(host=name, stuck=kind == 'failed', silent=kind == 'silent')
    if kind == 'locked':
        made.lock.held.add(name)


#: Kind of a host's end, its code, and its outcome.
KINDS = {
    'fenced': (0, 'fenced'),
    'not_marked': (3, 'off, not marked'),
    'failed': (4, 'failed'),
    'locked': (4, 'failed'),
    'refused': (5, 'refused'),
}

#: The most serious first.
SERIOUS = [4, 5, 3, 0]


@pytest.mark.parametrize(
    'kinds',
    [
        kinds
        for count in (1, 2, 3)
        for kinds in itertools.combinations(KINDS, count)
    ],
    ids='-'.join,
)
def test_exit_codes_of_every_mixture(scene, kinds):
    made = scene(services=[builders.living()])
    mark_down = made.compute.mark_down

    def refuse(service, reason):
        if service.host == 'not_marked':
            raise exceptions.Forbidden('not allowed', code=403)
        return mark_down(service, reason)

    made.compute.mark_down = refuse
    for kind in kinds:
        put(made, kind, kind)
    ran = run(f'{" ".join(kinds)} -f json', made)
    assert [row['Host'] for row in ran.rows] == list(kinds)
    assert [row['Outcome'] for row in ran.rows] == [
        KINDS[kind][1] for kind in kinds
    ]
    codes = {KINDS[kind][0] for kind in kinds}
    assert ran.code == next(code for code in SERIOUS if code in codes)
    for row in ran.rows:
        assert bool(row['Reason']) is (row['Outcome'] != 'fenced')


@pytest.mark.parametrize(
    ('kind', 'words', 'code', 'outcome'),
    [
        ('fenced', '--dry-run', 0, 'can be fenced'),
        ('silent', '--dry-run', 4, 'failed'),
        ('refused', '--dry-run', 5, 'refused'),
        ('refused', '--force', 0, 'fenced'),
        ('fenced', '--confirm-off', 5, 'refused'),
        ('silent', '--confirm-off', 0, 'fenced'),
    ],
)
def test_exit_codes_of_options(scene, kind, words, code, outcome):
    made = scene(services=[builders.living()])
    put(made, 'h', kind)
    if kind == 'silent':
        made.machines['h'].turn(False)
    ran = run(f'h {words} -f json', made)
    assert ran.code == code
    (row,) = ran.rows
    assert row['Outcome'] == outcome
    if '--dry-run' in words:
        assert made.compute.changes == []


@pytest.mark.parametrize(
    ('words', 'code'),
    [
        ('nope', 1),
        ('dead dead', 1),
        ('dead --max-hosts-down 0', 5),
    ],
)
def test_an_error_before_anything_is_one_line(scene, words, code, caplog):
    made = scene()
    ran = run(f'{words} -f json', made)
    assert ran.code == code
    assert ran.out == ''
    (record,) = caplog.records
    assert '\n' not in record.getMessage()
    assert record.exc_info is None
    assert made.compute.changes == []


def test_a_cloud_that_is_away(scene):
    made = scene()
    made.compute.fail('services', 1)
    ran = run('dead -f json', made)
    assert (ran.code, ran.out) == (1, '')


def test_ctrl_c_leaves_a_report(scene):
    made = scene(services=[scene_.broken('h'), builders.living()])
    made.add(host='h', takes=30.0)

    def interrupt():
        raise KeyboardInterrupt

    made.clock.at(10.0, interrupt)
    ran = run('h -f json', made)
    assert ran.code == 130
    assert [row['Outcome'] for row in ran.rows] == ['failed']
    assert made.compute.changes == []
    assert not made.lock.held


def test_a_defect_denies_nothing_of_the_others(scene, caplog):
    made = scene(services=[builders.living()])
    for name in ('a', 'b'):
        put(made, name, 'fenced')
    read = made.compute.service

    def service(host):
        if host == 'b':
            raise ZeroDivisionError('oops')
        return read(host)

    made.compute.service = service
    ran = run('a b -f json', made)
    assert ran.code == 4
    assert [row['Outcome'] for row in ran.rows] == ['fenced', 'failed']
    assert 'oops' in caplog.text


# Rows.

COLUMNS = [
    'Host',
    'Outcome',
    'Power State',
    'Device',
    'Forced Down',
    'Status',
    'Reason',
]
MORE = ['State', 'Disabled Reason', 'Read At', 'Seconds', 'Evidence']


def test_json_is_complete_and_all_that_stdout_holds(scene):
    made = scene()
    made.add(detail='S5')
    ran = run('dead -f json', made)
    (row,) = ran.rows
    assert list(row) == COLUMNS + MORE
    (seen,) = row.pop('Evidence')
    assert str(row.pop('Read At')).endswith('Z')
    assert isinstance(row.pop('Seconds'), float)
    assert row == {
        'Host': 'dead',
        'Outcome': 'fenced',
        'Power State': 'off',
        'Device': 'bmc',
        'Forced Down': True,
        'Status': 'disabled',
        'Reason': '',
        'State': 'down',
        'Disabled Reason': 'instanceha: fenced by bmc at now for test@here',
    }
    assert list(seen) == [
        'device',
        'driver',
        'level',
        'requested',
        'power_state',
        'detail',
        'read_at',
        'seconds',
        'problem',
        'vouched',
        'fresh',
    ]
    assert seen['power_state'] == 'off'
    assert seen['detail'] == 'S5'
    assert 'fenced' in ran.err


def test_json_has_nulls_for_what_is_not_known(scene):
    ran = run('dead -f json', scene())
    (row,) = ran.rows
    assert row['Power State'] is None
    assert row['Device'] is None
    assert row['Evidence'] == []


def test_the_reason_comes_with_its_cure(scene):
    (row,) = run('dead -f json', scene()).rows
    assert row['Reason'] == (
        'instanceha.yaml names no fencing device for it. Add one, or see the '
        "host off and say so: 'openstack host fence --confirm-off dead'"
    )


@pytest.mark.parametrize(
    ('words', 'columns'),
    [
        ('', COLUMNS),
        ('--long', COLUMNS + MORE),
        ('-c Host -c Outcome', ['Host', 'Outcome']),
    ],
)
def test_a_table_is_for_people(scene, words, columns):
    made = scene()
    made.add(silent=True)
    ran = run(f'dead -f table {words}', made)
    head, row = ran.table
    assert head == columns
    assert row[:2] == ['dead', 'failed']
    assert 'None' not in ran.out
    assert '{' not in ran.out


@pytest.mark.parametrize('format_', ['json', 'table', 'yaml', 'csv', 'value'])
@pytest.mark.parametrize('debug', [False, True])
def test_no_secret_anywhere(scene, format_, debug, caplog):
    caplog.set_level(0)
    made = scene()
    made.add(error=ValueError(f'login {fakes.SECRET}'))
    ran = run(f'dead --long -f {format_}', made, debug=debug)
    assert '***' in ran.out
    for text in (ran.out, ran.err, caplog.text):
        assert 'tr0ub4dor' not in text


@pytest.mark.parametrize(('level', 'said'), [(0, False), (1, True)])
def test_quiet_is_quiet(scene, level, said):
    made = scene()
    made.add()
    ran = run('dead', made, verbose_level=level)
    assert bool(ran.err) is said
    assert 'fenced' in ran.out


def test_what_stderr_says(scene):
    made = scene()
    made.add(takes=2.0)
    lines = run('dead', made).err.splitlines()
    assert len(lines) == 4
    assert lines[0] == 'dead: waiting for its fencing devices'
    assert lines[1].startswith('dead: bmc: off')
    assert lines[2] == (
        'dead: forced down and disabled '
        '(instanceha: fenced by bmc at now for test@here)'
    )
    assert lines[3] == 'dead: fenced'


def test_the_help_keeps_its_paragraphs_and_its_codes():
    text = console.help_of(fence.FenceHost)
    assert '\n\nExit codes: ' in text
    flat = ' '.join(text.split())
    for code in '012345':
        assert f' {code} ' in flat


def test_no_option_of_ours_is_a_global_one():
    console.check_options(fence.FenceHost)
