"""python -m tests.cloud: a Nova cloud to try things on."""

from __future__ import annotations

import argparse
import contextlib
import os
import pathlib
import shutil
import signal
import sys
import tempfile
import threading
import time
import traceback
from typing import NoReturn

from tests.cloud import client
from tests.cloud import launcher
from tests.cloud import services
from tests.devices import chassis

WELCOME = """
The cloud is ready. In another shell:

    export PATH={bin}:$PATH
    export OS_CLIENT_CONFIG_FILE={state}/clouds.yaml OS_CLOUD=embedded
    export TESTS_CLOUD={state}{export}
    openstack compute service list --service nova-compute

A few servers to lose:

    openstack --os-compute-api-version 2.96 server create --host host1 \\
        --flavor small --image cirros --nic none --min 3 --max 3 --wait web
    openstack server list --long -c Name -c Status -c Host

{story}

Everything else: python -m tests.cloud.ctl --help
Ctrl-C stops the cloud{with_it}.
"""

#: The hosts have BMCs.
FENCED_BY_US = """\
The power of every host is below a BMC, and OS_INSTANCEHA_CONFIG says where:

    openstack host fencing list --check

The host they are on hangs, and its guests go on writing. It is switched off,
and they are evacuated:

    python -m tests.cloud.ctl crash --guests-survive host1
    openstack host evacuate host1 --fence --dry-run
    openstack host evacuate host1 --fence --allow-data-loss

(Or with "openstack host fence host1" first, and then without --fence.)

It comes back (switched on, cleaned up by Nova, up and enabled again):

    openstack host unfence host1"""

#: They have none.
FENCED_BY_HAND = """\
The host they are on crashes. Whoever fenced it marks it, and we evacuate it:

    python -m tests.cloud.ctl crash host1
    openstack compute service set --down host1 nova-compute
    openstack host evacuate host1 --dry-run
    openstack host evacuate host1 --allow-data-loss

It comes back (Nova cleans up first, then forced down may be lifted):

    python -m tests.cloud.ctl start host1
    openstack compute service set --up host1 nova-compute

(No host has a BMC: {why_not}.)"""


def stop_with_parent() -> None:
    """Whoever started this holds the other end of standard input."""

    def wait() -> None:
        sys.stdin.buffer.read()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, daemon=True).start()


def main() -> None:
    parser = argparse.ArgumentParser(
        prog='python -m tests.cloud', description=__doc__
    )
    parser.add_argument(
        '--state',
        type=pathlib.Path,
        metavar='DIR',
        help='keep everything here, also afterwards; must be empty or absent '
        '(default: a temporary directory)',
    )
    parser.add_argument(
        '--hosts',
        type=int,
        default=3,
        metavar='N',
        help='compute hosts, host1 to hostN (default: 3)',
    )
    parser.add_argument(
        '--report-interval',
        type=int,
        default=2,
        metavar='S',
        help='seconds between two heartbeats (default: 2)',
    )
    parser.add_argument(
        '--nova',
        type=pathlib.Path,
        default=os.environ.get('TESTS_NOVA_PYTHON', sys.executable),
        metavar='PYTHON',
        help='the Python of a virtual environment with the Nova to run '
        '(default: $TESTS_NOVA_PYTHON, or this one)',
    )
    parser.add_argument(
        '--devices',
        action=argparse.BooleanOptionalAction,
        help='a BMC for every host, and an instanceha.yaml in the state '
        'directory (default: if sushy-tools is installed; not with '
        '--quiet-ready)',
    )
    parser.add_argument(
        '--quiet-ready',
        action='store_true',
        help='print only READY and the state directory when it is ready, and '
        'stop when standard input is closed',
    )
    args = parser.parse_args()
    if args.state and args.state.exists() and any(args.state.iterdir()):
        parser.error(f'{args.state} is not empty')
    if args.devices and chassis.why_not():
        parser.error(f'--devices: {chassis.why_not()}')
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    if args.quiet_ready:
        stop_with_parent()
    run(args)


def why_no_devices(args: argparse.Namespace) -> str | None:
    """Why the hosts are to have no BMCs, if they are not."""
    if args.devices is None and args.quiet_ready:
        return '--quiet-ready'
    if args.devices is False:
        return '--no-devices'
    return chassis.why_not()


def welcome(state: pathlib.Path, why_not: str | None) -> str:
    """What to type in another shell.

    :param why_not: why the hosts have no BMCs, if they have none
    """
    config = f'\n    export OS_INSTANCEHA_CONFIG={state}/instanceha.yaml'
    return WELCOME.format(
        state=state,
        bin=pathlib.Path(sys.executable).parent,
        export='' if why_not else config,
        story=FENCED_BY_HAND.format(why_not=why_not)
        if why_not
        else FENCED_BY_US,
        with_it='' if why_not else ' and its BMCs',
    )


def run(args: argparse.Namespace) -> NoReturn:
    state = args.state or pathlib.Path(tempfile.mkdtemp(prefix='cloud-'))
    state.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    code = 1
    running = contextlib.ExitStack()
    try:
        cloud = launcher.Launcher(
            state, args.hosts, args.report_interval, args.nova
        )
        running.callback(cloud.stop)
        cloud.start()
        why_not = why_no_devices(args)
        if why_not is None:
            running.enter_context(
                chassis.of(client.Cloud(cloud.state), cloud.state)
            )
        if args.quiet_ready:
            print('READY', cloud.state, flush=True)
        else:
            print(welcome(cloud.state, why_not), flush=True)
            print('(%.0f s)' % (time.monotonic() - began), flush=True)
        signal.pause()
    except (KeyboardInterrupt, SystemExit):
        code = 0
    except services.StartError as exc:
        print(f'The cloud did not start: {exc}', file=sys.stderr)
    except Exception:
        traceback.print_exc()
    finally:
        # A second signal must not stop the stopping.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        running.close()
        sys.stdout.flush()
        sys.stderr.flush()
        if not args.state:
            shutil.rmtree(state)
        # Starting that failed may have left threads that wait for a service.
        os._exit(code)


if __name__ == '__main__':
    main()
