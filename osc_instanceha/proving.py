"""The devices' part in the proof that hosts are off, for a recovery.

Invariant 1: with ``fence``, the devices have to prove it; without it, they
may still speak against it.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
import functools
import threading

from osc_instanceha import events
from osc_instanceha import exceptions
from osc_instanceha import host_fencing
from osc_instanceha import options as options_
from osc_instanceha import ports
from osc_instanceha import proof as proof_
from osc_instanceha import side_by_side
from osc_instanceha.fencing import evidence
from osc_instanceha.fencing import levels as levels_
from osc_instanceha.fencing import options as fencing_options
from osc_instanceha.fencing import result


def prove(
    proofs: Sequence[proof_.Proof],
    *,
    compute: ports.Compute,
    devices: levels_.Devices,
    clock: ports.Clock,
    who: Callable[[], tuple[str, str]],
    options: options_.Options,
    dry_run: bool,
    check: Callable[[], None],
) -> Iterator[events.Event]:
    """Fence the hosts, or look whether their devices call them on.

    What is found out is taken in by the proofs. The caller holds the locks.

    :param dry_run: switch nothing off, whatever the options say
    :param check: raises LockLost if the locks may be another run's by now
    """
    stop = threading.Event()

    def fence(proof: proof_.Proof) -> Iterator[events.Event]:
        # As it is now: reading all servers of all hosts takes a while.
        try:
            yield from proof.read()
        except exceptions.CloudError as error:
            yield from proof.refuse(str(error), 'Run the command again')
        if proof.refusal is not None:
            return
        with levels_.closing(devices(proof.host, stop.is_set)) as levels:
            fencing = host_fencing.HostFencing(
                proof.service,
                levels,
                compute=compute,
                clock=clock,
                who=who,
                options=fencing_options.FenceOptions(
                    report_interval=options.report_interval
                ),
                stopped=stop.is_set,
                check=check,
            )
            yield from fencing.run(dry_run=dry_run)
        found = fencing.result()
        if found.outcome is result.HostOutcome.FENCED:
            proof.marked(fencing.service)
        elif found.outcome is not result.HostOutcome.FENCEABLE:
            yield from proof.refuse(found.reason, found.cure)

    def look(proof: proof_.Proof) -> Iterator[events.Event]:
        with levels_.closing(devices(proof.host, stop.is_set)) as levels:
            seen = levels_.check(levels)
        for item in seen.evidence:
            yield events.PowerSeen(proof.host, item)
        if seen.running:
            yield from proof.refuse(
                f'{evidence.names(seen.running)} says that it is on',
                f"Fence it: 'openstack host fence {proof.host}'; or say "
                f'--already-fenced if it has been restarted since, so that '
                f'nothing of its servers runs there',
            )

    work = fence if options.fence else look
    yield from side_by_side.run(
        [functools.partial(work, proof) for proof in proofs], stop.set
    )
