"""Part 1: one host, fenced by us and by the agent for the same device.

The time that is compared is ours from the first word to the device until the
host was seen off twice, in a command that was just started and still loads
the library for the device; and all that the agent takes, its start-up among
it, since that is paid for every call. What the command takes beside that (its
start-up, Keystone, Nova) the agent does not do; so it is told, too.
"""

from __future__ import annotations

import dataclasses

from benchmarks import agents
from benchmarks import bench as bench_
from benchmarks import figures
from benchmarks import kinds

PART = '1 one host'

#: Times as long as the agent.
LIMIT = 1.2


@dataclasses.dataclass
class _Times:
    """Seconds of each run."""

    device: list[float] = dataclasses.field(default_factory=list)
    command: list[float] = dataclasses.field(default_factory=list)
    help: list[float] = dataclasses.field(default_factory=list)
    agent: list[float] = dataclasses.field(default_factory=list)
    hasty: list[float] = dataclasses.field(default_factory=list)
    metadata: list[float] = dataclasses.field(default_factory=list)


def measure(
    bench: bench_.Bench, kind: kinds.Kind, repeat: int
) -> figures.Findings:
    """Fence one host again and again, by turns.

    :param repeat: how often
    """
    why_not = agents.why_not(kind.agent)
    times = _Times()
    host = bench.hosts[0]
    with kind.simulator([host]) as simulator:
        port = kind.port(simulator, host)
        machine = simulator.machine(host)
        for _ in range(repeat):
            machine.reset()
            fenced = bench.fence(kind, {host: port}, [host])
            bench_.require_off(fenced, simulator)
            times.device.append(fenced.device)
            times.command.append(fenced.command)
            times.help.append(bench.start_up())
            if why_not:
                continue
            for waits, into in (
                ({}, times.agent),
                ({'power_wait': 0}, times.hasty),
            ):
                machine.reset()
                parameters = kind.parameters(host, port) | waits
                ran = agents.run(kind.agent, 'off', parameters)
                if ran.code or machine.power() != 'off':
                    raise bench_.Broken(f'{kind.agent}: {ran}')
                into.append(ran.seconds)
            times.metadata.append(agents.run(kind.agent, 'metadata').seconds)
    if why_not:
        return _alone(kind, times) + figures.Findings(
            skipped=[f'{PART}: {why_not}']
        )
    return _alone(kind, times) + _compared(kind, times)


def _alone(kind: kinds.Kind, times: _Times) -> figures.Findings:
    return figures.Findings(
        [
            figures.Figure(
                PART,
                kind.driver,
                'host fence: asked -> off, confirmed',
                times.device,
                'library loaded, read, asked, seen off twice',
            ),
            figures.Figure(
                PART,
                kind.driver,
                'host fence: whole command',
                times.command,
                'with start-up, Keystone, Nova, lock and mark',
            ),
            figures.Figure(
                PART,
                kind.driver,
                'openstack host fence --help',
                times.help,
                'start-up alone',
            ),
        ]
    )


def _compared(kind: kinds.Kind, times: _Times) -> figures.Findings:
    agent = figures.Figure(
        PART,
        kind.driver,
        f'{kind.agent}: whole run, as it comes',
        times.agent,
        'start-up, read, asked, seen off once',
    )
    hasty = figures.Figure(
        PART,
        kind.driver,
        f'{kind.agent}: the same, power_wait=0',
        times.hasty,
        'it need not wait before it looks',
    )
    metadata = figures.Figure(
        PART,
        kind.driver,
        f'{kind.agent}: metadata',
        times.metadata,
        'start-up alone',
    )
    device = figures.median(times.device)
    command = figures.median(times.command)

    def ratio(
        what: str, value: float, limit: float | None = None
    ) -> figures.Target:
        return figures.Target(PART, kind.driver, what, value, limit, 'times')

    return figures.Findings(
        [agent, hasty, metadata],
        [
            ratio(
                f'asked -> off, to {kind.agent} as it comes',
                device / agent.seconds,
                LIMIT,
            ),
            ratio(
                f'asked -> off, to {kind.agent} with power_wait=0',
                device / hasty.seconds,
            ),
            ratio(
                f'whole command, to {kind.agent} as it comes',
                command / agent.seconds,
            ),
            ratio(
                'asked -> off, to power_wait=0 without start-up',
                device / (hasty.seconds - metadata.seconds),
            ),
        ],
    )
