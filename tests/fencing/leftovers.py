"""What a driver starts, shows and leaves behind."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import threading
import time
import traceback
from types import TracebackType

import psutil

#: Seconds in which what was told to end has to be gone.
_GRACE = 0.5


@dataclasses.dataclass(frozen=True)
class Snapshot:
    """The threads and child processes of this process at one moment."""

    threads: frozenset[threading.Thread]
    processes: frozenset[psutil.Process]

    @classmethod
    def take(cls) -> Snapshot:
        return cls(
            frozenset(threading.enumerate()),
            frozenset(psutil.Process().children()),
        )

    def left_over(self) -> list[str]:
        """What is there and was not there then.

        What descends from the children of then, as from a simulator, is
        not ours.
        """
        deadline = time.monotonic() + _GRACE
        while True:
            left = [
                str(thread)
                for thread in threading.enumerate()
                if thread not in self.threads
            ]
            left += [str(process) for process in self.processes_since()]
            if not left or time.monotonic() > deadline:
                return left
            time.sleep(0.01)

    def processes_since(self) -> list[psutil.Process]:
        """The child processes that were started since, and theirs."""
        found = []
        for child in psutil.Process().children():
            if child not in self.processes:
                found.append(child)
                with contextlib.suppress(psutil.NoSuchProcess):
                    found += child.children(recursive=True)
        return found


class Watch:
    """Notes what anyone sees of the processes that are started meanwhile."""

    def __init__(self) -> None:
        self._before = Snapshot.take()
        self._seen: dict[tuple[int, str], set[str]] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    def text(self) -> str:
        """All command lines and environments that were seen."""
        return '\n'.join(
            text for texts in self._seen.values() for text in texts
        )

    def command_lines(self) -> str:
        """All command lines that were seen."""
        return '\n'.join(
            text
            for (_pid, name), texts in self._seen.items()
            if name == 'cmdline'
            for text in texts
        )

    def _look(self) -> None:
        while not self._over.wait(0.005):
            for process in self._before.processes_since():
                for name in ('cmdline', 'environ'):
                    path = pathlib.Path('/proc', str(process.pid), name)
                    with contextlib.suppress(OSError):
                        self._seen.setdefault((process.pid, name), set()).add(
                            path.read_text(errors='replace')
                        )


def whole_story(error: BaseException) -> str:
    """The traceback with the values of an error and of all its causes."""
    told = []
    seen: set[int] = set()
    pending: list[BaseException | None] = [error]
    while pending:
        current = pending.pop()
        if current is None or id(current) in seen:
            continue
        seen.add(id(current))
        told += [repr(current), str(vars(current))]
        pending += [current.__cause__, current.__context__]
    told += traceback.format_exception(error)
    return '\n'.join(told)
