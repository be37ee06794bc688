"""The fencing of hosts, as a run that can be watched."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Sequence
import functools
from typing import Any

from osc_instanceha import caller
from osc_instanceha import events
from osc_instanceha import exceptions
from osc_instanceha import host_fencing
from osc_instanceha import host_runs
from osc_instanceha import hosts
from osc_instanceha import model
from osc_instanceha.fencing import levels as levels_
from osc_instanceha.fencing import options as options_
from osc_instanceha.fencing import result


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
        self, service: model.Service, levels: levels_.Levels
    ) -> Iterator[events.Event]:
        fencing = host_fencing.HostFencing(
            service,
            levels,
            compute=self._compute,
            clock=self._clock,
            who=self._who,
            options=self._options,
        )
        self._results[service.host] = fencing.result
        yield from fencing.run(dry_run=self._dry_run)

    def _locked_out(
        self,
        service: model.Service,
        levels: levels_.Levels,
        error: exceptions.HostLocked,
    ) -> None:
        """A monitor may call twice: see whether all is done already."""
        super()._locked_out(service, levels, error)
        if not service.forced_down or service.enabled:
            return
        seen = levels_.check(levels)
        if seen.off and not seen.vouched:
            self._results[service.host] = functools.partial(
                host_runs.unchanged,
                service,
                'it was fenced before; another run works on it now',
                result.Outcome.FENCED,
                seen,
            )
