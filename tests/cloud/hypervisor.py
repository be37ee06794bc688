"""Nova's fake driver as machines that can die, be slow, and be held.

The guests of a host belong to its :class:`Machine`, not to the driver object:
they outlive a nova-compute, as guests do.
"""

from __future__ import annotations

from collections import abc
import dataclasses
import threading
from typing import Any
import uuid

from nova import exception
from nova.compute import power_state
from nova.virt import fake

from tests.cloud import guests

DOMAIN = 'cloud.example'


class Abandoned(BaseException):
    """Ends work of a nova-compute that is dead or is to be forgotten.

    Not an Exception, so that Nova does not handle it: a dead process handles
    nothing.
    """


@dataclasses.dataclass
class Rule:
    """What happens to spawns and claims on a host.

    :ivar delay: seconds that each spawn takes
    :ivar fail: how many spawns fail
    :ivar hold: spawns wait until this is false
    :ivar fail_claims: how many claims of an evacuation fail
    :ivar shared_storage: the disks of all servers are to be found here
    """

    delay: float = 0
    fail: int = 0
    hold: bool = False
    fail_claims: int = 0
    shared_storage: bool = False


class Machine:
    """One host's hardware: its guests, and whether nova-compute lives."""

    def __init__(self, host: str) -> None:
        self.host = host
        self.node = f'{host}.{DOMAIN}'
        # The name makes the id, so that a restart finds the same one.
        self.node_uuid = str(uuid.uuid5(uuid.NAMESPACE_DNS, self.node))
        self.instances: dict[str, fake.FakeInstance] = {}
        self.rule = Rule()
        self.held: list[str] = []


class Hypervisor:
    """All machines of the cloud, and the one condition they wait on."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.machines: dict[str, Machine] = {}
        self.ledger = guests.Ledger()
        self.draining = False
        self.parked = 0

    def machine(self, host: str) -> Machine:
        with self.changed:
            if host not in self.machines:
                self.machines[host] = Machine(host)
            return self.machines[host]

    def set_rule(self, host: str, **fields: Any) -> None:
        with self.changed:
            machine = self.machine(host)
            machine.rule = dataclasses.replace(machine.rule, **fields)
            self.changed.notify_all()

    def take(self, host: str, counter: str) -> bool:
        """Whether a counted failure is due; it is one less then."""
        with self.changed:
            rule = self.machine(host).rule
            left = getattr(rule, counter)
            setattr(rule, counter, max(0, left - 1))
            return left > 0

    def power_cut(self, host: str) -> None:
        """Every guest of the host ends; it stays defined, switched off."""
        for guest in list(self.machine(host).instances.values()):
            guest.state = power_state.SHUTDOWN
        for guest_uuid in self.ledger.running_on(host):
            self.ledger.set_running(host, guest_uuid, False)

    def drain(self, draining: bool) -> None:
        """Abandon all work in the drivers, until told otherwise."""
        with self.changed:
            self.draining = draining
            self.changed.notify_all()

    def clear(self) -> None:
        with self.changed:
            for machine in self.machines.values():
                machine.instances.clear()
                machine.rule = Rule()
        self.ledger.clear()


class PretendDriver(fake.FakeDriver):
    """The virt driver of one nova-compute."""

    hypervisor: Hypervisor  # set before the first one is made

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.dead = False

    def init_host(self, host: str) -> None:
        super().init_host(host)
        self.machine = self.hypervisor.machine(host)
        self.instances = self.machine.instances
        self._set_nodes([self.machine.node])

    def get_nodenames_by_uuid(self, refresh: bool = False) -> dict[str, str]:
        return {self.machine.node_uuid: self.machine.node}

    def get_available_resource(self, nodename: str) -> dict[str, Any]:
        status = super().get_available_resource(nodename)
        status['uuid'] = self.machine.node_uuid
        return status

    def get_host_uptime(self) -> str:
        return ' 12:00:00 up 1 day,  1:00,  0 users,  load average: 0, 0, 0'

    def die(self) -> None:
        """nova-compute is dead; threads of it that are left do no more."""
        with self.hypervisor.changed:
            self.dead = True
            self.hypervisor.changed.notify_all()

    def breathe(
        self,
        until: abc.Callable[[], bool] = lambda: True,
        timeout: float | None = None,
    ) -> None:
        """Wait, but not when the work is abandoned.

        The threads of a dead nova-compute stay here, as they would otherwise
        write to the database what a dead process does not write, until the
        whole cloud is put back.
        """
        hypervisor = self.hypervisor
        with hypervisor.changed:
            hypervisor.changed.wait_for(
                lambda: until() or self.dead or hypervisor.draining, timeout
            )
            if self.dead:
                hypervisor.parked += 1
                hypervisor.changed.wait_for(lambda: hypervisor.draining)
                hypervisor.parked -= 1
            if hypervisor.draining:
                raise Abandoned()

    def set_state(self, guest_uuid: str, state: int) -> None:
        self.instances[guest_uuid].state = state
        self.hypervisor.ledger.set_running(
            self.machine.host,
            guest_uuid,
            state in (power_state.RUNNING, power_state.PAUSED),
        )

    def spawn(
        self, context: Any, instance: Any, *args: Any, **kwargs: Any
    ) -> None:
        machine = self.machine
        self.breathe()
        if machine.rule.delay:
            self.breathe(lambda: False, machine.rule.delay)
        machine.held.append(instance.uuid)
        try:
            self.breathe(lambda: not machine.rule.hold)
        finally:
            machine.held.remove(instance.uuid)
        if self.hypervisor.take(machine.host, 'fail'):
            raise exception.NovaException('injected spawn failure')
        super().spawn(context, instance, *args, **kwargs)
        self.hypervisor.ledger.spawned(machine.host, instance.uuid)
        self.set_state(instance.uuid, self.instances[instance.uuid].state)

    def destroy(
        self, context: Any, instance: Any, *args: Any, **kwargs: Any
    ) -> None:
        self.breathe()
        self.hypervisor.ledger.set_running(
            self.machine.host, instance.uuid, False
        )
        super().destroy(context, instance, *args, **kwargs)

    def power_off(self, instance: Any, *args: Any, **kwargs: Any) -> None:
        self.breathe()
        super().power_off(instance, *args, **kwargs)
        self.set_state(instance.uuid, power_state.SHUTDOWN)

    def power_on(
        self, context: Any, instance: Any, *args: Any, **kwargs: Any
    ) -> None:
        self.breathe()
        super().power_on(context, instance, *args, **kwargs)
        self.set_state(instance.uuid, power_state.RUNNING)

    def pause(self, instance: Any) -> None:
        self.breathe()
        self.set_state(instance.uuid, power_state.PAUSED)

    def unpause(self, instance: Any) -> None:
        self.breathe()
        self.set_state(instance.uuid, power_state.RUNNING)

    def suspend(self, context: Any, instance: Any) -> None:
        self.breathe()
        self.set_state(instance.uuid, power_state.SUSPENDED)

    def resume(
        self, context: Any, instance: Any, *args: Any, **kwargs: Any
    ) -> None:
        self.breathe()
        self.set_state(instance.uuid, power_state.RUNNING)

    # A guest that moves alive or cold does not run on two hosts either.

    def post_live_migration(
        self, context: Any, instance: Any, *args: Any, **kwargs: Any
    ) -> None:
        self.destroy(context, instance, None)

    def migrate_disk_and_power_off(
        self, context: Any, instance: Any, *args: Any, **kwargs: Any
    ) -> None:
        self.power_off(instance)

    def finish_revert_migration(
        self, context: Any, instance: Any, *args: Any, **kwargs: Any
    ) -> None:
        super().finish_revert_migration(context, instance, *args, **kwargs)
        self.set_state(instance.uuid, self.instances[instance.uuid].state)

    def get_info(self, instance: Any, use_cache: bool = True) -> Any:
        if self.dead:  # only then: periodic tasks of a live one ask too
            self.breathe()
        return super().get_info(instance, use_cache)

    def instance_on_disk(self, instance: Any) -> bool:
        return self.machine.rule.shared_storage


def install() -> Hypervisor:
    """Make the driver known to Nova, which looks for it below nova.virt."""
    fake.PretendDriver = PretendDriver
    PretendDriver.hypervisor = Hypervisor()
    return PretendDriver.hypervisor
