"""Image properties that Nova does not show: from Glance and Cinder.

A custom property of an image is asked of Glance, once per image; a
volume-backed server has no image, and its root volume carries the properties
(``volume_image_metadata``). What cannot be read is "unknown", with the reason;
it is never an empty set of properties.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any

from keystoneauth1 import adapter as ksa_adapter
from keystoneauth1 import exceptions as ksa_exceptions

from osc_instanceha import model

#: Attributes of an image that are not properties: the schema of GET
#: /v2/images/{id} (glance/api/v2/images.py, get_base_properties).
_ATTRIBUTES = frozenset(
    'checksum container_format created_at direct_url disk_format file id '
    'locations min_disk min_ram name os_hash_algo os_hash_value os_hidden '
    'owner protected schema self size status stores tags updated_at '
    'virtual_size visibility'.split()
)

_RETRIES = 2
_RETRIABLE = [429, 500, 502, 503, 504]


class ImageProperties:
    """:class:`~osc_instanceha.ports.Images` on Glance and Cinder.

    :param image: adapter of the Image API
    :param volume: adapter of the Block Storage API
    :param compute: adapter of the Compute API, for volume attachments
    """

    def __init__(
        self,
        image: ksa_adapter.Adapter,
        volume: ksa_adapter.Adapter,
        compute: ksa_adapter.Adapter,
    ) -> None:
        self._image = image
        self._volume = volume
        self._compute = compute

    def facts(
        self, servers: Iterable[model.Server]
    ) -> Mapping[str, model.ImageFacts]:
        by_image: dict[str, model.ImageFacts] = {}
        found = {}
        for server in servers:
            if server.image_id is None:
                found[server.id] = self._of_volume(server)
                continue
            if server.image_id not in by_image:
                by_image[server.image_id] = self._of_image(server.image_id)
            found[server.id] = by_image[server.image_id]
        return found

    def _of_image(self, image_id: str) -> model.ImageFacts:
        what = f'its image {image_id}'
        try:
            image = self._get(self._image, self._path(image_id))
        except _Unreadable as error:
            return model.ImageFacts(None, f'{what} {error}')
        return model.ImageFacts(
            {
                key: value
                for key, value in image.items()
                if key not in _ATTRIBUTES and isinstance(value, str)
            }
        )

    def _path(self, image_id: str) -> str:
        # The catalog may name the service or its second version.
        try:
            endpoint = str(self._image.get_endpoint() or '')
        except ksa_exceptions.ClientException as error:
            raise _Unreadable(f'could not be read: {error}') from error
        version = '' if endpoint.rstrip('/').endswith('/v2') else '/v2'
        return f'{version}/images/{image_id}'

    def _of_volume(self, server: model.Server) -> model.ImageFacts:
        try:
            volume_id = self._root_volume(server)
        except _Unreadable as error:
            return model.ImageFacts(None, f'its root volume {error}')
        what = f'its root volume {volume_id}'
        try:
            body = self._get(self._volume, f'/volumes/{volume_id}')
        except _Unreadable as error:
            return model.ImageFacts(None, f'{what} {error}')
        volume = body.get('volume')
        if not isinstance(volume, Mapping):
            return model.ImageFacts(None, f'{what} could not be read')
        metadata = volume.get('volume_image_metadata')
        # Cinder leaves it out where there is none.
        if metadata is not None and not isinstance(metadata, Mapping):
            return model.ImageFacts(None, f'{what} could not be read')
        return model.ImageFacts(
            {str(key): str(value) for key, value in (metadata or {}).items()}
        )

    def _root_volume(self, server: model.Server) -> str:
        if len(server.volume_ids) == 1:
            # A volume-backed server has at least its root volume.
            return server.volume_ids[0]
        body = self._get(
            self._compute, f'/servers/{server.id}/os-volume_attachments'
        )
        attachments = body.get('volumeAttachments')
        if not isinstance(attachments, list):
            raise _Unreadable('could not be read')
        roots = [
            item['volumeId']
            for item in attachments
            if isinstance(item, dict)
            and isinstance(item.get('volumeId'), str)
            and server.root_device
            and item.get('device') == server.root_device
        ]
        if len(roots) != 1:
            raise _Unreadable('cannot be told from its other volumes')
        return str(roots[0])

    def _get(self, adapter: ksa_adapter.Adapter, path: str) -> dict[str, Any]:
        try:
            body = adapter.get(
                path,
                connect_retries=_RETRIES,
                status_code_retries=_RETRIES,
                retriable_status_codes=_RETRIABLE,
            ).json()
        except ksa_exceptions.NotFound:
            raise _Unreadable(
                'is not there (any more), or not for these credentials'
            ) from None
        except (
            ksa_exceptions.ClientException,
            ValueError,
            RecursionError,
        ) as error:
            words = ' '.join(str(error).split())
            raise _Unreadable(f'could not be read: {words}') from error
        if not isinstance(body, dict):
            raise _Unreadable('could not be read')
        return body


class _Unreadable(Exception):
    """Why something is unknown."""
