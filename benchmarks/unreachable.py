"""Part 3: how long it takes to know that a device does not answer."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from concurrent import futures
import contextlib
import dataclasses

from benchmarks import agents
from benchmarks import bench as bench_
from benchmarks import figures
from benchmarks import kinds
from tests.devices import silence

PART = '3 no answer'

#: Seconds.
LIMIT = 15.0


@dataclasses.dataclass(frozen=True)
class Silence:
    """A device that does not answer, in one of the ways in which they do."""

    how: str
    kind: kinds.Kind
    begin: Callable[[], contextlib.AbstractContextManager[int]]


def of(redfish: kinds.Kind, ipmi: kinds.Kind) -> Sequence[Silence]:
    return (
        Silence('connects to nothing', redfish, silence.hole),
        Silence('is connected, never answered', redfish, silence.tcp),
        Silence('sends, never answered', ipmi, silence.udp),
    )


@contextlib.contextmanager
def waiting(
    silences: Sequence[Silence], host: str
) -> Iterator[Callable[[], figures.Findings]]:
    """Let the agents wait in the background, which costs nothing.

    What is yielded waits for their end.
    """
    with contextlib.ExitStack() as stack:
        pool = stack.enter_context(futures.ThreadPoolExecutor())
        skipped = []
        started = []
        for one in silences:
            why_not = agents.why_not(one.kind.agent)
            if why_not:
                skipped.append(f'{PART}: {why_not}')
                continue
            port = stack.enter_context(one.begin())
            parameters = one.kind.parameters(host, port)
            agent = one.kind.agent
            started.append(
                (one, pool.submit(agents.run, agent, 'off', parameters))
            )

        def end() -> figures.Findings:
            return figures.Findings(
                [_theirs(one, future.result()) for one, future in started],
                skipped=list(dict.fromkeys(skipped)),
            )

        yield end


def measure(
    bench: bench_.Bench, silences: Sequence[Silence]
) -> figures.Findings:
    """Let the command find out, one after the other."""
    findings = figures.Findings()
    host = bench.hosts[0]
    for one in silences:
        with one.begin() as port:
            fenced = bench.fence(one.kind, {host: port}, [host])
        (row,) = fenced.rows
        if fenced.code != 4 or row['Outcome'] != 'failed':
            raise bench_.Broken(f'{one.how}: {row}')
        whole = figures.Figure(
            PART,
            one.kind.driver,
            f'host fence {one.how}: whole command',
            (fenced.command,),
            f'{fenced.device:.1f} s of it the device; exit code 4',
        )
        target = figures.Target(
            PART,
            one.kind.driver,
            f'{one.how}: whole command',
            whole.seconds,
            LIMIT,
            's',
        )
        findings += figures.Findings([whole], [target])
    return findings


def _theirs(one: Silence, ran: agents.Ran) -> figures.Figure:
    note = 'cut off' if ran.code is None else f'exit code {ran.code}'
    return figures.Figure(
        PART,
        one.kind.driver,
        f'{one.kind.agent} {one.how}: whole run',
        (ran.seconds,),
        note,
    )
