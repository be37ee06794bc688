"""A device as it is written, made the device of one host."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from osc_instanceha.config import devices
from osc_instanceha.config import document
from osc_instanceha.config import schema
from osc_instanceha.config import secrets
from osc_instanceha.config import substitution
from osc_instanceha.fencing import driver
from osc_instanceha.fencing import specification


def specify(
    device: devices.Device, host: str, environ: Mapping[str, str]
) -> specification.Specification:
    """The device of this host.

    :param environ: where secrets may be
    :raises InvalidInput: if an option does not work for this host
    """
    written = device.options
    options: dict[str, Any] = {}
    for option in device.kind.options:
        name = option.name
        if option.secret:
            for key in secrets.keys(name):
                if key in written:
                    options[name] = _secret(
                        key, name, written[key], host, environ
                    )
        elif name in written:
            node = written[name]
            if option.kind is driver.Kind.MAPPING:
                options[name] = _parameters(node, host, environ)
            elif option.kind is driver.Kind.INTEGER:
                # To a JSON schema, 8.0 is an integer.
                options[name] = int(node.plain())
            else:
                options[name] = _filled(node.value, host)
    seconds = {
        name: float(written[name].plain())
        for name in schema.COMMON
        if name in written
    }
    return specification.Specification(
        device.name,
        device.driver,
        options,
        where=str(device.mark),
        **seconds,
    )


def _parameters(
    node: document.Node, host: str, environ: Mapping[str, str]
) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, child in node.items():
        name = secrets.secret_of(key)
        if name:
            result[name] = _secret(key, name, child, host, environ)
        else:
            result[key] = _filled(child.value, host)
    return result


def _secret(
    key: str,
    name: str,
    node: document.Node,
    host: str,
    environ: Mapping[str, str],
) -> secrets.Secret:
    value = node.value if key == name else _filled(node.value, host)
    return secrets.make(key, name, str(value), node.mark, environ)


def _filled(value: Any, host: str) -> Any:
    return substitution.apply(value, host) if isinstance(value, str) else value
