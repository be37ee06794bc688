"""python -m tests.cloud.ctl: do things to a cloud that an API cannot."""

from __future__ import annotations

import argparse
import json
import os
import sys

from tests.cloud import client


def parser() -> argparse.ArgumentParser:
    root = argparse.ArgumentParser(
        prog='python -m tests.cloud.ctl', description=__doc__
    )
    root.add_argument(
        '--state',
        default=os.environ.get('TESTS_CLOUD'),
        metavar='DIR',
        help='the state directory of the cloud (default: $TESTS_CLOUD)',
    )
    verbs = root.add_subparsers(dest='verb', required=True)

    def verb(name: str, help: str, *arguments: str) -> argparse.ArgumentParser:
        added = verbs.add_parser(name, help=help)
        for argument in arguments:
            added.add_argument(argument)
        return added

    verb(
        'crash', 'nova-compute and the guests of a host end', 'host'
    ).add_argument('--guests-survive', action='store_true')
    verb('start', 'a new nova-compute starts on a crashed host', 'host')
    spawn = verb('spawn', 'make spawns on a host slow, or fail', 'host')
    spawn.add_argument('--delay', type=float, help='seconds')
    spawn.add_argument('--fail', type=int, help='how many spawns')
    spawn.add_argument(
        '--fail-claims', type=int, help='how many claims of an evacuation'
    )
    verb('hold', 'spawns wait until released').add_argument('host', nargs='*')
    verb('release', 'let held spawns go on').add_argument('host', nargs='*')
    verb(
        'shared-storage', 'whether a host finds all disks', 'host'
    ).add_argument('on', choices=('on', 'off'))
    verb('cap', 'set the newest microversion').add_argument(
        'microversion', nargs='?'
    )
    verb('cell-down', 'cell1 does not answer').add_argument(
        'on', choices=('on', 'off')
    )
    verb('hosts', 'what the hosts are up to')
    verb('guests', 'when each guest ran, where, and which ran twice')
    verb('requests', 'what the Compute API was asked')
    verb('reset', 'everything as it was when the cloud was new')
    return root


def run(cloud: client.Cloud, args: argparse.Namespace) -> object:
    match args.verb:
        case 'crash':
            cloud.crash(args.host, args.guests_survive)
        case 'start':
            cloud.start(args.host)
        case 'spawn':
            cloud.spawn(
                args.host,
                delay=args.delay,
                fail=args.fail,
                fail_claims=args.fail_claims,
            )
        case 'hold':
            cloud.hold(*args.host)
        case 'release':
            cloud.release(*args.host)
        case 'shared-storage':
            cloud.shared_storage(args.host, args.on == 'on')
        case 'cap':
            cloud.cap(args.microversion)
        case 'cell-down':
            cloud.cell_down(args.on == 'on')
        case 'hosts' | 'guests' | 'requests':
            return cloud.control('GET', args.verb)
        case 'reset':
            return cloud.reset()
    return None


def main() -> None:
    arguments = parser()
    args = arguments.parse_args()
    if not args.state:
        arguments.error('which cloud? set TESTS_CLOUD, or give --state')
    try:
        answer = run(client.Cloud(args.state), args)
    except (client.CloudError, OSError) as exc:
        sys.exit(f'{args.verb}: {exc}')
    if answer is not None:
        print(json.dumps(answer, indent=2))


if __name__ == '__main__':
    main()
