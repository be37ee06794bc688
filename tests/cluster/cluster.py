"""Controllers that run Pacemaker, and a remote node that they watch."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
import pathlib
import shutil
import time
from typing import TypeVar
from xml.etree import ElementTree

from tests.cluster import cib
from tests.cluster import machine
from tests.cluster import network
from tests.cluster import programs

REMOTE = 'cmp1'
_REMOTE_NUMBER = 11
_LOGS = '/var/log/pacemaker/pacemaker.log'
_PACEMAKER = {
    'PCMK_logfile': _LOGS,
    'PCMK_logfacility': 'none',
    'PCMK_debug': 'no',
}

T = TypeVar('T')


def wait_for(look: Callable[[], T], what: str, timeout: float = 60) -> T:
    """Wait until something is true, and return it."""
    until = time.monotonic() + timeout
    while not (found := look()):
        if time.monotonic() > until:
            raise TimeoutError(what)
        time.sleep(0.1)
    return found


class Cluster:
    """A running cluster, as a context manager.

    :param folder: for what it needs
    :param configuration: without the remote node, which is added
    :param controllers: how many
    :param remote: whether there is a remote node
    :param ports: of this machine's loopback, to be reached from within
    :param sbin: programs for /usr/sbin of the controllers, by their names
    :param ocf: resource agents, by provider and name
    """

    def __init__(
        self,
        folder: pathlib.Path,
        configuration: cib.Configuration,
        *,
        controllers: int = 1,
        remote: bool = True,
        ports: Iterable[int] = (),
        sbin: Mapping[str, pathlib.Path] | None = None,
        ocf: Mapping[str, pathlib.Path] | None = None,
    ) -> None:
        self.folder = folder
        self.names = [f'ctl{n + 1}' for n in range(controllers)]
        self.machines: dict[str, machine.Machine] = {}
        self._configuration = configuration
        self._remote = remote
        self._ports = list(ports)
        self._sbin = sbin or {}
        self._ocf = ocf or {}
        self._addresses = [
            f'{network.PREFIX}{n + 1}' for n in range(controllers)
        ]

    def __enter__(self) -> Cluster:
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        for made in self.machines.values():
            made.kill()
        if hasattr(self, '_network'):
            self._network.kill()

    def _start(self) -> None:
        self._network = network.Network(self.folder)
        if self._remote:
            self._configuration.remote(
                REMOTE, f'{network.PREFIX}{_REMOTE_NUMBER}'
            )
        for number, name in enumerate(self.names, 1):
            self._furnish(name)
            made = machine.Machine(name, self.folder / name)
            self.machines[name] = made
            self._network.connect(made, number)
            made.open_doors(self._ports)
        if self._remote:
            self.start_remote()
        for name in self.names:
            self._start_controller(self.machines[name])
        nodes = {*self.names, *([REMOTE] if self._remote else [])}
        wait_for(lambda: nodes <= self.online(), f'{nodes} online', timeout=90)

    def _furnish(self, name: str) -> None:
        for folder, files in (('sbin', self._sbin), ('ocf', self._ocf)):
            for path, source in files.items():
                target = self.folder / name / folder / path
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, target)
                target.chmod(0o755)

    def _start_controller(self, made: machine.Machine) -> None:
        made.path('/etc/corosync/corosync.conf').write_text(
            cib.corosync(self._addresses, self.names)
        )
        seed = made.path('/var/lib/pacemaker/cib/cib.xml')
        seed.write_text(self._configuration.xml())
        made.run(
            'chown', 'hacluster:haclient', '/var/lib/pacemaker/cib/cib.xml'
        )
        made.run('chmod', '600', '/var/lib/pacemaker/cib/cib.xml')
        made.run('corosync')
        wait_for(
            lambda: (
                made.run('corosync-cfgtool', '-s', code=None).returncode == 0
            ),
            'corosync',
        )
        made.start(
            'pacemakerd',
            log='pacemakerd.out',
            HA_cluster_type='corosync',
            **_PACEMAKER,
        )

    def start_remote(self) -> None:
        """Start the remote node, as when it has booted."""
        folder = self.folder / REMOTE
        if REMOTE in self.machines:
            self.machines[REMOTE].kill()
            shutil.rmtree(folder, ignore_errors=True)
        made = machine.Machine(REMOTE, folder)
        self.machines[REMOTE] = made
        self._network.connect(made, _REMOTE_NUMBER)
        program = programs.remote()
        assert program is not None
        made.start(program, log='remoted.out', **_PACEMAKER)

    def unplug_remote(self) -> None:
        """Its network fails; it goes on running."""
        self._network.unplug(_REMOTE_NUMBER)

    def controller(self) -> machine.Machine:
        """One that is alive."""
        return next(
            self.machines[name]
            for name in self.names
            if self.machines[name].alive
        )

    def run(self, *command: str, code: int | None = 0) -> str:
        """What a program of the cluster says."""
        return self.controller().run(*command, code=code).stdout

    def status(self) -> ElementTree.Element | None:
        done = self.controller().run(
            'crm_mon', '-1', '--output-as=xml', code=None
        )
        if done.returncode:
            return None
        return ElementTree.fromstring(done.stdout)

    def online(self) -> set[str]:
        """The nodes that the cluster counts as online."""
        root = self.status()
        if root is None:
            return set()
        return {
            node.get('name', '')
            for node in root.iterfind('nodes/node')
            if node.get('online') == 'true'
            and node.get('unclean') == 'false'
            and node.get('pending') == 'false'
        }

    def runs_on(self, resource: str) -> str | None:
        """The node that a resource runs on, by what the cluster says."""
        root = self.status()
        if root is None:
            return None
        for found in root.iter('resource'):
            if found.get('id') == resource and found.get('active') == 'true':
                node = found.find('node')
                return None if node is None else node.get('name')
        return None

    def history(self, target: str = REMOTE) -> list[dict[str, str]]:
        """What the cluster has done to a node, newest first."""
        done = self.controller().run(
            'stonith_admin',
            '--history',
            target,
            '--verbose',
            '--output-as=xml',
            code=None,
        )
        if done.returncode:
            return []
        root = ElementTree.fromstring(done.stdout)
        return [dict(event.attrib) for event in root.iter('fence_event')]

    def fenced(self, target: str = REMOTE) -> bool:
        """Whether the cluster has fenced a node."""
        return any(
            event['status'] == 'success' for event in self.history(target)
        )

    def program(self, name: str, folder: pathlib.Path) -> pathlib.Path:
        """A program of the first controller, callable from outside."""
        made = folder / name
        pid = self.machines[self.names[0]].pid
        made.write_text(
            f'#!/bin/sh\nexec nsenter -t {pid} -n -m -i -u -p -- '
            f'env PATH={programs.PATH} {name} "$@"\n'
        )
        made.chmod(0o755)
        return made

    def log(self, name: str, path: str = _LOGS) -> str:
        """A log of a machine, while it lives."""
        return self.machines[name].path(path).read_text(errors='replace')
