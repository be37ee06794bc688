"""openstack host fencing driver list, openstack host fencing driver show"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from collections.abc import Sequence
from typing import Any
from typing import TYPE_CHECKING

from osc_instanceha.osc import command

if TYPE_CHECKING:
    from osc_instanceha.fencing import driver


class ListDriver(command.Lister):
    """List the fencing drivers that are installed"""

    def columns(self, parsed_args: argparse.Namespace) -> Sequence[str]:
        return ('Name', 'Description', 'Extra')

    def act(
        self, parsed_args: argparse.Namespace
    ) -> tuple[command.ExitCode, Iterable[Any]]:
        from osc_instanceha.fencing import loading

        rows = (
            (name, kind.summary, kind.extra)
            for name, kind in loading.drivers().items()
        )
        return command.ExitCode.DONE, command.cut(rows, 3, parsed_args)


class ShowDriver(command.Lister):
    """Show the options of a fencing driver in instanceha.yaml

    Of a secret option, <name>_file (the path of a file that holds it) and
    <name>_env (the name of an environment variable) are understood too.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            'driver',
            metavar='<driver>',
            help='Name of a driver, see "openstack host fencing driver list"',
        )
        return parser

    def columns(self, parsed_args: argparse.Namespace) -> Sequence[str]:
        return (
            'Option',
            'Type',
            'Required',
            'Default',
            'Secret',
            'Description',
        )

    def act(
        self, parsed_args: argparse.Namespace
    ) -> tuple[command.ExitCode, Iterable[Any]]:
        from osc_instanceha.fencing import loading
        from osc_instanceha.fencing import specification

        kind = loading.find(parsed_args.driver)
        rows = (
            _row(option) for option in (*kind.options, *specification.COMMON)
        )
        return command.ExitCode.DONE, command.cut(rows, 6, parsed_args)


def _row(option: driver.Option) -> tuple[Any, ...]:
    type_ = '|'.join(option.choices) or option.kind.value
    return (
        option.name,
        type_,
        option.required,
        option.default,
        option.secret,
        option.help,
    )
