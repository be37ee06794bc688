"""How fast ``openstack host fence`` is, beside the agents for the same.

    python -m benchmarks.fencing

Everything is real but the machines: the command, a Nova with forty compute
hosts, and BMCs on their protocols. Exits with 1 if a target is missed.
"""

from __future__ import annotations

import argparse
import pathlib
import sys
import tempfile
import time

from benchmarks import bench as bench_
from benchmarks import crowd
from benchmarks import figures
from benchmarks import kinds
from benchmarks import report
from benchmarks import side_by_side
from benchmarks import surroundings
from benchmarks import unreachable
from tests.cloud import client

#: Several hosts at once are measured so often.
_CROWDS = 3


def main() -> int:
    args = _arguments()
    output = args.output or pathlib.Path(tempfile.mkdtemp(prefix='fencing-'))
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        redfish, ipmi = kinds.Redfish(folder), kinds.Ipmi()
        facts = surroundings.facts((redfish, ipmi))
        _tell(f'a cloud with {args.hosts} compute hosts, about a minute')
        with client.Cloud.launch(args.hosts, report_interval=10) as cloud:
            findings = _measure(
                bench_.Bench(cloud, folder), redfish, ipmi, args.repeat
            )
    facts['took'] = f'{time.monotonic() - began:.0f} s'
    print(report.text(findings, facts))
    report.write(findings, facts, output)
    print(f'\nCSV and Markdown: {output}')
    verdicts = {target.verdict for target in findings.targets}
    return int(figures.Verdict.MISSED in verdicts)


def _measure(
    bench: bench_.Bench, redfish: kinds.Kind, ipmi: kinds.Kind, repeat: int
) -> figures.Findings:
    silences = unreachable.of(redfish, ipmi)
    findings = figures.Findings()
    with unreachable.waiting(silences, bench.hosts[0]) as waited:
        for kind in (redfish, ipmi):
            _tell(f'{kind.driver}: one host, beside {kind.agent}')
            findings += side_by_side.measure(bench, kind, repeat)
            _tell(f'{kind.driver}: {len(bench.hosts)} hosts')
            findings += crowd.measure(bench, kind, min(repeat, _CROWDS))
        _tell('devices that do not answer')
        findings += unreachable.measure(bench, silences)
        _tell('the agents, which still wait for an answer')
        return findings + waited()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog='python -m benchmarks.fencing', description=__doc__
    )
    parser.add_argument(
        '--output',
        type=pathlib.Path,
        metavar='DIR',
        help='for CSV and Markdown (default: a new temporary directory)',
    )
    parser.add_argument(
        '--repeat',
        type=int,
        default=5,
        metavar='N',
        help='how often one host is fenced (default: 5)',
    )
    parser.add_argument(
        '--hosts',
        type=int,
        default=40,
        metavar='N',
        help='hosts in one command (default: 40)',
    )
    return parser.parse_args()


def _tell(what: str) -> None:
    print(f'... {what}', file=sys.stderr, flush=True)


if __name__ == '__main__':
    sys.exit(main())
