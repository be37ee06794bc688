"""What ClusterLabs' own tools say of the agents, and of the documentation."""

from __future__ import annotations

from collections.abc import Iterator
import pathlib
import re
import shlex
import shutil

import pytest

from tests.cluster import cib
from tests.cluster import machine
from tests.cluster import programs
from tests.functional.monitors.pacemaker import conftest

PAGE = programs.ROOT / 'doc' / 'source' / 'admin' / 'pacemaker.rst'
SCHEMA = '/usr/share/cluster/relaxng/metadata.rng'


@pytest.fixture(scope='module')
def controller(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[machine.Machine]:
    """A machine on which the agents are installed; no cluster runs there."""
    folder = tmp_path_factory.mktemp('controller')
    (folder / 'sbin').mkdir()
    shutil.copy(conftest.BIN / 'fence_instanceha', folder / 'sbin')
    (folder / 'ocf' / 'osc-instanceha').mkdir(parents=True)
    shutil.copy(conftest.AGENT, folder / 'ocf' / 'osc-instanceha')
    (folder / 'clouds.yaml').write_text(
        'clouds: {recovery: {auth: {auth_url: "http://127.0.0.1:1", '
        'username: u, password: p, project_name: x}}}'
    )
    (folder / 'instanceha.yaml').write_text(
        'fencing: {hosts: {host1: {driver: manual}}}'
    )
    made = machine.Machine('ctl1', folder)
    yield made
    made.kill()


def need(program: str, package: str) -> None:
    if programs.find(program) is None:
        pytest.skip(f'{program} is not installed (package {package})')


def test_the_metadata_is_valid(controller):
    need('xmllint', 'libxml2-utils')
    document = controller.folder / 'metadata.xml'
    document.write_text(
        controller.run('fence_instanceha', '-o', 'metadata').stdout
    )
    controller.run('xmllint', '--noout', '--relaxng', SCHEMA, str(document))


def test_pacemaker_reads_it(controller):
    said = controller.run(
        'stonith_admin', '--metadata', '--agent', 'fence_instanceha'
    )
    assert 'name="off_timeout"' in said.stdout


@pytest.mark.parametrize(
    'what',
    [
        ('stonith', 'fence_instanceha'),
        ('resource', 'ocf:osc-instanceha:evacuate'),
    ],
)
def test_pcs_describes_it(controller, what):
    need('pcs', 'pcs')
    kind, agent = what
    said = controller.run('pcs', kind, 'describe', agent).stdout
    assert 'cloud (required): Name of the cloud in clouds.yaml' in said
    assert 'clouds_file: Path of clouds.yaml' in said


def test_pcs_lets_the_agent_validate_itself(controller):
    need('pcs', 'pcs')
    folder = controller.folder
    (folder / 'own.xml').write_text(cib.Configuration().xml())
    command = [
        'pcs',
        '-f',
        str(folder / 'own.xml'),
        'stonith',
        'create',
        '--agent-validation',
        'nova',
        'fence_instanceha',
        'cloud=recovery',
        f'clouds_file={folder}/clouds.yaml',
    ]
    missing = controller.run(*command, 'config=/nowhere.yaml', code=1)
    assert 'config: /nowhere.yaml: No such file' in missing.stderr
    controller.run(*command, f'config={folder}/instanceha.yaml')


def commands() -> list[str]:
    """The pcs commands of the documentation that configure a cluster."""
    text = PAGE.read_text()
    (part,) = re.findall(r'\.\. pcs-begin(.*)\.\. pcs-end', text, re.DOTALL)
    joined = re.sub(r'\\\n\s+', '', part)
    return re.findall(r'^\s+# (pcs .*)$', joined, re.MULTILINE)


def test_the_documented_commands_are_accepted(controller):
    need('pcs', 'pcs')
    configuration = controller.folder / 'documented.xml'
    configuration.write_text(cib.Configuration().xml())

    for command in commands():
        program, *arguments = shlex.split(command)
        controller.run(program, '-f', str(configuration), *arguments)

    text = configuration.read_text()
    assert len(commands()) == 10
    for name in ('power-cmp1', 'nova-1', 'nova-2', 'recovery'):
        assert f'<primitive id="{name}"' in text
    assert 'devices="power-cmp1,nova-1"' in text
    assert 'devices="pdu-cmp1,nova-2"' in text


def test_the_resource_agent_passes_ocf_tester(controller):
    need('ocf-tester', 'resource-agents')
    need('xmllint', 'libxml2-utils')
    agent = '/usr/lib/ocf/resource.d/osc-instanceha/evacuate'
    folder = controller.folder
    values = {
        'cloud': 'recovery',
        'clouds_file': folder / 'clouds.yaml',
        'config': folder / 'instanceha.yaml',
        'log_file': folder / 'log',
        'binary': conftest.BIN / 'osc-instanceha-recovery',
    }
    options = [
        part
        for name, value in values.items()
        for part in ('-o', f'{name}={value}')
    ]

    said = controller.run(
        'ocf-tester', '-n', 'recovery', *options, agent, timeout=120
    )

    assert 'passed all tests' in said.stdout


@pytest.fixture
def agent(controller: machine.Machine, tmp_path: pathlib.Path):
    """Calls the resource agent, as Pacemaker does."""
    program = tmp_path / 'program'

    def call(action: str, code: int | None = 0, **more: str) -> str:
        values = {
            'cloud': 'recovery',
            'clouds_file': str(controller.folder / 'clouds.yaml'),
            'config': str(controller.folder / 'instanceha.yaml'),
            'log_file': str(tmp_path / 'log'),
            'binary': str(conftest.BIN / 'osc-instanceha-recovery'),
            **more,
        }
        done = controller.run(
            'env',
            'OCF_ROOT=/usr/lib/ocf',
            'OCF_RESOURCE_INSTANCE=recovery',
            *(f'OCF_RESKEY_{name}={value}' for name, value in values.items()),
            '/usr/lib/ocf/resource.d/osc-instanceha/evacuate',
            action,
            code=code,
        )
        return done.stdout + done.stderr

    assert not program.exists()
    yield call
    call('stop')


SUCCESS, GENERIC, CONFIGURED, NOT_RUNNING = 0, 1, 6, 7
INSTALLED = 5


def sign(controller: machine.Machine) -> pathlib.Path:
    (path,) = controller.path('/run/resource-agents').glob('*.sign')
    return path


def test_it_runs_once(agent, controller):
    agent('monitor', NOT_RUNNING)
    agent('start')
    first = sign(controller).read_text().split()[0]
    agent('start')
    assert sign(controller).read_text().split()[0] == first
    agent('monitor')
    agent('stop')
    agent('monitor', NOT_RUNNING)
    agent('stop')


def test_a_process_that_was_killed_is_noticed(agent, controller):
    agent('start')
    process = sign(controller).read_text().split()[0]
    controller.run('kill', '-KILL', process)
    agent('monitor', NOT_RUNNING)
    assert 'ended by itself' in agent(
        'monitor', GENERIC, CRM_meta_interval='10000'
    )
    agent('start')
    assert sign(controller).read_text().split()[0] != process


def test_a_process_that_hangs_is_noticed_and_can_be_stopped(agent, controller):
    agent('start')
    process, moment = sign(controller).read_text().split()
    controller.run('kill', '-STOP', process)
    old = int(moment) - 700
    # As it would be ten minutes later.
    sign(controller).write_text(f'{process} {old}\n')
    assert 'no sign of life' in agent('monitor', GENERIC)
    # It hears no SIGTERM.
    agent('stop', CRM_meta_timeout='6000')
    agent('monitor', NOT_RUNNING)


@pytest.mark.parametrize(
    ('values', 'code', 'words'),
    [
        ({'cloud': ''}, CONFIGURED, 'cloud is not set'),
        ({'interval': 'soon'}, CONFIGURED, 'interval is no number'),
        ({'binary': '/nowhere'}, INSTALLED, 'no program /nowhere'),
        ({'config': '/nowhere'}, INSTALLED, '/nowhere cannot be read'),
    ],
)
def test_what_is_wrong_is_said(agent, values, code, words):
    for action in ('validate-all', 'start'):
        assert words in agent(action, code, **values)
    agent('monitor', NOT_RUNNING)


def test_what_cannot_be_understood_is_no_start(agent, controller):
    said = agent('start', GENERIC, cloud='other')
    assert 'it ended at once' in said
    agent('monitor', NOT_RUNNING)
