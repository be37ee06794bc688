"""What the commands have in common: exit codes and errors in one line."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
import contextlib
import enum
import logging
import signal
from typing import Any
from typing import Protocol
from typing import TYPE_CHECKING

from osc_lib.command import command

from osc_instanceha.osc import authenticating

if TYPE_CHECKING:
    from osc_instanceha import cloud
    from osc_instanceha import events
    from osc_instanceha import exceptions

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
    #: SIGTERM; likewise.
    TERMINATED = 143


class UsageError(Exception):
    """Arguments that do not go together, which argparse cannot say."""


class Terminated(KeyboardInterrupt):
    """SIGTERM, which ends a run as Ctrl-C does."""


@contextlib.contextmanager
def terminable() -> Iterator[None]:
    """Let SIGTERM raise :class:`Terminated` inside.

    :raises Terminated: when the process is told to end
    """

    def end(number: int, frame: Any) -> None:
        # Once: whoever repeats it means it.
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        raise Terminated

    try:
        before = signal.signal(signal.SIGTERM, end)
    except ValueError:
        # Not the main thread: whoever runs this there has the signals.
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)


class Run(Protocol):
    """Something that can be watched, and accounts for what it did."""

    def __iter__(self) -> Iterator[events.Event]: ...

    def results(self) -> Sequence[Any]: ...


def for_machines(parsed_args: argparse.Namespace) -> bool:
    """Whether the format is one that is always complete."""
    return parsed_args.formatter in ('json', 'yaml')


def cut(
    rows: Iterable[tuple[Any, ...]],
    width: int,
    parsed_args: argparse.Namespace,
) -> list[tuple[Any, ...]]:
    """The rows, in the width and the values of this format."""
    # A null is for machines; a person reads an empty cell.
    machine = for_machines(parsed_args)
    return [
        tuple(
            '' if value is None and not machine else value
            for value in row[:width]
        )
        for row in rows
    ]


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

    # OpenStackClient's way to a token is not ours; see authenticating.
    auth_required = False

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

    def watch(self, run: Run) -> ExitCode:
        """Let a run go on to its end, and show how it does.

        :raises InstanceHAError: what kept it from changing anything
        """
        from osc_instanceha import exceptions
        from osc_instanceha.osc import progress

        quiet = self.app.options.verbose_level == 0
        with progress.Progress(self.app.stderr, quiet=quiet) as shown:
            try:
                with terminable():
                    for event in run:
                        shown.show(event)
            except exceptions.InstanceHAError:
                # Raised only before anything was changed.
                raise
            except KeyboardInterrupt as end:
                # Nothing more is begun; what is open is reported as such.
                return (
                    ExitCode.TERMINATED
                    if isinstance(end, Terminated)
                    else ExitCode.INTERRUPTED
                )
            except Exception as error:
                # A defect of ours. Something may have been done, and what is
                # known of it is the report; exit code 1 would deny it.
                if not run.results():
                    raise
                self.complain(error)
                return ExitCode.INCOMPLETE
        return ExitCode.DONE

    @property
    def cloud(self) -> cloud.Cloud:
        made: cloud.Cloud = self.app.client_manager.instanceha  # type: ignore[attr-defined]
        return made

    def run(self, parsed_args: argparse.Namespace) -> int:
        from osc_instanceha import exceptions

        self.exit_code = ExitCode.DONE
        if not self.app.options.debug:
            # What it says of a lock that was lost is no news, and has
            # tracebacks.
            logging.getLogger('tooz').setLevel(logging.CRITICAL)
        try:
            # Before anything is done: it may be an evacuation.
            self._check_columns(parsed_args)
            authenticating.authenticate(self.app, self)
            super().run(parsed_args)
        except UsageError as error:
            self.complain(error)
            return ExitCode.USAGE
        except exceptions.CloudError as error:
            self.complain(error, _cure(error))
            return exit_code_of(error)
        except exceptions.InstanceHAError as error:
            self.complain(error)
            return exit_code_of(error)
        return self.exit_code

    def complain(self, error: Exception, cure: str = '') -> None:
        """One line on stderr; the traceback only with ``--debug``."""
        if self.app.options.debug:
            LOG.error('%s%s', error, cure, exc_info=error)
        else:
            LOG.error('%s%s', error, cure)


def _cure(error: exceptions.CloudError) -> str:
    """What to do about an error that ended a command."""
    if not error.passing:
        return ''
    return '. Nothing was changed; run the command again'


def exit_code_of(error: Exception) -> ExitCode:
    from osc_instanceha import exceptions

    match error:
        case exceptions.HostNotProvenOff():
            return ExitCode.NOT_PROVEN_OFF
        case exceptions.TooManyHostsDown():
            return ExitCode.LIMIT
    return ExitCode.ERROR
