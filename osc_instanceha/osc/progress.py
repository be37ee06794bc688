"""Progress on stderr: a bar for people, lines for logs, silence with -q."""

from __future__ import annotations

import contextlib
from types import TracebackType
from typing import Any
from typing import Self
from typing import TextIO

from osc_instanceha import events
from osc_instanceha import model


class Progress:
    """Shows the events of a run.

    :param stream: where to write
    :param quiet: write only which hosts are refused or left out
    """

    def __init__(self, stream: TextIO, *, quiet: bool) -> None:
        self._stream = stream
        self._quiet = quiet
        self._is_bar = not quiet and stream.isatty()
        self._bar: Any = None
        self._last = ''
        self._counted: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.close()

    def show(self, event: events.Event) -> None:
        match event:
            case events.Planned(plan):
                self._planned(len(plan.steps), plan)
            case events.Listening(host, seconds):
                self._say(
                    f'{host}: listening for {seconds:.0f} s, to be sure that '
                    f'its nova-compute is silent'
                )
            case events.Marked(host, reason):
                self._say(f'{host}: forced down and disabled ({reason})')
            case events.PowerSeen(host, seen):
                self._say(f'{host}: {seen} ({seen.seconds:.1f} s)')
            case events.Waiting(host, what):
                self._say(f'{host}: waiting for {what}')
            case events.HostEnded(result):
                why = f': {result.explanation}' if result.reason else ''
                self._say(f'{result.host}: {result.outcome.value}{why}')
            case events.HostRefused(error=error):
                self._say(str(error), always=True)
            case events.Retrying(server, reason):
                self._say(f'{_named(server)}: to be tried again: {reason}')
            case events.LeftOut(host, error):
                self._say(f'{host}: {error}', always=True)
            case events.Trouble(host, error):
                self._say(f'{host}: {error}')
            case events.Accepted(server, request_id):
                if not self._is_bar:
                    self._say(
                        f'{_named(server)}: evacuation accepted ({request_id})'
                    )
            case events.Ended(result):
                self._ended(result)

    def _planned(self, count: int, plan: Any) -> None:
        moving = plan.having(model.Action.EVACUATE, model.Action.WAIT)
        self._counted |= {step.server.id for step in moving}
        self._say(
            f'{plan.host}: {count} server{"" if count == 1 else "s"}, '
            f'{len(moving)} to evacuate'
        )
        if self._is_bar:
            from tqdm import tqdm

            if self._bar is None:
                self._bar = tqdm(
                    total=0,
                    unit='server',
                    file=self._stream,
                    desc='Evacuating',
                    dynamic_ncols=True,
                )
            self._bar.total += len(moving)
            self._bar.refresh()

    def _ended(self, result: model.ServerResult) -> None:
        if result.server_id not in self._counted:
            return
        if self._bar is not None:
            self._bar.update()
            if result.outcome is model.Outcome.EVACUATED:
                return
        where = f' to {result.destination}' if result.destination else ''
        why = f': {result.reason}' if result.reason else ''
        self._say(
            f'{result.host}: {result.name} ({result.server_id}) '
            f'{result.outcome.value}{where}{why}'
        )

    def _say(self, line: str, *, always: bool = False) -> None:
        # The same trouble comes back in every round.
        if line == self._last or (self._quiet and not always):
            return
        self._last = line
        # Whoever watched may have gone; that is no reason to stop.
        with contextlib.suppress(OSError):
            if self._bar is not None:
                self._bar.write(line, file=self._stream)
            else:
                self._stream.write(line + '\n')
                self._stream.flush()


def _named(server: model.Server) -> str:
    return f'{server.host}: {server.name} ({server.id})'
