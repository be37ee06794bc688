"""Fence and evacuate compute hosts of an OpenStack cloud.

The public names are these, and what their documentation mentions::

    connect, Cloud         a cloud whose hosts can be recovered
    Selection, Property    which servers
    Options, HostLimit     how
    ServerResult, Outcome, Data, Plan, Step, Action     what comes out
    events, exceptions     modules

They are imported when they are first used, so that importing the package
costs nothing.
"""

from __future__ import annotations

import importlib
from typing import Any
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from osc_instanceha import events
    from osc_instanceha import exceptions
    from osc_instanceha.cloud import Cloud
    from osc_instanceha.cloud import connect
    from osc_instanceha.model import Action
    from osc_instanceha.model import Data
    from osc_instanceha.model import Outcome
    from osc_instanceha.model import ServerResult
    from osc_instanceha.options import HostLimit
    from osc_instanceha.options import Options
    from osc_instanceha.plan import Plan
    from osc_instanceha.plan import Step
    from osc_instanceha.selection import Property
    from osc_instanceha.selection import Selection

__all__ = [
    'Action',
    'Cloud',
    'Data',
    'HostLimit',
    'Options',
    'Outcome',
    'Plan',
    'Property',
    'Selection',
    'ServerResult',
    'Step',
    'connect',
    'events',
    'exceptions',
]

_HOMES = {
    'Action': 'model',
    'Cloud': 'cloud',
    'Data': 'model',
    'HostLimit': 'options',
    'Options': 'options',
    'Outcome': 'model',
    'Plan': 'plan',
    'Property': 'selection',
    'Selection': 'selection',
    'ServerResult': 'model',
    'Step': 'plan',
    'connect': 'cloud',
}


def __getattr__(name: str) -> Any:
    if name in ('events', 'exceptions'):
        return importlib.import_module(f'{__name__}.{name}')
    if name in _HOMES:
        home = importlib.import_module(f'{__name__}.{_HOMES[name]}')
        return getattr(home, name)
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
