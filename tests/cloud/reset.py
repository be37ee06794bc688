"""Back to the cloud as it was when it was new."""

from __future__ import annotations

import time
from typing import Any

from tests.cloud import compute
from tests.cloud import database
from tests.cloud import release
from tests.cloud import tap


class NotIdle(Exception):
    """Work goes on that should have come to its end."""


class Reset:
    """Ends what goes on, puts the databases back, and clears what is cached.

    In this order, because a thread that outlived the databases' return would
    write into the next test:

    1. delays, holds and dead nova-computes are abandoned: their threads end
       with an exception that Nova does not handle; RPCs that have not begun
       are refused;
    2. wait until no request, RPC or pooled task is left;
    3. every database that was written to gets back what it held at the start;
    4. whatever Nova keeps in memory of the rows that are gone is renewed;
    5. crashed hosts start again.
    """

    def __init__(
        self,
        nova: compute.Nova,
        databases: database.Databases,
        taps: list[tap.Tap],
        hosts: list[str],
    ) -> None:
        self.nova = nova
        self.databases = databases
        self.taps = taps
        self.hosts = hosts

    def __call__(self) -> dict[str, float]:
        steps = [
            self.settle,
            self.restore,
            self.forget,
            self.start_computes,
            self.refresh_computes,
        ]
        took = {}
        with self.nova.lock:
            for step in steps:
                began = time.monotonic()
                step()
                took[step.__name__] = time.monotonic() - began
        return took

    def settle(self, timeout: float = 60) -> None:
        for service in self.taps:
            service.clear()
        self.nova.switches.reset()
        self.nova.work.refusing = True
        self.nova.hypervisor.drain(True)
        try:
            self.wait_until_idle(timeout)
        finally:
            self.nova.work.refusing = False
            self.nova.hypervisor.drain(False)

    def wait_until_idle(self, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        calm = 0
        # More than once, as a message is in no list for an instant between
        # the queue and the thread that takes it.
        while calm < 3:
            for host in filter(self.nova.is_crashed, self.hosts):
                self.nova.work.refuse_queued(host)
            pending = self.nova.work.pending()
            pending += ['request'] * sum(
                service.active for service in self.taps
            )
            pending += ['parked'] * self.nova.hypervisor.parked
            calm = 0 if pending else calm + 1
            if pending and time.monotonic() > deadline:
                raise NotIdle('; '.join(pending))
            time.sleep(0.01)

    def restore(self) -> None:
        release.blocking(self.databases.restore)

    def forget(self) -> None:
        from nova import availability_zones
        from nova.scheduler.client import report

        self.nova.hypervisor.clear()
        availability_zones.reset_cache()
        report.report_client_singleton().clear_provider_cache()
        scheduler: Any = self.nova.scheduler.manager.host_manager
        scheduler.aggs_by_id.clear()
        scheduler.host_aggregates_map.clear()
        scheduler._init_aggregates()
        for service in self.taps:
            service.clear()

    def start_computes(self) -> None:
        self.started = [
            host for host in self.hosts if self.nova.is_crashed(host)
        ]
        for host in self.started:
            self.nova.start_compute(host)

    def refresh_computes(self) -> None:
        """The others survey their resources, as they do once a minute."""
        for host, service in self.nova.computes.items():
            if host not in self.started:
                manager = service.manager
                manager.driver.resources = type(manager.driver.resources)(
                    manager.driver.vcpus,
                    manager.driver.memory_mb,
                    manager.driver.local_gb,
                )
                manager.update_available_resource(self.nova.admin_context())
