"""All of it together: a cloud with a dead host, a clock and a run."""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Iterator
import concurrent.futures
import contextlib
from typing import Any
from unittest import mock

from osc_instanceha import events
from osc_instanceha import model
from osc_instanceha import options as options_
from osc_instanceha import recovery
from osc_instanceha import selection as selection_
from osc_instanceha import side_by_side
from osc_instanceha.fencing import levels
from tests.unit.builders import clock
from tests.unit.builders import compute
from tests.unit.builders import data
from tests.unit.builders import fakes
from tests.unit.builders import nova
from tests.unit.builders import pool


class World:
    """A cloud with a dead host and a spare one, and a clock.

    :ivar seen: the events of all runs
    :ivar devices: the fencing devices of a host
    """

    def __init__(
        self,
        *servers: model.Server,
        services: Iterable[model.Service] | None = None,
        delay: float | None = 0.0,
        on_the_wire: bool = False,
    ) -> None:
        self.clock = clock.FakeClock()
        self.compute = compute.FakeCompute(
            self.clock,
            servers,
            (data.service(), data.living()) if services is None else services,
        )
        self.images = fakes.FakeImages()
        self.lock = fakes.FakeLock()
        self.devices: levels.Devices = levels.none
        self.seen: list[events.Event] = []
        self._delay = delay
        self._on_the_wire = on_the_wire
        # What happens to a request on its way nobody can know either.
        self.compute.unknowable += delay or 0.0
        self.compute.fresh += delay or 0.0

    def pool(self, _threads: int) -> pool.FakePool:
        return pool.FakePool(self.clock, self._delay, self._on_the_wire)

    @contextlib.contextmanager
    def instead_of_threads(self) -> Iterator[None]:
        """Whatever would be done by threads goes by the clock."""
        with (
            mock.patch.object(
                concurrent.futures, 'ThreadPoolExecutor', self.pool
            ),
            mock.patch.object(side_by_side, 'run', pool.in_turn),
        ):
            yield

    def recovery(
        self,
        names: Collection[str] | None = (data.DEAD,),
        *,
        selection: selection_.Selection | None = None,
        dry_run: bool = False,
        **options: Any,
    ) -> recovery.Recovery:
        return recovery.Recovery(
            None if names is None else list(names),
            compute=self.compute,
            images=self.images,
            lock=self.lock,
            devices=self.devices,
            selection=selection or selection_.Selection(),
            options=options_.Options(**options),
            dry_run=dry_run,
            clock=self.clock,
            who=lambda: ('test@here', 'now'),
        )

    def watch(self, run: recovery.Recovery) -> Iterator[events.Event]:
        """Run it, and look at its books at every event."""
        planned: list[str] = []
        with contextlib.closing(iter(run)) as running:
            for event in running:
                self.seen.append(event)
                if isinstance(event, events.Planned):
                    planned += [step.server.id for step in event.plan.steps]
                assert [item.server_id for item in run.results()] == planned
                self.check(run)
                yield event

    def check(self, run: recovery.Recovery) -> None:
        """Nothing untrue is claimed, and nothing forbidden has happened."""
        assert not self.compute.broken
        for result in run.results():
            item = self.compute.servers_.get(result.server_id)
            if result.outcome is model.Outcome.EVACUATED and item:
                assert item.host != result.host
            if len(self.compute.spawned[result.server_id]) > 1:
                raise nova.InvariantBroken(f'{result.server_id} runs twice')

    def finish(
        self, names: Collection[str] | None = (data.DEAD,), **options: Any
    ) -> recovery.Recovery:
        """Run to the end."""
        run = self.recovery(names, **options)
        for _event in self.watch(run):
            pass
        self.check(run)
        assert not self.lock.held
        return run

    def of(self, kind: type) -> list[Any]:
        return [event for event in self.seen if isinstance(event, kind)]


def outcomes(run: recovery.Recovery) -> dict[str, str]:
    return {item.server_id: item.outcome.value for item in run.results()}


def reasons(run: recovery.Recovery) -> dict[str, str]:
    return {item.server_id: item.reason for item in run.results()}
