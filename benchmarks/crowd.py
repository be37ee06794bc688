"""Part 2: many hosts in one command."""

from __future__ import annotations

from benchmarks import bench as bench_
from benchmarks import figures
from benchmarks import kinds

#: Times as long as for one host.
LIMIT = 3.0


def measure(
    bench: bench_.Bench, kind: kinds.Kind, repeat: int
) -> figures.Findings:
    """Fence one host, and all hosts, by turns.

    :param repeat: how often
    """
    part = f'2 {len(bench.hosts)} hosts'
    one, all_ = [], []
    with kind.simulator(bench.hosts) as simulator:
        ports = {host: kind.port(simulator, host) for host in bench.hosts}
        for _ in range(repeat):
            for hosts, into in ((bench.hosts[:1], one), (bench.hosts, all_)):
                for host in hosts:
                    simulator.machine(host).reset()
                fenced = bench.fence(kind, ports, hosts)
                into.append(bench_.require_off(fenced, simulator))
    found = [
        figures.Figure(
            part, kind.driver, what, [getattr(run, name) for run in runs]
        )
        for count, runs in ((1, one), (len(bench.hosts), all_))
        for what, name in (
            (f'{count} in one command: whole command', 'command'),
            (f'{count} in one command: slowest device', 'device'),
        )
    ]
    few, quick, many, slow = (figure.seconds for figure in found)
    return figures.Findings(
        found,
        [
            figures.Target(part, kind.driver, what, value, limit, 'times')
            for what, value, limit in (
                ('whole command, to that of one host', many / few, LIMIT),
                ('slowest device, to that of one host', slow / quick, None),
            )
        ],
    )
