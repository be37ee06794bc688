"""osc-instanceha-recovery as a program, as far as it needs no cloud."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from osc_instanceha.agents import recovery
from osc_instanceha.agents import sign


def test_a_sign_says_who_lives_and_when(tmp_path):
    path = tmp_path / 'sign'
    made = sign.Sign(str(path))
    made.give()
    made.give()
    process, moment = path.read_text().split()
    assert int(process) == os.getpid()
    with open('/proc/uptime') as uptime:
        assert abs(float(uptime.read().split()[0]) - int(moment)) < 60
    assert [item.name for item in tmp_path.iterdir()] == ['sign']
    made.withdraw()
    made.withdraw()
    assert not path.exists()


def test_a_sign_is_given_whenever_somebody_waits(tmp_path, naps):
    path = tmp_path / 'sign'
    sign.Clock(sign.Sign(str(path))).sleep(3.0)
    assert path.exists()
    assert naps == [3.0]


def test_nobody_reads_it():
    sign.Sign(None).give()


def command(tmp_path, cloud):
    (tmp_path / 'clouds.yaml').write_text(
        'clouds: {main: {auth: {auth_url: "http://127.0.0.1:1", username: u, '
        'password: p, project_name: x}}}'
    )
    (tmp_path / 'instanceha.yaml').write_text('')
    return [
        sys.executable,
        '-W',
        'ignore',
        '-c',
        'from osc_instanceha.agents import recovery as r; exit(r.main())',
        f'--cloud={cloud}',
        f'--clouds-file={tmp_path}/clouds.yaml',
        f'--config={tmp_path}/instanceha.yaml',
        f'--sign={tmp_path}/sign',
    ]


def test_it_ends_as_told(tmp_path):
    """Also where the cloud does not answer."""
    path = tmp_path / 'sign'
    with subprocess.Popen(
        command(tmp_path, 'main'), stderr=subprocess.PIPE, text=True
    ) as process:
        said = ''
        while 'error: ' not in said:
            said = process.stderr.readline()
            assert said
        assert path.read_text().split()[0] == str(process.pid)
        process.send_signal(signal.SIGTERM)
        assert 'ended as told' in process.stderr.read()
    assert process.returncode == 0
    assert not path.exists()


def test_what_it_cannot_understand_is_said_before_any_sign(tmp_path):
    with subprocess.Popen(
        command(tmp_path, 'other'), stderr=subprocess.PIPE, text=True
    ) as process:
        said = process.stderr.read()
    assert process.returncode == 1
    assert 'other' in said
    assert 'Traceback' not in said
    assert not (tmp_path / 'sign').exists()


@pytest.mark.parametrize(
    'options',
    [[], ['--cloud=x', '--interval=soon'], ['--cloud=x', '--interval=0']],
)
def test_wrong_options(options, capsys):
    with pytest.raises(SystemExit) as caught:
        recovery.main(options)
    assert caught.value.code == 2
