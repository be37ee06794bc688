"""The way back of hosts, as a run that can be watched."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence
import functools
from typing import Any

from osc_instanceha import events
from osc_instanceha import host_runs
from osc_instanceha import host_unfencing
from osc_instanceha import model
from osc_instanceha import ports
from osc_instanceha.fencing import levels as levels_
from osc_instanceha.fencing import options as options_


class Unfence(host_runs.HostRuns):
    """Brings hosts back. Iterate over it to run it, once; it yields events.

    :param options: see
        :class:`~osc_instanceha.fencing.options.UnfenceOptions`
    :param surroundings: see :class:`~osc_instanceha.host_runs.HostRuns`
    """

    def __init__(
        self,
        names: Sequence[str],
        *,
        options: options_.UnfenceOptions,
        **surroundings: Any,
    ) -> None:
        super().__init__(names, **surroundings)
        self._options = options

    def _work(
        self,
        service: model.Service,
        levels: levels_.Levels,
        held: ports.Held,
    ) -> Iterator[events.Event]:
        unfencing = host_unfencing.HostUnfencing(
            service,
            levels,
            compute=self._compute,
            clock=self._clock,
            options=self._options,
            stopped=self._stop.is_set,
            check=held.check,
            asked=functools.partial(held.asked, service.id),
        )
        self._results[service.host] = unfencing.result
        yield from unfencing.run()
