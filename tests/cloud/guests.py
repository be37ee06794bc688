"""What runs where: the truth that Nova's records are measured against."""

from __future__ import annotations

import collections
from collections import abc
import dataclasses
import itertools
import threading
import time


@dataclasses.dataclass
class Run:
    """A time in which a host ran a guest; ``ended`` is None while it does."""

    host: str
    started: float
    ended: float | None = None

    def overlaps(self, other: Run) -> bool:
        def before(a: Run, b: Run) -> bool:
            return a.ended is not None and a.ended <= b.started

        return not before(self, other) and not before(other, self)


class Ledger:
    """Every run and every spawn of every guest, on every host."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.clear()

    def clear(self) -> None:
        with self.lock:
            self.runs: dict[str, list[Run]] = collections.defaultdict(list)
            self.spawns: dict[str, list[str]] = collections.defaultdict(list)

    def spawned(self, host: str, uuid: str) -> None:
        with self.lock:
            self.spawns[uuid].append(host)

    def set_running(self, host: str, uuid: str, running: bool) -> None:
        """A guest runs on this host now, or does not; idempotent."""
        with self.lock:
            now = time.time()
            current = [
                run
                for run in self.runs[uuid]
                if run.host == host and run.ended is None
            ]
            if running and not current:
                self.runs[uuid].append(Run(host, now))
            elif not running:
                for run in current:
                    run.ended = now

    def running_on(self, host: str) -> list[str]:
        with self.lock:
            return [
                uuid
                for uuid, runs in self.runs.items()
                if any(run.host == host and run.ended is None for run in runs)
            ]

    def ran_twice(self) -> list[str]:
        """The guests that ever ran on two hosts at the same time."""
        with self.lock:
            return [
                uuid
                for uuid, runs in self.runs.items()
                if any(
                    a.host != b.host and a.overlaps(b)
                    for a, b in itertools.combinations(runs, 2)
                )
            ]

    def as_dict(self) -> abc.Mapping[str, list[dict]]:
        with self.lock:
            return {
                uuid: [dataclasses.asdict(run) for run in runs]
                for uuid, runs in self.runs.items()
            }
