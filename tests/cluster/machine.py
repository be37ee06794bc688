"""A machine of the cluster: namespaces with a network of their own.

Its files are this machine's, but for those that the cluster's programs
write. When it is killed, all that runs on it is dead at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping
import contextlib
import os
import pathlib
import signal
import subprocess
import time

from tests.cluster import doors
from tests.cluster import programs

#: Folders that each machine has for itself.
OWN = (
    '/run',
    '/dev/shm',
    '/var/log',
    '/var/lib/pacemaker',
    '/var/lib/corosync',
    '/etc/corosync',
    '/etc/pacemaker',
)

_INIT = '''\
set -e
hostname {name}
for folder in {own}; do mount -t tmpfs tmpfs $folder; done
mkdir -p /run/crm /run/lock /var/log/pacemaker \\
    /var/lib/pacemaker/cib /var/lib/pacemaker/pengine \\
    /var/lib/pacemaker/blackbox /var/lib/pacemaker/cores
chown -R hacluster:haclient /run/crm /var/lib/pacemaker /var/log/pacemaker
chmod 770 /var/log/pacemaker
chmod 750 /var/lib/pacemaker/*
echo 'only for this test' > /etc/pacemaker/authkey
chown root:haclient /etc/pacemaker /etc/pacemaker/authkey
chmod 750 /etc/pacemaker
chmod 640 /etc/pacemaker/authkey
mkdir -p {folder}/over
mount -t tmpfs tmpfs {folder}/over
for pair in /usr/sbin:{folder}/sbin /usr/lib/ocf/resource.d:{folder}/ocf; do
    own=${{pair#*:}} shared=${{pair%%:*}}
    mkdir -p $own {folder}/over$shared/upper {folder}/over$shared/work
    cp -a $own/. {folder}/over$shared/upper
    mount -t overlay overlay -o lowerdir=$shared,upperdir=\
{folder}/over$shared/upper,workdir={folder}/over$shared/work $shared
done
ip link set lo up
echo ready > {folder}/ready
# Until whoever has started this ends. Not exec: the shell reaps what others
# leave behind.
cat > /dev/null
'''


class Machine:
    """One machine, running.

    :param folder: for what it needs; ``sbin`` and ``ocf`` in it are put over
        /usr/sbin and /usr/lib/ocf/resource.d
    """

    def __init__(self, name: str, folder: pathlib.Path) -> None:
        self.name = name
        self.folder = folder
        self._doors: doors.Doors | None = None
        for part in ('sbin', 'ocf'):
            (folder / part).mkdir(parents=True, exist_ok=True)
        script = folder / 'init'
        script.write_text(
            _INIT.format(name=name, folder=folder, own=' '.join(OWN))
        )
        self._log = (folder / 'init.log').open('w+')
        self._process = subprocess.Popen(
            [
                'unshare',
                '-n',
                '-m',
                '-i',
                '-u',
                '-p',
                '--fork',
                '--kill-child=KILL',
                '--mount-proc',
                '--propagation',
                'private',
                'sh',
                str(script),
            ],
            stdin=subprocess.PIPE,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
        )
        until = time.monotonic() + 20
        while not (folder / 'ready').exists():
            if self._process.poll() is not None or time.monotonic() > until:
                self.kill()
                raise RuntimeError((folder / 'init.log').read_text())
            time.sleep(0.02)
        # The first process in it; unshare itself stays outside.
        children = f'/proc/{self._process.pid}/task/{self._process.pid}'
        self.pid = int(pathlib.Path(children, 'children').read_text())

    def open_doors(self, ports: Iterable[int]) -> None:
        """Let it reach these ports of this machine's loopback."""
        self._doors = doors.Doors(self.pid, ports)

    def kill(self) -> None:
        """As when its power is cut."""
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._process.stdin.close()
        if self._doors is not None:
            self._doors.close()
        self._log.close()

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def start(
        self, *command: str, log: str = '/dev/null', **env: str
    ) -> subprocess.Popen[bytes]:
        """Start a program on it, with the environment of a service."""
        with open(self.folder / log, 'ab') as output:
            return subprocess.Popen(
                self._inside(command, env),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def run(
        self, *command: str, code: int | None = 0, timeout: float = 60
    ) -> subprocess.CompletedProcess[str]:
        """Run a program on it to its end.

        :param code: the exit code that it has to have; None for any
        """
        done = subprocess.run(
            self._inside(command, {}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        if code is not None and done.returncode != code:
            raise RuntimeError(
                f'{self.name}: {command} ended with {done.returncode}: '
                f'{done.stdout}{done.stderr}'
            )
        return done

    def path(self, path: str) -> pathlib.Path:
        """A file of it, as seen from outside."""
        return pathlib.Path(f'/proc/{self.pid}/root{path}')

    def _inside(
        self, command: Iterable[str], env: Mapping[str, str]
    ) -> list[str]:
        return [
            'nsenter',
            '-t',
            str(self.pid),
            '-n',
            '-m',
            '-i',
            '-u',
            '-p',
            '--',
            'env',
            '-i',
            f'PATH={programs.PATH}',
            'LANG=C.UTF-8',
            *(f'{name}={value}' for name, value in env.items()),
            *command,
        ]
