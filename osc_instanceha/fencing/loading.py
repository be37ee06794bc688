"""Finding fencing drivers, with stevedore."""

from __future__ import annotations

from collections.abc import Mapping
import functools
from typing import Any

from osc_instanceha import exceptions
from osc_instanceha.fencing import driver

NAMESPACE = 'osc_instanceha.fencing'


@functools.cache
def drivers() -> Mapping[str, type[driver.Driver]]:
    """Every driver that is installed, by name.

    One that cannot be imported is left out: what is wrong with it shows
    when it is asked for.
    """
    from stevedore import extension

    found: extension.ExtensionManager[driver.Driver] = (
        extension.ExtensionManager(
            NAMESPACE, on_load_failure_callback=lambda *_args: None
        )
    )
    return {name: found[name].plugin for name in sorted(found.names())}


def find(name: str) -> type[driver.Driver]:
    """The driver of this name.

    :raises DriverNotFound: if there is none
    """
    known = drivers()
    if name not in known:
        raise exceptions.DriverNotFound(name, tuple(known))
    return known[name]


def with_defaults(
    kind: type[driver.Driver], options: Mapping[str, Any]
) -> dict[str, Any]:
    """The options, and the default of every other one."""
    return {
        **{option.name: option.default for option in kind.options},
        **options,
    }
