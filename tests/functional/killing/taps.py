"""Holding a command at one of its requests."""

from __future__ import annotations

import re
from typing import Any

from tests.cloud import client
from tests.functional import command
from tests.functional import rack as rack_
from tests.functional.killing import points


class Taps:
    """What records and holds the requests, of all services and the BMC."""

    def __init__(self, cloud: client.Cloud, rack: rack_.Rack) -> None:
        self._http = cloud.http
        self._urls = {
            **{name: cloud.urls[name] for name in client.SERVICES},
            points.BMC: rack.address,
        }

    def clear(self) -> None:
        for service in self._urls:
            self._control('POST', 'clear', service)

    def requests(self) -> list[tuple[str, dict[str, Any]]]:
        """The requests of the command, with the services, oldest first."""
        found = [
            (service, request)
            for service in self._urls
            for request in self._control('GET', 'requests', service)
            if re.search(points.agent(service), request['agent'])
        ]
        return sorted(found, key=lambda item: item[1]['time'])

    def hold(self, service: str, *faults: dict[str, Any]) -> None:
        self._control('PUT', 'faults', service, list(faults))

    def release(self, service: str) -> None:
        """Let what is held go on, and hold nothing more."""
        self.hold(service)
        self._control('POST', 'release', service)

    def wait_held(
        self, service: str, running: command.Running, count: int = 1
    ) -> bool:
        """Wait until so many requests are held.

        :returns: False if the command ends before
        """

        def held() -> bool:
            return count <= sum(
                request['held']
                for request in self._control('GET', 'requests', service)
            )

        client.wait_for(
            lambda: held() or running.end(0) is not None,
            'a request held, or the end of the command',
            timeout=120,
            interval=0.02,
        )
        return held()

    def _control(
        self, method: str, path: str, service: str, body: Any = None
    ) -> Any:
        response = self._http.request(
            method, f'{self._urls[service]}/control/{path}', json=body
        )
        assert response.status_code == 200, response.text
        return response.json()
