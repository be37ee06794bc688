"""Hosts that are dead, or only said to be."""

from __future__ import annotations

import requests

from tests.cloud import client


def fence(cloud: client.Cloud, host: str) -> None:
    """What has to be so before anything is evacuated."""
    cloud.crash(host)
    mark(cloud, host)


def mark(cloud: client.Cloud, host: str) -> None:
    response = cloud.set_service(
        host, forced_down=True, status='disabled', disabled_reason='test'
    )
    assert response.ok, response.text


def accepted(response: requests.Response) -> bool:
    assert response.status_code == 200, response.text
    return True


def beats(cloud: client.Cloud, host: str) -> bool:
    """Whether the service record moves within three heartbeats."""
    before = cloud.service(host)['updated_at']
    try:
        client.wait_for(
            lambda: cloud.service(host)['updated_at'] != before,
            'heartbeat',
            timeout=6,
            interval=0.2,
        )
    except client.CloudError:
        return False
    return True
