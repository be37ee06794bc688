"""Nova's JSON in, the model out; what does not fit is an error.

A field that decides about a server is demanded with its type: a null, a
missing key or a string in place of a number must never become a default on
which something is then done.
"""

from __future__ import annotations

from collections.abc import Mapping
import datetime
import email.utils
from typing import Any
from typing import cast
from typing import TypeVar

from osc_instanceha import exceptions
from osc_instanceha import model

#: Aggregate metadata by which an operator declares shared storage.
SHARED_STORAGE = 'instanceha:shared_storage'

_HOST = 'OS-EXT-SRV-ATTR:host'

T = TypeVar('T')


class Reader:
    """Demands fields of a JSON object.

    :param where: the call, for the error
    """

    def __init__(self, where: str, item: Any) -> None:
        self._where = where
        if not isinstance(item, Mapping):
            raise exceptions.UnexpectedAnswer(
                where, f'{_shown(item)} where an object is expected'
            )
        self._item = item

    def has(self, key: str) -> bool:
        return key in self._item

    def get(self, key: str, kind: type[T]) -> T:
        """The value.

        :raises UnexpectedAnswer: if it is missing or of another type
        """
        if key not in self._item:
            raise exceptions.UnexpectedAnswer(self._where, f'no {key!r}')
        return self._check(key, self._item[key], kind)

    def optional(self, key: str, kind: type[T]) -> T | None:
        """The value; None where it is null or missing."""
        value = self._item.get(key)
        return None if value is None else self._check(key, value, kind)

    def nullable(self, key: str, kind: type[T]) -> T | None:
        """The value, or None for a null: Nova's way to say that it is none.

        :raises UnexpectedAnswer: if it is missing, which says nothing
        """
        return None if self.get(key, object) is None else self.get(key, kind)

    def read(self, key: str) -> Reader:
        return Reader(f'{self._where}: {key}', self.get(key, dict))

    def strings(self, key: str) -> dict[str, str]:
        """An object of strings."""
        values = self.get(key, dict)
        for name, value in values.items():
            self._check(f'{key}: {name}', value, str)
        return cast(dict[str, str], values)

    def string_list(self, key: str) -> list[str]:
        """A list of strings."""
        values = self.get(key, list)
        return [self._check(key, value, str) for value in values]

    def _check(self, key: str, value: Any, kind: type[T]) -> T:
        # A bool is an int to Python, but not to Nova.
        if not isinstance(value, kind) or (
            isinstance(value, bool) and kind is not bool
        ):
            raise exceptions.UnexpectedAnswer(
                self._where, f'{key!r} is {_shown(value)}'
            )
        return value


def _shown(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else shown[:59] + '…'


def items(where: str, body: Any, key: str) -> list[Any]:
    """The list of a list call.

    :raises UnexpectedAnswer: if the body does not hold one
    """
    return Reader(where, body).get(key, list)


def server(where: str, item: Any) -> model.Server:
    """:raises Forbidden: if policy hides the hosts of servers
    :raises IncompleteAnswer: if the server's cell is down
    """
    raw = Reader(where, item)
    if raw.get('status', str) == 'UNKNOWN':
        raise exceptions.IncompleteAnswer(
            f'{where}: the cell of server {raw.get("id", str)} does not answer'
        )
    if not raw.has(_HOST):
        raise exceptions.Forbidden(
            f'{where} does not show the hosts of servers to these '
            f'credentials, so nothing can be told about any of them: use '
            f'credentials with the admin role'
        )
    flavor = raw.read('flavor')
    specs = (
        flavor.strings('extra_specs') if flavor.has('extra_specs') else None
    )
    image = raw.get('image', object)
    image_id = properties = None
    if image != '':
        image_raw = raw.read('image')
        image_id = image_raw.get('id', str)
        if image_raw.has('properties'):
            properties = image_raw.strings('properties')
    tags = None
    if raw.has('tags'):
        tags = frozenset(raw.string_list('tags'))
    volumes = raw.optional('os-extended-volumes:volumes_attached', list) or []
    return model.Server(
        id=raw.get('id', str),
        name=raw.get('name', str),
        host=raw.optional(_HOST, str) or '',
        project_id=raw.get('tenant_id', str),
        status=raw.get('status', str),
        vm_state=raw.get('OS-EXT-STS:vm_state', str),
        task_state=raw.nullable('OS-EXT-STS:task_state', str),
        power_state=raw.get('OS-EXT-STS:power_state', int),
        launched_at=timestamp(
            where, raw.nullable('OS-SRV-USG:launched_at', str)
        ),
        created=raw.get('created', str),
        flavor=model.Flavor(
            name=flavor.get('original_name', str),
            ephemeral=flavor.get('ephemeral', int),
            extra_specs=specs,
        ),
        image_id=image_id,
        image_properties=properties,
        tags=tags,
        metadata=raw.strings('metadata'),
        volume_ids=tuple(
            Reader(where, volume).get('id', str) for volume in volumes
        ),
        root_device=raw.optional('OS-EXT-SRV-ATTR:root_device_name', str),
        hypervisor=raw.nullable('OS-EXT-SRV-ATTR:hypervisor_hostname', str),
        fault=_fault(where, raw),
    )


def _fault(where: str, raw: Reader) -> model.Fault | None:
    if not raw.has('fault'):
        return None
    fault = raw.read('fault')
    return model.Fault(
        fault.optional('message', str) or '',
        timestamp(where, fault.optional('created', str)),
    )


def service(where: str, item: Any, answered: str | None) -> model.Service:
    """:param answered: the ``Date`` of the answer"""
    raw = Reader(where, item)
    host = raw.get('host', str)
    if not raw.has('state'):
        # What a cell that does not answer leaves behind, from 2.69 on.
        return model.Service('', host, None, None, None)
    state = raw.get('state', str)
    status = raw.get('status', str)
    if state not in ('up', 'down') or status not in ('enabled', 'disabled'):
        raise exceptions.UnexpectedAnswer(
            where, f'{host} is {_shown(state)} and {_shown(status)}'
        )
    updated_at = timestamp(where, raw.nullable('updated_at', str))
    return model.Service(
        id=raw.get('id', str),
        host=host,
        up=state == 'up',
        enabled=status == 'enabled',
        forced_down=raw.get('forced_down', bool),
        disabled_reason=raw.optional('disabled_reason', str),
        updated_at=updated_at,
        quiet_for=_age(updated_at, answered),
    )


def timestamp(where: str, value: str | None) -> datetime.datetime | None:
    """A time of Nova's, which is UTC whether it says so or not."""
    return None if value is None else moment(where, value)


def moment(where: str, value: str) -> datetime.datetime:
    """The same, where there has to be one."""
    try:
        found = datetime.datetime.fromisoformat(value)
    except ValueError:
        raise exceptions.UnexpectedAnswer(
            where, f'{_shown(value)} is no time'
        ) from None
    return found.replace(tzinfo=found.tzinfo or datetime.UTC)


def _age(
    since: datetime.datetime | None, answered: str | None
) -> float | None:
    if since is None or answered is None:
        return None
    try:
        now = email.utils.parsedate_to_datetime(answered)
    except (ValueError, OverflowError):
        return None
    if now.tzinfo is None:
        return None
    return (now - since).total_seconds()


def evacuation(where: str, item: Any) -> model.Evacuation:
    """:raises Forbidden: if policy hides source and destination"""
    raw = Reader(where, item)
    source = raw.optional('source_compute', str)
    if source is None:
        raise exceptions.Forbidden(
            f'{where} does not show the hosts of migrations to these '
            f'credentials: use credentials with the admin role, or allow '
            f'them os_compute_api:os-migrations:index:host'
        )
    try:
        status = model.MigrationStatus(raw.get('status', str))
    except ValueError:
        status = model.MigrationStatus.OTHER
    return model.Evacuation(
        id=raw.get('uuid', str),
        server_id=raw.get('instance_uuid', str),
        status=status,
        source=source,
        destination=raw.nullable('dest_compute', str),
        created=moment(where, raw.get('created_at', str)),
    )


def group(where: str, item: Any) -> model.ServerGroup:
    raw = Reader(where, item)
    # One policy from 2.64 on, a list of one before.
    policy = raw.optional('policy', str)
    if policy is None:
        policy = ', '.join(raw.string_list('policies'))
    return model.ServerGroup(
        id=raw.get('id', str),
        name=raw.get('name', str),
        policy=policy,
        members=frozenset(raw.string_list('members')),
    )


def aggregate(where: str, item: Any) -> model.Aggregate:
    """:raises InvalidInput: if the declaration is neither true nor false"""
    raw = Reader(where, item)
    name = raw.get('name', str)
    declared = raw.strings('metadata').get(SHARED_STORAGE)
    shared = None
    if declared is not None:
        if declared.lower() not in ('true', 'false'):
            raise exceptions.InvalidInput(
                f'Aggregate {name} has {SHARED_STORAGE}={declared}, which '
                f'must be true or false',
                what=SHARED_STORAGE,
            )
        shared = declared.lower() == 'true'
    return model.Aggregate(
        name=name,
        hosts=frozenset(raw.string_list('hosts')),
        shared_storage=shared,
    )
