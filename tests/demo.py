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
import tempfile
import textwrap
import time

from tests.cloud import client
from tests.devices import chassis

OPENSTACK = pathlib.Path(sys.executable).with_name('openstack')


class NotAsTold(Exception):
    """A step did not do what the story says."""


class Narrator:
    """Tells the story and types the commands.

    :param secret: what must not be told
    """

    def __init__(
        self, cloud: client.Cloud, config: pathlib.Path, secret: str
    ) -> None:
        clean = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith('OS_')
        }
        self.env = {
            **clean,
            **cloud.env(),
            'OS_INSTANCEHA_CONFIG': str(config),
            'CLIFF_MAX_TERM_WIDTH': '100',
        }
        self.chapter = 0
        self._secret = secret

    def tell(self, title: str, text: str) -> None:
        self.chapter += 1
        self._say(f'\n\n{self.chapter}. {title}\n')
        self._say(textwrap.fill(' '.join(text.split()), 78))

    def show(self, path: pathlib.Path) -> None:
        """Show a file."""
        self._say(f'\n$ cat {path.name}')
        self._say(path.read_text().rstrip('\n'))

    def type(self, command: str, code: int = 0) -> str:
        """Type a command; it has to end with this exit code."""
        self._say(f'\n$ openstack {command}')
        with tempfile.TemporaryFile('w+') as stdout:
            process = subprocess.Popen(
                [str(OPENSTACK), *shlex.split(command)],
                env=self.env,
                text=True,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=subprocess.PIPE,
            )
            with process:
                for line in process.stderr:
                    self._say(line.rstrip('\n'))
            stdout.seek(0)
            output = stdout.read()
        self._say(output.rstrip('\n'))
        if process.returncode:
            self._say(f'(exit code {process.returncode})')
        if process.returncode != code:
            raise NotAsTold(f'exit code {code} was expected')
        return output

    def require(self, truth: bool, what: str) -> None:
        if not truth:
            raise NotAsTold(what)

    def _say(self, text: str) -> None:
        self.require(self._secret not in text, 'the password stays secret')
        print(text, flush=True)


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


def story(
    cloud: client.Cloud, devices: chassis.Chassis, narrator: Narrator
) -> None:
    tell, type_, require = narrator.tell, narrator.type, narrator.require
    machine = devices.machine('host1')
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
        'Before the bad night',
        '''The power of the hosts is below a BMC that speaks Redfish. Which
        system of it is which host stands in a file. Whether that file is
        right is found out today, not when a host has died: every device is
        asked, and nothing is changed.''',
    )
    narrator.show(devices.config)
    type_(
        'host fencing list --check '
        '-c Host -c Device -c Driver -c State -c "Power State" -c Problem'
    )

    tell(
        'host1 hangs',
        '''Nova hears nothing of it any more, and does nothing about it. A
        monitor would call us now. But a host that is silent is not a host
        that is off: this one goes on running its servers, and they go on
        writing to their disks. Started a second time elsewhere, they would
        destroy them. So nothing is evacuated from a host that nobody has
        fenced.''',
    )
    cloud.crash('host1', guests_survive=True)
    require(cloud.running(ids['database']) == ['host1'], 'its guests go on')
    type_('host evacuate host1 -c Name -c Status -c Outcome', code=4)
    require(not cloud.requests(match='"evacuate"'), 'nothing is evacuated')

    tell(
        'What would happen?',
        '''A dry run changes nothing and gives every server with its reason.
        Servers that boot from a volume keep their data. Nobody has said what
        the disks of the others are on; if they died with host1, Nova would
        start these servers again from their image. So they are refused, for
        now.''',
    )
    type_(
        'host evacuate host1 --fence --dry-run '
        '-c Name -c Status -c Data -c Action -c Reason',
        code=3,
    )
    require(machine.power() == 'on', 'host1 is on')
    require(machine.requests() == [], 'its BMC was asked for nothing')

    tell(
        'Fenced, and the servers whose owners asked for it',
        '''One command: the BMC switches host1 off and is asked again until
        it says so, and Nova is told. For the time of a report, nova-compute
        must not be heard any more, either. Then the servers with the tag are
        evacuated. In this cloud the disks are on shared storage, and we say
        so; Nova checks it on the new host before it touches anything.''',
    )
    for host in cloud.hosts:
        cloud.shared_storage(host)
    type_(
        'host evacuate host1 --fence --tag automatic-recovery '
        '--shared-storage -c Name -c Outcome -c Destination -c Reason'
    )
    require(machine.power() == 'off', 'host1 is off, by the word of its BMC')
    require(machine.requests() == ['off'], 'its BMC was asked once')
    for name in ('database', 'web'):
        row = cloud.server_row(ids[name])
        require(row['host'] != 'host1', f'{name} has left host1')
        require(row['vm_state'] == 'active', f'{name} is active')
    type_(
        'compute service list --service nova-compute --long '
        '-c Host -c Status -c State -c "Disabled Reason"'
    )
    require(cloud.service('host1')['forced_down'] is True, 'Nova knows it')

    tell(
        'Those that were promised it',
        '''By a property of the flavor, or of the image. Every command can
        be given again at any moment: it continues where the last one
        stopped.''',
    )
    type_(
        'host evacuate host1 --fence --match any --shared-storage '
        '--flavor-property instanceha:evacuable=true '
        '--image-property hw_watchdog_action '
        '-c Name -c Outcome -c Destination'
    )

    tell(
        'All the rest, and JSON for a script',
        '''Without a selection it is every server that is left. What cannot
        be evacuated is named, with what to do, and the exit code says that
        something is left: 3.''',
    )
    output = type_(
        'host evacuate host1 --fence --shared-storage -f json', code=3
    )
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
    type_('host evacuate host1 --fence -c Name -c Outcome -c Destination')
    type_('server list -c Name -c Status -c Networks --host host1')
    require(machine.requests() == ['off'], 'host1 was off all the time')
    require(cloud.ran_twice() == [], 'no server ever ran on two hosts')

    tell(
        'host1 comes back',
        '''It is repaired. One command switches it on, waits until its
        nova-compute has cleaned away what was evacuated (before that, Nova
        would not let us lift "forced down"), waits until it is up, and lets
        it take servers again.''',
    )
    type_(
        'host unfence host1 '
        '-c Host -c Outcome -c "Power State" -c "Forced Down" -c Status'
    )
    type_(
        '--os-compute-api-version 2.96 server migration list '
        '--type evacuation -c "Server UUID" -c "Dest Compute" -c Status'
    )
    require(machine.power() == 'on', 'host1 is on, by the word of its BMC')
    require(machine.requests() == ['off', 'on'], 'off once, and on once')
    service = cloud.service('host1')
    require(service['state'] == 'up', 'host1 is up')
    require(service['status'] == 'enabled', 'host1 is enabled')
    require(service['forced_down'] is False, 'host1 is not forced down')
    require(
        {row['status'] for row in cloud.migrations()} == {'completed'},
        'everything that was evacuated is cleaned away',
    )
    require(cloud.ran_twice() == [], 'no server ever ran on two hosts')


def main() -> int:
    began = time.monotonic()
    print('Starting a cloud; this takes about half a minute.', flush=True)
    with (
        client.Cloud.launch(hosts=3) as cloud,
        chassis.of(cloud, cloud.state) as devices,
    ):
        narrator = Narrator(cloud, devices.config, devices.password)
        try:
            story(cloud, devices, narrator)
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
