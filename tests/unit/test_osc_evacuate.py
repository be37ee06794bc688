"""The command, on a Nova that keeps its word: exit codes, rows, refusals."""

from __future__ import annotations

import io
import json
import logging
import types

import pytest

from osc_instanceha import exceptions
from osc_instanceha import options
from osc_instanceha import selection
from osc_instanceha.osc import command
from osc_instanceha.osc.v1 import evacuate
from tests.unit import builders
from tests.unit.fencing import scene as scene_

DEAD, SPARE = builders.DEAD, builders.SPARE


class Cloud:
    """The cloud that the command sees: a world of ours."""

    def __init__(self, world, **config):
        self.world = world
        self.config = config
        self.asked = []

    def project_id(self, project, domain=None):
        if project == 'nope':
            raise exceptions.ProjectNotFound(project, 'see the list')
        return f'id-{project}'

    def options(self, **fields):
        return options.Options(**{**self.config, **fields})

    def evacuate(self, hosts, chosen, how, *, dry_run, lock_timeout):
        self.asked.append((hosts, chosen, how, dry_run, lock_timeout))
        fields = {name: getattr(how, name) for name in vars(how)}
        return self.world.recovery(
            hosts, selection=chosen, dry_run=dry_run, **fields
        )


class Untouched:
    """A cloud that must not be asked for."""

    @staticmethod
    def get_configuration():
        return {}

    @property
    def instanceha(self):
        raise AssertionError('the cloud was touched')


def app(manager, *, verbose_level=1, debug=False):
    return types.SimpleNamespace(
        client_manager=manager,
        stdout=io.StringIO(),
        stderr=io.StringIO(),
        options=types.SimpleNamespace(
            debug=debug, verbose_level=verbose_level
        ),
        LOG=logging.getLogger('test'),
        prepare_to_run_command=lambda command: None,
    )


class Ran:
    def __init__(self, words, world=None, config=None, **fields):
        self.cloud = Cloud(world, **(config or {}))
        manager = (
            types.SimpleNamespace(
                instanceha=self.cloud, get_configuration=dict
            )
            if world
            else Untouched()
        )
        self.app = app(manager, **fields)
        made = evacuate.EvacuateHost(self.app, None)
        parser = made.get_parser('openstack host evacuate')
        self.code = made.run(parser.parse_args(words.split()))
        self.out = self.app.stdout.getvalue()
        self.err = self.app.stderr.getvalue()

    @property
    def rows(self):
        return json.loads(self.out)


# Words.

BAD = [
    '--no-such-option h',
    'h --tag',
    'h --tag a,b',
    'h --tag a/b',
    'h --any-tag ' + 'x' * 61,
    'h --not-tag a,b',
    'h --not-any-tag a/b',
    'h --flavor-property =x',
    'h --image-property k=',
    'h --property =',
    'h --match some',
    'h --max-in-flight 0',
    'h --max-in-flight -1',
    'h --max-in-flight many',
    'h --timeout 0',
    'h --timeout 1.5',
    'h --retries -1',
    'h --report-interval 0',
    'h --lock-timeout -1',
    'h --max-hosts-down 101%',
    'h --max-hosts-down x',
    'h --max-hosts-down -1',
    'h --wait --no-wait',
    'h --fence --already-fenced',
    'h -f nonsense',
]


@pytest.mark.parametrize('words', BAD)
def test_bad_words_are_usage_errors(words, capsys):
    with pytest.raises(SystemExit) as caught:
        Ran(words)
    assert caught.value.code == command.ExitCode.USAGE
    assert 'usage:' in capsys.readouterr().err


@pytest.mark.parametrize(
    'words',
    [
        '',
        'h --fenced',
        '--tag ha',
        'h -c Typo',
        'h -c Name -c Typo',
        'h -c Action',
        'h --dry-run -c Outcome',
        'h -c Attempts',
    ],
)
def test_words_that_do_not_go_together_are_usage_errors(words, caplog):
    ran = Ran(words)
    assert ran.code == command.ExitCode.USAGE
    assert ran.out == ''
    (record,) = caplog.records
    assert '\n' not in record.getMessage()


@pytest.mark.parametrize(
    'words',
    [
        'h -c Name -c Reason',
        'h --dry-run -c Action',
        'h --long -c Attempts',
        'h -f json -c attempts',
        'h -c name',
    ],
)
def test_columns_that_there_are_reach_the_cloud(words):
    with pytest.raises(AssertionError, match='touched'):
        Ran(words)


def asked(words, world):
    ran = Ran(words, world)
    ((hosts, chosen, how, dry_run, lock_timeout),) = ran.cloud.asked
    return hosts, chosen, how, dry_run, lock_timeout


def test_without_options_everything_is_as_documented(world):
    assert asked('dead', world()) == (
        ['dead'],
        None,
        options.Options(),
        False,
        None,
    )


@pytest.mark.parametrize(
    ('words', 'fields'),
    [
        ('--fence', {'fence': True}),
        ('--already-fenced', {'already_fenced': True}),
        ('--shared-storage', {'shared_storage': True}),
        ('--allow-data-loss', {'allow_data_loss': True}),
        ('--target-host spare', {'target_host': 'spare'}),
        ('--stopped', {'stopped': True}),
        ('--max-in-flight 3', {'max_in_flight': 3}),
        ('--max-hosts-down 3', {'max_hosts_down': options.HostLimit(3)}),
        (
            '--max-hosts-down 60%',
            {'max_hosts_down': options.HostLimit(60, True)},
        ),
        ('--timeout 100', {'timeout': 100}),
        ('--retries 0', {'retries': 0}),
        ('--report-interval 30', {'report_interval': 30}),
        ('--no-wait', {'wait': False}),
        ('--wait', {'wait': True}),
    ],
)
def test_every_option_arrives(world, words, fields):
    how = asked(f'dead {words}', world())[2]
    assert how == options.Options(**fields)


SAID = {
    'shared_storage': True,
    'max_in_flight': 5,
    'max_hosts_down': options.HostLimit(7),
    'timeout': 600,
    'retries': 9,
    'report_interval': 25,
}


def test_without_options_it_is_done_as_the_configuration_says(world):
    ran = Ran('dead', world(), SAID)
    assert ran.cloud.asked[0][2] == options.Options(**SAID)


@pytest.mark.parametrize(
    ('words', 'fields'),
    [
        ('--max-in-flight 3', {'max_in_flight': 3}),
        ('--max-hosts-down 3', {'max_hosts_down': options.HostLimit(3)}),
        ('--timeout 100', {'timeout': 100}),
        ('--retries 0', {'retries': 0}),
        ('--report-interval 30', {'report_interval': 30}),
    ],
)
def test_what_is_said_here_wins_over_the_configuration(world, words, fields):
    ran = Ran(f'dead {words}', world(), SAID)
    assert ran.cloud.asked[0][2] == options.Options(**{**SAID, **fields})


@pytest.mark.parametrize(
    ('words', 'chosen'),
    [
        ('', None),
        ('--match any', None),
        ('--all', selection.Selection()),
        ('--tag ha', selection.Selection(tags=frozenset({'ha'}))),
    ],
)
def test_all_is_not_the_default_selection(world, words, chosen):
    assert asked(f'dead {words}', world())[1] == chosen


def test_the_selection_and_the_rest_arrive(world):
    hosts, chosen, _how, dry_run, lock_timeout = asked(
        'dead --tag ha --project web --dry-run --lock-timeout 0', world()
    )
    assert hosts == ['dead']
    assert chosen == selection.Selection(
        tags=frozenset({'ha'}), projects=frozenset({'id-web'})
    )
    assert dry_run
    assert lock_timeout == 0


def test_fenced_means_no_names(world):
    assert asked('--fenced', world())[0] is None


# Exit codes.


def plain(make):
    return make(builders.server())


def failing(make):
    made = plain(make)
    made.compute.scripts = {'a': [builders.NO_HOST] * 9}
    return made


def hanging(make):
    made = make(builders.server('a'), builders.server('b'))
    made.compute.scripts = {
        'a': [builders.STUCK],
        'b': [builders.NO_HOST] * 9,
    }
    return made


def not_fenced(make):
    return make(
        builders.server(),
        services=[
            builders.living(DEAD, quiet_for=100.0),
            builders.living(),
        ],
    )


def coming_back(make):
    made = make(*[builders.server(f's{number}') for number in range(40)])
    made.clock.at(5.0, made.compute.report)
    return made


def one_of_two(make):
    return make(
        builders.server('a'),
        builders.server('b', host='dead2'),
        services=[
            builders.service(DEAD),
            builders.living('dead2', quiet_for=100.0),
            builders.living(),
        ],
    )


def locked(make):
    made = plain(make)
    made.lock.held.add(DEAD)
    return made


def away(make):
    made = plain(make)
    made.compute.fail('services', 9)
    return made


def half_away(make):
    made = plain(make)
    made.compute.fail('evacuations', 1)
    return made


def unseen(make):
    made = make(
        services=[
            builders.service('x', up=None, forced_down=None),
            builders.living(),
        ]
    )
    made.compute._shown = lambda item: item
    return made


CODES = [
    ('all evacuated', plain, 'dead', 0),
    ('nothing there', lambda make: make(), 'dead', 0),
    ('none is fenced', lambda make: make(services=[]), '--fenced', 0),
    ('only skipped', plain, 'dead --tag ha', 0),
    ('accepted', plain, 'dead --no-wait', 0),
    ('no such host', plain, 'nope', 1),
    ('host named twice', plain, 'dead dead', 1),
    ('no such project', plain, 'dead --project nope', 1),
    ('no such target', plain, 'dead --target-host nope', 1),
    ('another run', locked, 'dead', 1),
    ('no Nova', away, 'dead', 1),
    ('half a Nova', half_away, 'dead', 1),
    ('failed', failing, 'dead', 3),
    (
        'refused for its data',
        lambda make: make(builders.server(image_id='i')),
        'dead',
        3,
    ),
    (
        'selection unknown',
        lambda make: make(builders.server(tags=None)),
        'dead --tag ha',
        3,
    ),
    ('alive in the middle', coming_back, 'dead --max-in-flight 2', 3),
    ('a host that is not seen', unseen, '--fenced', 3),
    ('fenced, another run', locked, '--fenced', 3),
    ('not proven off', not_fenced, 'dead', 4),
    ('one host of two is not', one_of_two, 'dead dead2', 4),
    ('a limit', plain, 'dead --max-hosts-down 0', 5),
    ('unknown, and failed', hanging, 'dead --timeout 100', 6),
    ('dry run', plain, 'dead --dry-run', 0),
    (
        'dry run, one refused',
        lambda make: make(builders.server(image_id='i')),
        'dead --dry-run',
        3,
    ),
    ('dry run, skipped', plain, 'dead --dry-run --tag ha', 0),
    ('dry run, not proven off', not_fenced, 'dead --dry-run', 4),
    ('dry run, a limit', plain, 'dead --dry-run --max-hosts-down 0', 5),
    ('dry run, one not seen', unseen, '--fenced --dry-run', 3),
]


@pytest.mark.parametrize(
    ('make', 'words', 'code'),
    [case[1:] for case in CODES],
    ids=[case[0] for case in CODES],
)
def test_exit_codes(world, make, words, code, caplog):
    ran = Ran(f'{words} -f json', make(world))
    assert ran.code == code
    if code in (1, 5):
        # One clear line, and nothing that looks like a report.
        assert ran.out == ''
        (record,) = caplog.records
        assert '\n' not in record.getMessage()
        assert record.exc_info is None
        assert not ran.cloud.world.compute.changes
    else:
        json.loads(ran.out)
    if '--dry-run' in words:
        assert not ran.cloud.world.compute.changes


def test_exit_codes_never_change():
    assert {code.name: code.value for code in command.ExitCode} == {
        'DONE': 0,
        'ERROR': 1,
        'USAGE': 2,
        'INCOMPLETE': 3,
        'NOT_PROVEN_OFF': 4,
        'LIMIT': 5,
        'UNKNOWN': 6,
        'INTERRUPTED': 130,
        'TERMINATED': 143,
    }


@pytest.mark.parametrize(
    ('error', 'code'),
    [
        (exceptions.HostNotProvenOff('h', 'x', 'y'), 4),
        (exceptions.TooManyHostsDown(['h'], 1, '0'), 5),
        (exceptions.HostLocked('h', 0, 'x'), 1),
        (exceptions.Unreachable('x'), 1),
        (exceptions.InvalidInput('x'), 1),
    ],
)
def test_the_code_of_an_error(error, code):
    assert command.exit_code_of(error) == code


def test_a_traceback_is_for_debug_only(world, caplog):
    Ran('nope', plain(world), debug=True)
    (record,) = caplog.records
    assert record.exc_info is not None


def test_a_report_is_printed_after_ctrl_c(world):
    made = world(builders.server('a'), builders.server('b'))
    made.compute.scripts = {'a': [builders.STUCK]}

    def interrupt():
        raise KeyboardInterrupt

    made.clock.at(5.0, interrupt)
    ran = Ran('dead -f json --max-in-flight 1', made)
    assert ran.code == 130
    assert [row['Outcome'] for row in ran.rows] == ['unknown', 'failed']
    assert not made.lock.held


def test_a_defect_of_ours_in_the_middle_denies_nothing(world, caplog):
    made = world(builders.server('a'), builders.server('b'))

    def defect():
        raise ZeroDivisionError('oops')

    made.clock.at(30.0, defect)
    made.compute.scripts = {'b': [builders.STUCK]}
    ran = Ran('dead -f json', made)
    assert ran.code == 6
    assert [row['Outcome'] for row in ran.rows] == ['evacuated', 'unknown']
    assert 'oops' in caplog.text


def test_a_defect_before_anything_is_no_report(world):
    made = plain(world)

    def defect():
        raise ZeroDivisionError('oops')

    made.compute.services = defect
    with pytest.raises(ZeroDivisionError):
        Ran('dead', made)


def test_a_second_host_that_cannot_be_read_is_an_error_before_anything(world):
    made = one_of_two(world)
    read = made.compute.servers

    def servers(host):
        if host == 'dead2':
            raise exceptions.Unreachable('away')
        return read(host)

    made.compute.servers = servers
    ran = Ran('dead dead2 -f json', made)
    assert ran.code == 1
    assert ran.out == ''
    assert not made.compute.changes


# Rows.

RESULT = [
    'Server ID',
    'Name',
    'Host',
    'Status',
    'Data',
    'Outcome',
    'Destination',
    'Reason',
]
MORE = ['Project ID', 'Attempts', 'Request ID']


def mixed(make):
    return make(
        builders.server('a', tags=frozenset({'ha'})),
        builders.server('b'),
        builders.server('c', tags=frozenset({'ha'}), image_id='i'),
    )


def test_json_is_complete_and_all_that_stdout_holds(world):
    ran = Ran('dead --tag ha -f json', mixed(world))
    assert [list(row) for row in ran.rows] == [RESULT + MORE] * 3
    first, second, third = ran.rows
    assert first == {
        'Server ID': 'a',
        'Name': 'server-a',
        'Host': 'dead',
        'Status': 'ACTIVE',
        'Data': 'kept',
        'Outcome': 'evacuated',
        'Destination': 'spare',
        'Reason': '',
        'Project ID': 'project',
        'Attempts': 1,
        'Request ID': 'req-1',
    }
    assert second['Outcome'] == 'skipped'
    # Nothing is null for machines, and 0 a number.
    assert second['Destination'] is None
    assert second['Request ID'] is None
    assert second['Attempts'] == 0
    assert third['Outcome'] == 'refused'
    assert 'root disk' in third['Reason']
    assert 'server-a' in ran.err


def table(text):
    lines = [line for line in text.splitlines() if line.startswith('|')]
    return [
        [cell.strip() for cell in line.strip('|').split('|')] for line in lines
    ]


@pytest.mark.parametrize(
    ('words', 'columns'),
    [
        ('', RESULT),
        ('--long', RESULT + MORE),
        ('-c Name -c Outcome', ['Name', 'Outcome']),
    ],
)
def test_a_table_is_for_people(world, words, columns):
    ran = Ran(f'dead --tag ha -f table {words}', mixed(world))
    head, *rows = table(ran.out)
    assert head == columns
    assert len(rows) == 3
    assert 'None' not in ran.out
    assert [row[head.index('Outcome')] for row in rows] == [
        'evacuated',
        'skipped',
        'refused',
    ]


def test_a_dry_run_has_actions_in_place_of_outcomes(world):
    ran = Ran('dead --tag ha --dry-run -f json', mixed(world))
    expected = ['Action' if name == 'Outcome' else name for name in RESULT]
    assert list(ran.rows[0]) == expected + MORE
    assert [row['Action'] for row in ran.rows] == [
        'evacuate',
        'skip',
        'refuse',
    ]


def test_a_dry_run_of_a_host_that_is_not_off_says_what_would_be(world):
    ran = Ran('dead --dry-run -f json', not_fenced(world))
    (row,) = ran.rows
    assert row['Action'] == 'refuse'
    assert 'otherwise evacuate' in row['Reason']
    assert 'not forced down' in ran.err


def test_the_rows_add_up_to_the_hosts_list(world):
    made = coming_back(world)
    listed = {server.id for server in made.compute.servers(DEAD)}
    ran = Ran('dead --max-in-flight 2 -f json', made)
    assert {row['Server ID'] for row in ran.rows} == listed
    assert len(ran.rows) == len(listed)


@pytest.mark.parametrize(
    ('verbose_level', 'said'), [(0, False), (1, True), (2, True)]
)
def test_quiet_is_quiet(world, verbose_level, said):
    ran = Ran('dead', plain(world), verbose_level=verbose_level)
    assert bool(ran.err) is said
    assert 'evacuated' in ran.out


def test_the_help_says_that_the_host_is_dead_and_keeps_its_paragraphs():
    made = evacuate.EvacuateHost(app(Untouched()), None)
    text = made.get_parser('openstack host evacuate').format_help()
    assert 'DEAD' in text
    assert '\n\nExit codes: ' in text
    flat = ' '.join(text.split())
    for code in '0123456':
        assert f' {code} ' in flat


#: Global options of openstack: one of ours with such a name, or the
#: beginning of one, would be swallowed in silence.
GLOBAL = (
    '--insecure --verify --debug --timing --log-file --quiet --verbose '
    '--version --help --region --os-cloud --os-region-name --cacert --cert '
    '--key --default-domain --interface --service-provider --remote-project-id'
).split()


def test_no_option_of_ours_is_a_global_one_or_its_beginning():
    made = evacuate.EvacuateHost(app(Untouched()), None)
    parser = made.get_parser('openstack host evacuate')
    ours = {
        word
        for action in parser._actions
        for word in action.option_strings
        if word.startswith('--')
    } - {'--help'}
    for word in GLOBAL:
        assert not [name for name in ours if word.startswith(name)]
    assert not [name for name in ours if name.startswith('--os-')]
    # Secrets never come by the command line.
    assert not [name for name in ours if 'pass' in name or 'secret' in name]


# Fencing.


def armed(scene, **behaviour):
    made = scene(
        builders.server('a'),
        builders.server('b', host='dead2'),
        services=[
            scene_.broken(),
            scene_.broken('dead2'),
            builders.living(),
        ],
    )
    made.compute.report('spare')
    made.add(**behaviour)
    made.add(host='dead2')
    return made


@pytest.mark.parametrize(
    ('behaviour', 'words', 'code', 'outcomes'),
    [
        ({}, 'dead dead2 --fence', 0, ['evacuated', 'evacuated']),
        ({'stuck': True}, 'dead dead2 --fence', 4, ['refused', 'evacuated']),
        ({'silent': True}, 'dead --fence', 4, ['refused']),
        ({}, 'dead', 4, ['refused']),
    ],
)
def test_exit_codes_of_fencing(scene, behaviour, words, code, outcomes):
    made = armed(scene, **behaviour)
    ran = Ran(f'{words} -f json', made)
    assert ran.code == code
    assert [row['Outcome'] for row in ran.rows] == outcomes


@pytest.mark.parametrize(
    ('behaviour', 'words', 'code', 'actions'),
    [
        ({}, '--fence', 0, ['evacuate']),
        ({'silent': True}, '--fence', 4, ['refuse']),
        ({}, '', 4, ['refuse']),
    ],
)
def test_exit_codes_of_a_dry_run_of_fencing(
    scene, behaviour, words, code, actions
):
    made = armed(scene, **behaviour)
    ran = Ran(f'dead {words} --dry-run -f json', made)
    assert ran.code == code
    assert [row['Action'] for row in ran.rows] == actions
    assert made.compute.changes == []
    assert made.machine().running


def test_a_machine_that_says_on_is_told_of(scene):
    made = scene(builders.server('a'), services=[builders.service()])
    made.add()
    ran = Ran('dead -f json', made)
    assert ran.code == 4
    assert 'bmc says that it is on' in ran.err
    assert [row['Outcome'] for row in ran.rows] == ['refused']
    assert Ran('dead --already-fenced -f json', made).code == 0
