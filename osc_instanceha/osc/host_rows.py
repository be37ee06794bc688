"""The report of a command that does something to hosts."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from collections.abc import Sequence
from typing import Any
from typing import TYPE_CHECKING

from osc_instanceha.osc import command

if TYPE_CHECKING:
    from osc_instanceha.fencing import evidence
    from osc_instanceha.fencing import result

_FIRST = (
    'Host',
    'Outcome',
    'Power State',
    'Device',
    'Forced Down',
    'Status',
    'Reason',
)
_MORE = ('State', 'Disabled Reason', 'Read At', 'Seconds', 'Evidence')


def columns(parsed_args: argparse.Namespace) -> Sequence[str]:
    if parsed_args.long or command.for_machines(parsed_args):
        return (*_FIRST, *_MORE)
    return _FIRST


def rows(
    results: Iterable[result.HostResult], parsed_args: argparse.Namespace
) -> list[tuple[Any, ...]]:
    return command.cut(
        (_row(item, parsed_args) for item in results),
        len(columns(parsed_args)),
        parsed_args,
    )


def _row(
    item: result.HostResult, parsed_args: argparse.Namespace
) -> tuple[Any, ...]:
    from osc_instanceha.fencing import evidence

    return (
        item.host,
        item.outcome.value,
        item.power_state.value if item.evidence else None,
        evidence.names(item.decisive) or None,
        item.forced_down,
        status(item.enabled),
        item.explanation,
        item.state,
        item.disabled_reason,
        read_at(item.decisive),
        round(item.seconds, 1),
        shown(item.evidence, parsed_args),
    )


def status(enabled: bool | None) -> str | None:
    """The status of a compute service, in Nova's words."""
    if enabled is None:
        return None
    return 'enabled' if enabled else 'disabled'


def read_at(items: Sequence[evidence.Evidence]) -> str | None:
    """When the last of these was read."""
    from osc_instanceha.fencing import evidence

    moments = [item.read_at for item in items if item.read_at is not None]
    return evidence.stamp(max(moments)) if moments else None


def shown(
    items: Sequence[evidence.Evidence], parsed_args: argparse.Namespace
) -> Any:
    """Evidence, as data or in words."""
    if command.for_machines(parsed_args):
        return [item.as_dict() for item in items]
    return '\n'.join(str(item) for item in items)
