"""The fencing of hosts, as a run that can be watched."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

from osc_instanceha import caller
from osc_instanceha import events
from osc_instanceha import host_fencing
from osc_instanceha import host_runs
from osc_instanceha import hosts
from osc_instanceha import limit
from osc_instanceha import model
from osc_instanceha import ports
from osc_instanceha.fencing import levels as levels_
from osc_instanceha.fencing import options as options_


class Fence(host_runs.HostRuns):
    """Fences hosts. Iterate over it to run it, once; it yields events.

    :param options: see :class:`~osc_instanceha.fencing.options.FenceOptions`
    :param dry_run: read power states, and change nothing
    :param surroundings: see :class:`~osc_instanceha.host_runs.HostRuns`
    """

    def __init__(
        self,
        names: Sequence[str],
        *,
        options: options_.FenceOptions,
        dry_run: bool = False,
        who: Callable[[], tuple[str, str]] = caller.whoever,
        **surroundings: Any,
    ) -> None:
        super().__init__(names, locking=not dry_run, **surroundings)
        self._options = options
        self._dry_run = dry_run
        self._who = who

    def _check(self, services: Collection[model.Service]) -> None:
        hosts.check_limit(self._options.max_hosts_down, self._names, services)

    def _work(
        self,
        service: model.Service,
        levels: levels_.Levels,
        held: ports.Held,
    ) -> Iterator[events.Event]:
        if not self._dry_run:
            limit.take_down(
                self._options.max_hosts_down, [service], self._compute, held
            )
        fencing = host_fencing.HostFencing(
            service,
            levels,
            compute=self._compute,
            clock=self._clock,
            who=self._who,
            options=self._options,
            stopped=self._stop.is_set,
            check=held.check,
        )
        self._results[service.host] = fencing.result
        yield from fencing.run(dry_run=self._dry_run)
