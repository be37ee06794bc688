"""What the commands have in common: exit codes and errors in one line."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from collections.abc import Sequence
import enum
import logging
from typing import Any
from typing import TYPE_CHECKING

from osc_lib.command import command

if TYPE_CHECKING:
    from osc_instanceha import cloud

LOG = logging.getLogger(__name__)


class ExitCode(enum.IntEnum):
    """A contract with whatever calls the commands."""

    DONE = 0
    #: An error before anything was changed.
    ERROR = 1
    #: argparse's own.
    USAGE = 2
    #: Some servers (or hosts) were not recovered.
    INCOMPLETE = 3
    #: A host is not proven off; nothing was evacuated from it.
    NOT_PROVEN_OFF = 4
    #: A safety limit refused.
    LIMIT = 5
    #: Time ran out, or an answer was lost: some outcomes are unknown.
    UNKNOWN = 6
    #: Ctrl-C, as of every openstack command; the report is printed before.
    INTERRUPTED = 130


class UsageError(Exception):
    """Arguments that do not go together, which argparse cannot say."""


def paragraphs(parser: argparse.ArgumentParser) -> None:
    """Keep the paragraphs of a command's description apart in its help."""

    class Formatter(parser.formatter_class):  # type: ignore[name-defined, misc]
        def _fill_text(self, text: str, width: int, indent: str) -> str:
            return '\n\n'.join(
                super(Formatter, self)._fill_text(part, width, indent)
                for part in text.split('\n\n')
            )

    parser.formatter_class = Formatter


class Lister(command.Lister):
    """A list whose exit code says whether all went well.

    cliff's own always ends with 0, and looks at the column names only when
    the work is done already.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        paragraphs(parser)
        return parser

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Iterable[Any]]:
        self.exit_code, rows = self.act(parsed_args)
        return self.columns(parsed_args), rows

    def columns(self, parsed_args: argparse.Namespace) -> Sequence[str]:
        """The columns of this call."""
        raise NotImplementedError

    def act(
        self, parsed_args: argparse.Namespace
    ) -> tuple[ExitCode, Iterable[Any]]:
        """Do the work; returns exit code and rows."""
        raise NotImplementedError

    def _check_columns(self, parsed_args: argparse.Namespace) -> None:
        known = self.columns(parsed_args)
        names = {self._normalize_column_name(name) for name in known}
        for name in parsed_args.columns:
            if self._normalize_column_name(name) not in names:
                raise UsageError(
                    f'No column {name!r} here: there are {", ".join(known)}'
                )

    @property
    def cloud(self) -> cloud.Cloud:
        made: cloud.Cloud = self.app.client_manager.instanceha  # type: ignore[attr-defined]
        return made

    def run(self, parsed_args: argparse.Namespace) -> int:
        from osc_instanceha import exceptions

        self.exit_code = ExitCode.DONE
        try:
            # Before anything is done: it may be an evacuation.
            self._check_columns(parsed_args)
            super().run(parsed_args)
        except UsageError as error:
            self.complain(error)
            return ExitCode.USAGE
        except exceptions.InstanceHAError as error:
            self.complain(error)
            return exit_code_of(error)
        return self.exit_code

    def complain(self, error: Exception) -> None:
        """One line on stderr; the traceback only with ``--debug``."""
        if self.app.options.debug:
            LOG.error('%s', error, exc_info=error)
        else:
            LOG.error('%s', error)


def exit_code_of(error: Exception) -> ExitCode:
    from osc_instanceha import exceptions

    match error:
        case exceptions.HostNotProvenOff():
            return ExitCode.NOT_PROVEN_OFF
        case exceptions.TooManyHostsDown():
            return ExitCode.LIMIT
    return ExitCode.ERROR
