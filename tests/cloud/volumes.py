"""cinder-scheduler and cinder-volume, with a driver that only pretends."""

from __future__ import annotations

import threading
from typing import Any

from cinder import service
from cinder.volume import driver


class PretendVolumeDriver(driver.VolumeDriver):
    """Volumes without data; an image is "cloned" into one at once."""

    VERSION = '1.0'

    def check_for_setup_error(self) -> None:
        pass

    def _update_volume_stats(self) -> None:
        self._stats = {
            'volume_backend_name': 'pretend',
            'vendor_name': 'Nobody',
            'driver_version': self.VERSION,
            'storage_protocol': 'fake',
            'total_capacity_gb': 'infinite',
            'free_capacity_gb': 'infinite',
            'reserved_percentage': 0,
        }

    def nothing(self, *args: Any, **kwargs: Any) -> None:
        pass

    create_volume = delete_volume = extend_volume = nothing
    create_volume_from_snapshot = create_cloned_volume = nothing
    create_snapshot = delete_snapshot = nothing
    ensure_export = create_export = remove_export = nothing
    terminate_connection = nothing

    def clone_image(self, *args: Any) -> tuple[dict, bool]:
        return {}, True

    def initialize_connection(self, volume: Any, connector: dict) -> dict:
        return {
            'driver_volume_type': 'fake',
            'data': {'volume_id': volume.id, 'host': connector['host']},
        }


class Service(service.Service):
    heart = threading.Lock()

    def report_state(self) -> None:
        # Cinder keeps the id of "the" service for the whole process, and two
        # services in one process would both report for the last one.
        with self.heart:
            service.Service.service_id = self.origin_service_id
            super().report_state()


def start() -> None:
    host = service.CONF.host
    service.CONF.register_opt(
        service.cfg.StrOpt('backend_host'), group='pretend'
    )
    # The scheduler last: its start waits to be told of a backend.
    for options in (
        {
            'binary': 'cinder-volume',
            'host': host + '@pretend',
            'service_name': 'pretend',
            'coordination': True,
        },
        {'binary': 'cinder-scheduler'},
    ):
        Service.create(**options).start()
