"""A cloud whose hosts have machines, and machines that have devices."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

from osc_instanceha import audit
from osc_instanceha import events
from osc_instanceha import fence
from osc_instanceha import host_runs
from osc_instanceha import model
from osc_instanceha import unfence
from osc_instanceha.fencing import device as device_
from osc_instanceha.fencing import driver
from osc_instanceha.fencing import levels as levels_
from osc_instanceha.fencing import options as options_
from osc_instanceha.fencing import result
from osc_instanceha.fencing import specification
from tests.unit import builders
from tests.unit.fencing import fakes

DEAD, SPARE = builders.DEAD, builders.SPARE

#: Seconds from power to nova-compute's first report.
BOOT = 40.0


def broken(host: str = DEAD, **fields: Any) -> model.Service:
    """A host that Nova counts as down, and that nobody has marked."""
    return builders.living(host, **{'up': False, 'quiet_for': 100.0, **fields})


class Scene(builders.World):
    """A cloud in which one host, ``dead``, is broken and not marked.

    Its machine runs on, as far as its devices know; its nova-compute does
    not report.

    :ivar machines: of the hosts that have one
    :ivar levels: specifications of the devices of each host
    :ivar made: devices that the product had made for itself
    """

    def __init__(self, *servers: model.Server, **fields: Any) -> None:
        fields.setdefault('services', (broken(), builders.living()))
        super().__init__(*servers, **fields)
        self.machines: dict[str, fakes.FakeMachine] = {}
        self.levels: dict[str, list[list[specification.Specification]]] = {}
        self.made: list[device_.Device] = []
        self.devices = self._devices

    def machine(
        self, host: str = DEAD, *, starts_compute: bool = True, **fields: Any
    ) -> fakes.FakeMachine:
        """The machine of a host; its nova-compute starts and dies with it."""
        if host not in self.machines:
            made = fakes.FakeMachine(self.clock, **fields)
            made.stopped = lambda: self.compute.die(host)

            def boot() -> None:
                if made.running:
                    self.compute.boot(host)

            if starts_compute:
                made.started = lambda: self.clock.at(BOOT, boot)
            self.machines[host] = made
        return self.machines[host]

    def add(
        self,
        name: str = 'bmc',
        *,
        host: str = DEAD,
        level: int = 1,
        kind: str = 'bmc',
        timeout: float = 12.0,
        power_timeout: float = 60.0,
        machine: fakes.FakeMachine | None = None,
        **behaviour: Any,
    ) -> fakes.FakeDevice:
        """Give a host a device, as the configuration does."""
        made = fakes.FakeDevice(
            self.clock, machine or self.machine(host), **behaviour
        )
        levels = self.levels.setdefault(host, [])
        while len(levels) < level:
            levels.append([])
        levels[level - 1].append(
            specification.Specification(
                name,
                kind,
                {'device': made, 'password': fakes.FakeSecret()},
                timeout=timeout,
                power_timeout=power_timeout,
            )
        )
        return made

    def _devices(self, host: str, stop: Callable[[], bool]) -> levels_.Levels:
        made = tuple(
            tuple(
                device_.Device(
                    item,
                    driver.Target(host),
                    level=number,
                    clock=self.clock,
                    now=lambda: self.compute.moment,
                    stop=stop,
                    find=fakes.find,
                )
                for item in level
            )
            for number, level in enumerate(self.levels.get(host, ()), 1)
        )
        self.made += [device for level in made for device in level]
        return made

    # The runs.

    def fence(
        self,
        names: Sequence[str] = (DEAD,),
        *,
        dry_run: bool = False,
        options: options_.FenceOptions | None = None,
        **fields: Any,
    ) -> fence.Fence:
        return fence.Fence(
            names,
            options=options or options_.FenceOptions(**fields),
            dry_run=dry_run,
            who=lambda: ('test@here', 'now'),
            compute=self.compute,
            devices=self.devices,
            lock=self.lock,
            clock=self.clock,
        )

    def unfence(
        self,
        names: Sequence[str] = (DEAD,),
        *,
        options: options_.UnfenceOptions | None = None,
        **fields: Any,
    ) -> unfence.Unfence:
        return unfence.Unfence(
            names,
            options=options or options_.UnfenceOptions(**fields),
            compute=self.compute,
            devices=self.devices,
            lock=self.lock,
            clock=self.clock,
        )

    def audit(
        self,
        names: Sequence[str] = (),
        *,
        check: bool = True,
        configured: Sequence[str] | None = None,
    ) -> audit.Audit:
        return audit.Audit(
            names,
            compute=self.compute,
            configured=list(self.levels) if configured is None else configured,
            devices=self.devices,
            check=check,
        )

    def observed(self, run: host_runs.HostRuns) -> Iterator[events.Event]:
        """Run it; at every event nothing untrue is claimed."""
        for event in run:
            self.seen.append(event)
            self.look(run)
            yield event

    def complete(
        self, run: host_runs.HostRuns
    ) -> tuple[result.HostResult, ...]:
        """Run it to its end."""
        for _event in self.observed(run):
            pass
        self.look(run)
        assert not self.lock.held
        return run.results()

    def one(self, run: host_runs.HostRuns) -> result.HostResult:
        """Run it to its end, for one host."""
        (found,) = self.complete(run)
        return found

    def look(self, run: host_runs.HostRuns) -> None:
        assert not self.compute.broken
        for item in run.results():
            machine = self.machines.get(item.host)
            if item.outcome in _OFF and machine is not None:
                assert not machine.running, f'{item.host} runs'
            for evidence in item.evidence:
                for text in (str(evidence), repr(evidence.as_dict())):
                    assert fakes.SECRET not in text

    # What is so in truth.

    @property
    def service(self) -> model.Service:
        return self.compute.services_[DEAD]

    @property
    def mark(self) -> tuple[bool | None, bool | None, str | None]:
        service = self.service
        return (service.forced_down, service.enabled, service.disabled_reason)


_OFF = (result.HostOutcome.FENCED, result.HostOutcome.NOT_MARKED)
