"""The simulated Nova as a run sees it, and its objections."""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Mapping
import dataclasses
import datetime
import math
from typing import Any

from osc_instanceha import exceptions
from osc_instanceha import model
from osc_instanceha import ports
from tests.unit.builders import data
from tests.unit.builders import nova
from tests.unit.builders import scripts as scripts_

_DONE = model.MigrationStatus.DONE


class FakeCompute(nova.Nova):
    """:class:`~osc_instanceha.ports.Compute` on a simulated Nova."""

    def _asked(self, call: str, host: str = '') -> None:
        self.clock.step()
        self.calls.append((self.clock.rounds, call, host))
        if self._failing.get(call, 0) > 0:
            self._failing[call] -= 1
            raise exceptions.Unreachable(f'{call} timed out', code=504)
        if self.faults is not None and call != 'evacuate':
            error = self.faults(call)
            if error is not None:
                raise error
        if self.refused.get(call):
            raise self.refused[call].pop(0)

    def _changed(self, call: str, host: str, **fields: Any) -> model.Service:
        """Change a service record, and answer with it."""
        self.touch(host, **fields)
        self.clock.step()
        if self.answers_lost.get(call, 0) > 0:
            self.answers_lost[call] -= 1
            raise exceptions.Unreachable(f'the answer to {call} was lost')
        return self._shown(self.services_[host])

    def _demand_record(self, service: model.Service) -> None:
        self._demand(
            self.services_[service.host].id == service.id, 'the right record'
        )

    def _shown(self, item: model.Service) -> model.Service:
        age = self.clock.now - self.updated[item.host]
        moment = self.updated[item.host] - self.began
        unheard = self.clock.now - self.reported[item.host]
        return dataclasses.replace(
            item,
            up=not item.forced_down and unheard < 60,
            updated_at=data.EPOCH + datetime.timedelta(seconds=moment),
            quiet_for=age,
        )

    def services(self) -> tuple[model.Service, ...]:
        self._asked('services')
        return tuple(self._shown(item) for item in self.services_.values())

    def service(self, host: str) -> model.Service | None:
        self._asked('service', host)
        self._demand(isinstance(host, str) and host, 'a host is named')
        item = self.services_.get(host)
        return None if item is None else self._shown(item)

    def mark_down(self, service: model.Service, reason: str) -> model.Service:
        self._asked('mark_down', service.host)
        self._demand(0 < len(reason) <= 255, 'a reason Nova accepts')
        self._demand_record(service)
        self._demand(
            service.host not in self.alive, 'no living host is marked'
        )
        return self._changed(
            'mark_down',
            service.host,
            forced_down=True,
            enabled=False,
            disabled_reason=reason,
        )

    def lift(self, service: model.Service) -> model.Service:
        """Let go; refused, as Nova does, while a record is done.

        Of one that is open Nova would know nothing.
        """
        self._asked('lift', service.host)
        self._demand_record(service)
        self._demand(
            self._left_when_read.get(service.host) == 0,
            f'8: {service.host} is let go when nothing is known to be left',
        )
        left = self._left(service.host)
        if any(item.status is _DONE for item in left):
            raise exceptions.CloudError(
                'Unable to force up host: evacuations are not completed',
                code=400,
            )
        self._demand(
            not left, f'8: {service.host} is let go with nothing open'
        )
        return self._changed('lift', service.host, forced_down=False)

    def enable(self, service: model.Service) -> model.Service:
        self._asked('enable', service.host)
        self._demand_record(service)
        self._demand(
            not self._left(service.host),
            f'8: {service.host} is enabled when nothing is left',
        )
        self._demand(
            self._shown(self.services_[service.host]).up,
            f'{service.host} is enabled when it is up',
        )
        return self._changed(
            'enable', service.host, enabled=True, disabled_reason=None
        )

    def disable(self, service: model.Service, reason: str) -> model.Service:
        self._asked('disable', service.host)
        self._demand(0 < len(reason) <= 255, 'a reason Nova accepts')
        self._demand_record(service)
        return self._changed(
            'disable', service.host, enabled=False, disabled_reason=reason
        )

    def servers(self, host: str) -> tuple[model.Server, ...]:
        self._asked('servers', host)
        self._demand(host in self.services_, f'{host!r} is a host')
        return tuple(
            item for item in self.servers_.values() if item.host == host
        )

    def server(self, server_id: str) -> model.Server | None:
        self._asked('server')
        return self.servers_.get(server_id)

    def evacuations(
        self, host: str, known: Collection[str] = ()
    ) -> tuple[model.Evacuation, ...]:
        self._asked('evacuations', host)
        self._demand(host in self.services_, f'{host!r} is a host')
        self._left_when_read[host] = len(self._left(host))
        found = [
            item for item in reversed(self.records) if item.source == host
        ]
        for end in range(self.page, len(found), self.page):
            if found[end - 1].id in known:
                return tuple(found[:end])
        return tuple(found)

    def groups(self) -> tuple[model.ServerGroup, ...]:
        self._asked('groups')
        return self.groups_

    def aggregates(self) -> tuple[model.Aggregate, ...]:
        self._asked('aggregates')
        return self.aggregates_

    def hypervisor_types(
        self, hypervisors: Iterable[str]
    ) -> Mapping[str, str]:
        self._asked('hypervisor_types')
        return dict.fromkeys(hypervisors, 'QEMU')

    def hypervisor_host(self, hypervisor: str) -> str | None:
        self._asked('hypervisor_host')
        return None

    def evacuate(
        self,
        server_id: str,
        *,
        guarded: bool,
        target_host: str | None,
        stopped: bool,
    ) -> ports.Posted:
        self._asked('evacuate')
        scripts = self.scripts.get(server_id) or [scripts_.GOOD]
        script = scripts.pop(0)
        if script.answer is ports.Answer.NOT_SENT:
            return ports.Posted(script.answer, script.message)
        options = {
            'guarded': guarded,
            'target_host': target_host,
            'stopped': stopped,
        }
        self.requests.append((server_id, options))
        number = len(self.requests)
        item = self.servers_.get(server_id)
        if item is None:
            return ports.Posted(
                ports.Answer.REFUSED, 'not found', f'req-{number}', 404
            )
        self._demand_safe(item, guarded, target_host)
        service_ = self.services_[item.host]
        if not service_.forced_down:
            return ports.Posted(
                ports.Answer.HOST_IN_USE,
                f'Compute service of {item.host} is still in use.',
                f'req-{number}',
                400,
            )
        stops = stopped and self.stops_itself and not guarded
        if script.begins:

            def begin() -> None:
                self.begin(
                    server_id,
                    script,
                    guarded=guarded,
                    target_host=target_host,
                    stops=stops,
                )

            if script.late:
                self.clock.at(script.late, begin)
            else:
                begin()
        if script.answer is ports.Answer.UNCERTAIN:
            if server_id not in {
                item.server_id for item in self.open_records()
            }:
                self.unanswered.add(server_id)
            return ports.Posted(script.answer, script.message)
        return ports.Posted(
            script.answer,
            script.message,
            f'req-{number}',
            script.code or 200,
            stops and script.answer is ports.Answer.ACCEPTED,
        )

    def _demand_safe(
        self, item: model.Server, guarded: bool, target_host: str | None
    ) -> None:
        openly = {record.server_id for record in self.open_records()}
        self._demand(
            item.id not in openly,
            f'2: no second request while an evacuation of {item.id} is open',
        )
        self._demand(
            item.id not in self.unanswered,
            f'2: no second request after one for {item.id} was lost',
        )
        self._demand(
            not self.spawned[item.id], f'2: {item.id} is evacuated already'
        )
        # What happened less than a report interval ago nobody can know.
        alive = self.clock.now - self.alive.get(item.host, math.inf)
        self._demand(alive < self.unknowable, f'1: {item.host} is off')
        lifted = self.clock.now - self.lifted
        self._demand(
            self.services_[item.host].forced_down
            or item.host != data.DEAD
            or lifted < self.unknowable,
            f'1: {item.host} is forced down',
        )
        self._demand(
            not (guarded and target_host),
            'no target host below 2.29, where it would be forced',
        )
        changed = self._changed_at.get(item.id, -math.inf)
        self._demand(
            (item.task_state is None and item.id not in self.unwanted)
            or self.clock.now - changed <= self.fresh,
            f'{item.id} is left in peace',
        )
        for group_ in self.groups_:
            if item.id in group_.members:
                self._demand(
                    not group_.members & openly,
                    f'one member of {group_.name} at a time',
                )
        if self.max_open is not None:
            self._demand(
                len(openly) < self.max_open,
                f'no more than {self.max_open} are open',
            )

    def stop(self, server_id: str) -> None:
        self._asked('stop')
        item = self.servers_[server_id]
        self._demand(
            item.host != data.DEAD, 'nothing is stopped on a dead host'
        )
        if item.vm_state != 'active' or item.task_state is not None:
            raise exceptions.CloudError('it is in another state', code=409)
        self.change(server_id, task_state='powering-off')
        self.clock.at(
            2.0,
            lambda: self.change(
                server_id,
                status='SHUTOFF',
                vm_state='stopped',
                power_state=4,
                task_state=None,
            ),
        )

    def was_stopped(self, server_id: str) -> bool:
        self._asked('was_stopped')
        return server_id in self.stopped_by_owner

    def was_started(self, server_id: str) -> bool:
        self._asked('was_started')
        return server_id in self.started_by_owner

    def failure(
        self, server: model.Server, evacuation: model.Evacuation | None
    ) -> str:
        self._asked('failure')
        if server.fault is None:
            return 'its evacuation failed, and Nova does not say why'
        return server.fault.message
