"""fence_instanceha as a program, as far as it needs no cloud."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from xml.etree import ElementTree

import pytest

from osc_instanceha.agents import fence
from osc_instanceha.agents import parameters


@pytest.fixture
def files(tmp_path):
    paths = {'clouds_file': 'clouds.yaml', 'config': 'instanceha.yaml'}
    for name in paths.values():
        (tmp_path / name).write_text('')
    return {name: str(tmp_path / path) for name, path in paths.items()}


@pytest.fixture
def agent(monkeypatch):
    """Runs it as Pacemaker does."""

    def run(**values):
        text = ''.join(f'{name}={value}\n' for name, value in values.items())
        monkeypatch.setattr(sys, 'stdin', io.StringIO(text))
        return fence.main([])

    return run


@pytest.mark.parametrize('how', ['lines', 'options'])
def test_it_describes_itself(agent, capsys, how):
    code = (
        agent(action='metadata')
        if how == 'lines'
        else fence.main(['-o', 'metadata'])
    )
    assert code == 0
    root = ElementTree.fromstring(capsys.readouterr().out)
    assert root.get('name') == 'fence_instanceha'
    found = {item.get('name'): item for item in root.iter('parameter')}
    assert list(found) == [item.name for item in parameters.PARAMETERS]
    assert [
        name for name, item in found.items() if item.get('required') == '1'
    ] == ['cloud']
    # Pacemaker looks for these to know what to call the host.
    assert found['plug'].get('obsoletes') == 'port'
    assert found['port'].get('deprecated') == '1'
    actions = {item.get('name') for item in root.iter('action')}
    assert actions == fence._ACTIONS.keys() - {'reboot'}
    assert not {name for name in found if 'pass' in name or 'secret' in name}


def test_on_does_nothing(agent):
    assert agent(action='on', port='host1') == 0


def test_a_monitor_looks_at_the_files(agent, files, capsys):
    assert agent(action='monitor', cloud='main', **files) == 0
    assert agent(action='monitor', **files) == 1
    for name, path in files.items():
        changed = {**files, name: path + '.away'}
        assert agent(action='monitor', cloud='main', **changed) == 1
        assert f'{name}: {path}.away: No such file' in capsys.readouterr().err


WRONG = [
    ({'action': 'list'}, "there is no action 'list'"),
    ({'action': 'off', 'cloud': 'x'}, 'plug is missing'),
    ({'action': 'off', 'port': 'host1'}, 'cloud is missing'),
    ({'action': 'status', 'cloud': 'x'}, 'plug is missing'),
    ({'action': 'off', 'off_timeout': 'x'}, 'off_timeout'),
]


@pytest.mark.parametrize(('values', 'words'), WRONG)
def test_wrong_usage_is_a_failure_and_never_off(agent, capsys, values, words):
    assert agent(**values) == fence.FAILED
    assert words in capsys.readouterr().err


def test_wrong_options_are_a_failure_and_never_off(capsys):
    with pytest.raises(SystemExit) as caught:
        fence.main(['--no-such-option'])
    assert caught.value.code == fence.FAILED


def test_an_unknown_parameter_is_not_shown(agent, capsys):
    assert agent(action='on', password='hunter2') == 0
    said = capsys.readouterr()
    assert 'hunter2' not in said.out + said.err


@pytest.mark.parametrize('action', ['metadata', 'monitor', 'on'])
def test_what_is_called_often_imports_little(files, action):
    code = (
        'import json, sys\n'
        'before = set(sys.modules)\n'
        'from osc_instanceha.agents import fence\n'
        'assert fence.main([]) == 0\n'
        'print(json.dumps(sorted(set(sys.modules) - before)))\n'
    )
    text = f'action={action}\ncloud=main\n' + ''.join(
        f'{name}={path}\n' for name, path in files.items()
    )
    ended = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', code],
        input=text,
        check=True,
        capture_output=True,
        text=True,
    )
    loaded = json.loads(ended.stdout.splitlines()[-1])
    assert {name.partition('.')[0] for name in loaded} <= {
        *sys.stdlib_module_names,
        'osc_instanceha',
    }


def test_it_ends_in_time_and_says_why(files):
    """Whatever it waits for: nothing in it has to notice that."""
    code = (
        'import sys, threading\n'
        'from osc_instanceha.agents import fence\n'
        'fence._within(0.1, threading.Event().wait, lambda: "too late")\n'
    )
    ended = subprocess.run(
        [sys.executable, '-c', code],
        capture_output=True,
        text=True,
    )
    assert ended.returncode == fence.FAILED
    assert 'too late' in ended.stderr


def test_a_configuration_is_validated_without_the_network(
    agent, files, tmp_path, capsys, monkeypatch
):
    for name in ('OS_CLIENT_CONFIG_FILE', 'OS_INSTANCEHA_CONFIG'):
        monkeypatch.setenv(name, '')
    (tmp_path / 'clouds.yaml').write_text(
        'clouds: {main: {auth: {auth_url: "http://127.0.0.1:1", username: u, '
        'password: p, project_name: x}}}'
    )
    config = tmp_path / 'instanceha.yaml'

    config.write_text('fencing: {hosts: {host1: {driver: manual}}}')
    assert agent(action='validate-all', cloud='main', **files) == 0

    assert agent(action='validate-all', cloud='other', **files) == 1
    assert 'other' in capsys.readouterr().err

    config.write_text('fencing: {hosts: {host1: {driver: nope}}}')
    assert agent(action='validate-all', cloud='main', **files) == 1
    assert 'nope' in capsys.readouterr().err

    config.write_text('evacuate: {retries: 1}')
    assert agent(action='validate-all', cloud='main', **files) == 1
    assert 'no fencing device' in capsys.readouterr().err
