"""Fencing devices: named ones, and those written where they are used."""

from __future__ import annotations

from collections.abc import Mapping
import dataclasses

from osc_instanceha.config import device_options
from osc_instanceha.config import document
from osc_instanceha.config import problems as problems_
from osc_instanceha.config import validation
from osc_instanceha.fencing import driver as driver_

Drivers = Mapping[str, type[driver_.Driver]]

_PATH = ('fencing', 'devices')

_NAME = {
    'type': 'string',
    'minLength': 1,
    'description': 'the name of a device',
}
_ITEM = {
    'type': ['string', 'object'],
    'minLength': 1,
    'description': 'the name of a device, or a mapping with one',
}
_DRIVER = {**_NAME, 'description': 'the name of a driver'}


@dataclasses.dataclass(frozen=True)
class Device:
    """A device of one host or of many, before anything is filled in.

    :ivar name: of a named device, else its driver's
    :ivar mark: where most of it stands
    """

    name: str
    driver: str
    kind: type[driver_.Driver]
    options: device_options.Written
    path: problems_.Path
    mark: problems_.Mark


class Devices:
    """Reads devices, and knows the named ones."""

    def __init__(
        self,
        root: document.Node,
        drivers: Drivers,
        problems: problems_.Problems,
    ) -> None:
        self._drivers = drivers
        self._problems = problems
        #: None for one that is wrong in itself.
        self._named: dict[str, Device | None] = {}
        section = root.get(*_PATH)
        for name, node in section.items() if section else ():
            self._named[name] = self._defined(node, (*_PATH, name), name)

    def read(self, node: document.Node, path: problems_.Path) -> Device | None:
        """The whole device that a name or a mapping stands for.

        :returns: None after a problem
        """
        device = self._read(node, path)
        if device is None:
            return None
        missing = device_options.missing(device.kind, device.options)
        for option in missing:
            self._problems.add(
                device.mark,
                device.path,
                f'the driver {device.driver} needs the option {option}; '
                f'add it',
            )
        return None if missing else device

    def _read(
        self, node: document.Node, path: problems_.Path
    ) -> Device | None:
        if not validation.check(_ITEM, node, path, self._problems):
            return None
        if isinstance(node.value, str):
            return self._find(node, path)
        name, inline = node.get('device'), node.get('driver')
        if inline and not name:
            return self._defined(node, path)
        if inline or not name:
            self._problems.add(
                node.mark,
                path,
                'has both device and driver; leave one of them'
                if inline
                else 'is no device; write the name of one, or a mapping with '
                'device: and what differs, or with driver: and its options',
            )
            return None
        device = self._find(name, (*path, 'device'))
        if device is None:
            return None
        own = device_options.read(
            node, path, device.kind, 'device', self._problems
        )
        if own is None:
            return None
        return dataclasses.replace(
            device,
            options=device_options.over(device.options, own, device.kind),
            path=path,
            mark=node.mark,
        )

    def _find(
        self, node: document.Node, path: problems_.Path
    ) -> Device | None:
        """The named device of this name."""
        if not validation.check(_NAME, node, path, self._problems):
            return None
        name = str(node.value)
        if name not in self._named:
            cure = problems_.meant(name, self._named)
            if name in self._drivers:
                cure = f'for the driver, write {{driver: {name}}}'
            self._problems.add(
                node.mark,
                path,
                f'fencing.devices has no {problems_.shown(name, path)}; '
                f'{cure}',
            )
        return self._named.get(name)

    def _defined(
        self, node: document.Node, path: problems_.Path, name: str = ''
    ) -> Device | None:
        """The device of a mapping with a driver and its options."""
        if not isinstance(node.value, dict):
            return None
        called = node.get('driver')
        if called is None:
            cure = problems_.meant('', self._drivers)
            self._problems.add(node.mark, path, f'has no driver; {cure}')
            return None
        inside = (*path, 'driver')
        if not validation.check(_DRIVER, called, inside, self._problems):
            return None
        key = str(called.value)
        kind = self._drivers.get(key)
        if kind is None:
            self._problems.add(
                called.mark,
                inside,
                f'there is no driver {problems_.shown(key, inside)}; '
                f'{problems_.meant(key, self._drivers)}',
            )
            return None
        options = device_options.read(
            node, path, kind, 'driver', self._problems
        )
        if options is None:
            return None
        return Device(name or key, key, kind, options, path, node.mark)
