"""What the figures depend on."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import metadata
import os
import platform

from benchmarks import agents
from benchmarks import kinds

_PACKAGES = ('nova', 'python-openstackclient', 'sushy', 'sushy-tools')
_PACKAGES += ('pyghmi',)


def facts(all_kinds: Iterable[kinds.Kind]) -> dict[str, str]:
    """The machine and the versions, by what they are called."""
    load, _five, _fifteen = os.getloadavg()
    found = {
        'cores': f'{os.cpu_count()} (load at the start {load:.1f})',
        'system': f'{platform.system()} {platform.release()}',
        'Python': platform.python_version(),
    }
    for name in _PACKAGES:
        found[name] = metadata.version(name)
    for kind in all_kinds:
        found[kind.agent] = agents.why_not(kind.agent) or agents.version(
            kind.agent
        )
    return found
