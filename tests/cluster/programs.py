"""What a cluster is made of, and what is missing here."""

from __future__ import annotations

import ctypes
import os
import pathlib
import shutil
import subprocess

ROOT = pathlib.Path(__file__).parents[2]

#: Programs, and the Debian packages that bring them.
NEEDED = {
    'corosync': 'corosync',
    'pacemakerd': 'pacemaker',
    'stonith_admin': 'pacemaker',
    'crm_mon': 'pacemaker-cli-utils',
    'fence_redfish': 'fence-agents',
    'ip': 'iproute2',
    'nsenter': 'util-linux',
    'unshare': 'util-linux',
}

PATH = '/usr/sbin:/usr/bin:/sbin:/bin'

#: pacemaker-remote conflicts with pacemaker, so it is extracted:
#: apt-get download pacemaker-remote && dpkg -x pacemaker-remote_*.deb DIR
REMOTE_FOLDERS = (
    os.environ.get('PACEMAKER_REMOTE', ''),
    str(ROOT / '.tox' / 'pacemaker-remote'),
    '/',
)


def find(name: str) -> str | None:
    return shutil.which(name, path=PATH)


def remote() -> str | None:
    """The path of pacemaker-remoted."""
    for folder in filter(None, REMOTE_FOLDERS):
        path = os.path.join(folder, 'usr/sbin/pacemaker-remoted')
        if os.path.exists(path):
            return path
    return None


def missing() -> str:
    """Why no cluster can run here; empty if one can."""
    if os.geteuid() != 0:
        return 'a cluster needs root'
    absent = sorted(
        {package for name, package in NEEDED.items() if not find(name)}
    )
    if absent:
        return f'not installed: {", ".join(absent)}'
    if remote() is None:
        return (
            'no pacemaker-remoted: extract the package pacemaker-remote '
            'into .tox/pacemaker-remote, or name the folder in '
            'PACEMAKER_REMOTE'
        )
    done = subprocess.run(
        [
            'unshare',
            '-n',
            '-m',
            '-p',
            '--fork',
            'ip',
            'link',
            'add',
            'br0',
            'type',
            'bridge',
        ],
        capture_output=True,
        text=True,
    )
    if done.returncode:
        return f'no namespaces or no bridge here: {done.stderr.strip()}'
    return ''


def enter_network(pid: int) -> None:
    """Move this thread into the network of a process."""
    with open(f'/proc/{pid}/ns/net') as namespace:
        library = ctypes.CDLL(None, use_errno=True)
        # CLONE_NEWNET
        if library.setns(namespace.fileno(), 0x40000000):
            raise OSError(ctypes.get_errno(), 'setns')
