"""Fence and evacuate compute hosts of an OpenStack cloud.

The public names are these, and what their documentation mentions::

    connect, Cloud         a cloud whose hosts can be recovered
    Selection, Property    which servers
    Options, HostLimit     how they are evacuated
    FenceOptions, UnfenceOptions     how hosts are fenced and unfenced
    Config                 what instanceha.yaml says
    ServerResult, Outcome, Data, Plan, Step, Action     what comes out
    HostResult, HostOutcome, Evidence, PowerState       likewise, of hosts
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
    from osc_instanceha.config.config import Config
    from osc_instanceha.fencing.driver import PowerState
    from osc_instanceha.fencing.evidence import Evidence
    from osc_instanceha.fencing.options import FenceOptions
    from osc_instanceha.fencing.options import UnfenceOptions
    from osc_instanceha.fencing.result import HostOutcome
    from osc_instanceha.fencing.result import HostResult
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
    'Config',
    'Data',
    'Evidence',
    'FenceOptions',
    'HostLimit',
    'HostOutcome',
    'HostResult',
    'Options',
    'Outcome',
    'Plan',
    'PowerState',
    'Property',
    'Selection',
    'ServerResult',
    'Step',
    'UnfenceOptions',
    'connect',
    'events',
    'exceptions',
]

_HOMES = {
    'Action': 'model',
    'Cloud': 'cloud',
    'Config': 'config.config',
    'Data': 'model',
    'Evidence': 'fencing.evidence',
    'FenceOptions': 'fencing.options',
    'HostLimit': 'options',
    'HostOutcome': 'fencing.result',
    'HostResult': 'fencing.result',
    'Options': 'options',
    'Outcome': 'model',
    'Plan': 'plan',
    'PowerState': 'fencing.driver',
    'Property': 'selection',
    'Selection': 'selection',
    'ServerResult': 'model',
    'Step': 'plan',
    'UnfenceOptions': 'fencing.options',
    'connect': 'cloud',
}


def __getattr__(name: str) -> Any:
    if name in ('events', 'exceptions'):
        return importlib.import_module(f'{__name__}.{name}')
    if name in _HOMES:
        home = importlib.import_module(f'{__name__}.{_HOMES[name]}')
        return getattr(home, name)
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
