"""The options of the fencing drivers, as the drivers describe them.

::

    .. fencing-options:: redfish

is a table of the options of that driver; ``common`` stands for those of every
device. No driver's library need be installed. A driver of this package that
no page has is a warning.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Sequence
from typing import Any

from docutils import nodes
from sphinx import application
from sphinx import environment
from sphinx.util import docutils
from sphinx.util import logging

from osc_instanceha import exceptions
from osc_instanceha.fencing import driver
from osc_instanceha.fencing import loading
from osc_instanceha.fencing import specification

LOG = logging.getLogger(__name__)

_COMMON = 'common'
_WIDTHS = (24, 18, 16, 42)


class FencingOptions(docutils.SphinxDirective):
    """A table of the options of one driver."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        name = self.arguments[0]
        if name == _COMMON:
            return [_table(specification.COMMON)]
        try:
            kind = loading.find(name)
        except exceptions.DriverNotFound as error:
            raise self.error(str(error)) from error
        _documented(self.env).add(name)
        if not kind.options:
            return [nodes.paragraph('', 'It has no options of its own.')]
        return [_table(kind.options)]


def _table(options: Iterable[driver.Option]) -> nodes.table:
    head = ('Option', 'Type', 'Default', 'Meaning')
    group = nodes.tgroup(cols=len(head))
    group += [nodes.colspec(colwidth=width) for width in _WIDTHS]
    group += nodes.thead(
        '', _row([[nodes.paragraph('', title)] for title in head])
    )
    group += nodes.tbody('', *map(_option, options))
    return nodes.table('', group)


def _option(option: driver.Option) -> nodes.row:
    names = [option.name]
    if option.secret:
        names += [f'{option.name}_file', f'{option.name}_env']
    if option.choices:
        kind = _literals(option.choices)
    else:
        kind = [nodes.Text(option.kind.value)]
    if option.required:
        default: list[nodes.Node] = [nodes.Text('must be given')]
    elif option.default is None:
        default = []
    else:
        default = _literals([_as_yaml(option.default)])
    help_ = f'{option.help[:1].upper()}{option.help[1:]}.'
    return _row(
        [
            [nodes.paragraph('', '', *_literals(names))],
            [nodes.paragraph('', '', *kind)],
            [nodes.paragraph('', '', *default)],
            [nodes.paragraph('', help_)],
        ]
    )


def _literals(texts: Sequence[str]) -> list[nodes.Node]:
    found: list[nodes.Node] = []
    for text in texts:
        if found:
            found.append(nodes.Text(', '))
        found.append(nodes.literal('', text))
    return found


def _as_yaml(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _row(cells: Iterable[Sequence[nodes.Node]]) -> nodes.row:
    return nodes.row('', *(nodes.entry('', *cell) for cell in cells))


def _documented(env: environment.BuildEnvironment) -> set[str]:
    if not hasattr(env, 'fencing_drivers'):
        env.fencing_drivers = set()  # type: ignore[attr-defined]
    found: set[str] = env.fencing_drivers  # type: ignore[attr-defined]
    return found


def _check(
    _app: application.Sphinx, env: environment.BuildEnvironment
) -> None:
    ours = {
        name
        for name, kind in loading.drivers().items()
        if kind.__module__.startswith('osc_instanceha.')
    }
    for name in sorted(ours - _documented(env)):
        LOG.warning('no page has the options of the fencing driver %s', name)


def _merge(
    _app: application.Sphinx,
    env: environment.BuildEnvironment,
    _pages: set[str],
    other: environment.BuildEnvironment,
) -> None:
    _documented(env).update(_documented(other))


def setup(app: application.Sphinx) -> dict[str, Any]:
    app.add_directive('fencing-options', FencingOptions)
    app.connect('env-updated', _check)
    app.connect('env-merge-info', _merge)
    return {'parallel_read_safe': True, 'parallel_write_safe': True}
