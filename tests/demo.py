"""The death of a host, and what becomes of its servers, told on a real Nova.

    python -m tests.demo

Each command is printed before its output, as a person would type it. Exits
with 0 only if every step did what it says.
"""

from __future__ import annotations

import json
import os
import pathlib
import shlex
import subprocess
import sys
import textwrap
import time

from tests.cloud import client

OPENSTACK = pathlib.Path(sys.executable).with_name('openstack')


class NotAsTold(Exception):
    """A step did not do what the story says."""


class Narrator:
    """Tells the story and types the commands."""

    def __init__(self, cloud: client.Cloud) -> None:
        clean = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith('OS_')
        }
        self.env = {
            **clean,
            **cloud.env(),
            'CLIFF_MAX_TERM_WIDTH': '100',
        }
        self.chapter = 0

    def tell(self, title: str, text: str) -> None:
        self.chapter += 1
        print(f'\n\n{self.chapter}. {title}\n')
        print(textwrap.fill(' '.join(text.split()), 78), flush=True)

    def type(self, command: str, code: int = 0) -> str:
        """Type a command; it has to end with this exit code."""
        print(f'\n$ openstack {command}', flush=True)
        process = subprocess.Popen(
            [str(OPENSTACK), *shlex.split(command)],
            env=self.env,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=sys.stdout,
        )
        output = process.communicate()[0]
        print(output.rstrip('\n'), flush=True)
        if process.returncode:
            print(f'(exit code {process.returncode})', flush=True)
        if process.returncode != code:
            raise NotAsTold(f'exit code {code} was expected')
        return output

    def require(self, truth: bool, what: str) -> None:
        if not truth:
            raise NotAsTold(what)


def furnish(cloud: client.Cloud) -> dict[str, str]:
    """Servers of every kind on host1; their ids by name."""
    kinds = {
        'database': {'volume_backed': True, 'tags': ['automatic-recovery']},
        'web': {'tags': ['automatic-recovery']},
        'protected': {'flavor': 'protected'},
        'watchdog': {'image': 'watchdog'},
        'volume': {'volume_backed': True, 'network': 'private'},
        'stopped': {'volume_backed': True, 'stopped': True},
        'paused': {'volume_backed': True, 'paused': True},
        'plain': {},
    }
    return {
        name: cloud.create_server(name, host='host1', **options)
        for name, options in kinds.items()
    }


def story(cloud: client.Cloud, narrator: Narrator) -> None:
    tell, type_, require = narrator.tell, narrator.type, narrator.require
    tell(
        'A cloud with three compute hosts',
        '''A real Nova, Keystone, Placement, Glance, Cinder and Neutron are
        running on this machine; only the hypervisor pretends. host1 runs
        servers of several owners: two are tagged "automatic-recovery" by
        their owner, one has a flavor that promises recovery, one an image
        with a watchdog; some boot from a volume, one is stopped, one
        paused.''',
    )
    ids = furnish(cloud)
    type_('server list --host host1 -c Name -c Status -c Image -c Flavor')

    tell(
        'host1 dies',
        '''Its power is gone. Nova itself does nothing about it: its servers
        stay where they were, and down. A monitor would call us now. But a
        host that is silent is not yet a host that is off: it may have lost
        its network only, and its servers may go on writing to their disks.
        So nothing is evacuated from a host that nobody has fenced.''',
    )
    cloud.crash('host1')
    type_('host evacuate host1 -c Name -c Status -c Outcome', code=4)
    require(not cloud.requests(match='"evacuate"'), 'nothing is evacuated')

    tell(
        'It is fenced',
        '''Somebody has cut its power, has seen it off, and says so to Nova:
        the host is "forced down".''',
    )
    type_('compute service set --down host1 nova-compute')

    tell(
        'What would happen?',
        '''A dry run changes nothing and gives every server with its reason.
        First it listens for a while, since a host that is marked as down
        and still reports to Nova would be alive. Servers that boot from a
        volume keep their data. Nobody has said what the disks of the others
        are on; if they died with host1, Nova would start these servers again
        from their image. So they are refused, for now.''',
    )
    type_(
        'host evacuate host1 --dry-run '
        '-c Name -c Status -c Data -c Action -c Reason',
        code=3,
    )

    tell(
        'The servers whose owners asked for it',
        '''By server tag. In this cloud the disks are on shared storage, and
        we say so; Nova checks it on the new host before it touches
        anything.''',
    )
    for host in cloud.hosts:
        cloud.shared_storage(host)
    type_(
        'host evacuate host1 --tag automatic-recovery --shared-storage '
        '-c Name -c Status -c Outcome -c Destination -c Reason'
    )
    for name in ('database', 'web'):
        row = cloud.server_row(ids[name])
        require(row['host'] != 'host1', f'{name} has left host1')
        require(row['vm_state'] == 'active', f'{name} is active')

    tell(
        'Those that were promised it',
        '''By a property of the flavor, or of the image.''',
    )
    type_(
        'host evacuate host1 --match any --shared-storage '
        '--flavor-property instanceha:evacuable=true '
        '--image-property hw_watchdog_action '
        '-c Name -c Status -c Outcome -c Destination'
    )

    tell(
        'All the rest, and JSON for a script',
        '''Without a selection it is every server that is left. What cannot
        be evacuated is named, with what to do, and the exit code says that
        something is left: 3.''',
    )
    output = type_('host evacuate host1 --shared-storage -f json', code=3)
    outcomes = {row['Name']: row['Outcome'] for row in json.loads(output)}
    require(
        outcomes
        == {
            'volume': 'evacuated',
            'stopped': 'evacuated',
            'plain': 'evacuated',
            'paused': 'refused',
        },
        'every server of host1 is accounted for',
    )
    require(
        cloud.server_row(ids['stopped'])['vm_state'] == 'stopped',
        'the stopped server is stopped again',
    )

    tell(
        'The paused one',
        '''Its memory died with the host. Once somebody has said that it is
        to be started anew, the same command finishes the job; it never asks
        twice for what has moved already.''',
    )
    type_('server set --state active --auto-approve paused')
    type_('host evacuate host1 -c Name -c Status -c Outcome -c Destination')
    type_('server list -c Name -c Status -c Networks --host host1')
    require(cloud.ran_twice() == [], 'no server ever ran on two hosts')

    tell(
        'host1 comes back',
        '''It is powered on. As it starts, its nova-compute cleans away what
        was evacuated; before that, Nova would not let us lift "forced
        down". Then it is up, and may take servers again.''',
    )
    cloud.start('host1')
    wait_completed(cloud)
    type_(
        '--os-compute-api-version 2.96 server migration list '
        '--type evacuation -c "Server UUID" -c "Dest Compute" -c Status'
    )
    type_('compute service set --up host1 nova-compute')
    type_('compute service list --service nova-compute -c Host -c State')
    require(cloud.service('host1')['state'] == 'up', 'host1 is up')
    require(cloud.ran_twice() == [], 'no server ever ran on two hosts')


def wait_completed(cloud: client.Cloud) -> None:
    client.wait_for(
        lambda: all(
            row['status'] == 'completed' for row in cloud.migrations()
        ),
        'the evacuations completed by host1',
    )


def main() -> int:
    began = time.monotonic()
    print('Starting a cloud; this takes about half a minute.', flush=True)
    with client.Cloud.launch(hosts=3) as cloud:
        narrator = Narrator(cloud)
        try:
            story(cloud, narrator)
        except NotAsTold as error:
            print(f'\nNOT AS TOLD: {error}', file=sys.stderr)
            return 1
    minutes, seconds = divmod(int(time.monotonic() - began), 60)
    print(
        f'\n\nEvery step did what it says. ({minutes} min {seconds} s; the '
        f'cloud is gone, nothing is left behind.)'
    )
    return 0


if __name__ == '__main__':
    sys.exit(main())
