"""Running many cells at the same time, on hosts of one cloud."""

from __future__ import annotations

from collections import abc
from concurrent import futures
import itertools
import pathlib

from tests.cloud import client
from tests.functional import rack as rack_
from tests.functional.faults import cells as cells_
from tests.functional.faults import kinds
from tests.functional.faults import troubles

# What dead hosts are evacuated to.
TARGETS = 3
# Most of the time a command waits; Nova works for the others then.
AT_ONCE = 8


def batches(
    cells: abc.Iterable[cells_.Cell], size: int
) -> list[list[list[cells_.Cell]]]:
    """What is run together: for each host the cells that it is used for.

    A lasting trouble mostly leaves the host as it was, for the passing one.
    """
    turns: list[list[cells_.Cell]] = []
    for _key, group in itertools.groupby(
        cells, lambda cell: (cell.kind, cell.trouble)
    ):
        pair = sorted(group, key=lambda cell: not cell.lasting)
        if pair[0].shares:
            turns.append(pair)
        else:
            turns += [[cell] for cell in pair]
    # Those of one kind take the same time.
    return [turns[n : n + size] for n in range(0, len(turns), size)]


class Runs:
    """Runs batches when a cell of them is asked for.

    :param cells: all that will be asked for
    """

    def __init__(
        self,
        cloud: client.Cloud,
        rack: rack_.Rack,
        cells: abc.Iterable[cells_.Cell],
        folder: pathlib.Path,
    ) -> None:
        self._cloud = cloud
        self._rack = rack
        self._folder = folder
        self._config = rack.write(folder)
        self._sources = cloud.hosts[:-TARGETS]
        self._batches = batches(cells, len(self._sources))
        self.ran: dict[cells_.Cell, futures.Future[cells_.Ran]] = {}

    def of(self, cell: cells_.Cell) -> cells_.Ran:
        """What came of a cell."""
        while cell not in self.ran:
            self._run(self._batches.pop(0))
        return self.ran[cell].result()

    def _run(self, batch: list[list[cells_.Cell]]) -> None:
        self._cloud.reset()
        self._rack.reset()
        with futures.ThreadPoolExecutor(AT_ONCE) as pool:
            for done in [
                pool.submit(self._take_turns, host, turns)
                for host, turns in zip(self._sources, batch, strict=False)
            ]:
                done.result()

    def _take_turns(self, host: str, turns: list[cells_.Cell]) -> None:
        server = None
        fresh = False
        for cell in turns:
            made: futures.Future[cells_.Ran] = futures.Future()
            self.ran[cell] = made
            try:
                if not fresh:
                    server = cell.kind.scene.prepare(self._cloud, host)
                folder = self._folder / host
                folder.mkdir(exist_ok=True)
                ran = cells_.run(
                    cell, self._cloud, host, server, self._config, folder
                )
                made.set_result(ran)
                fresh = ran.untouched
            except Exception as error:
                made.set_exception(error)
                return


def sample(cell: cells_.Cell) -> bool:
    """Whether it is one of a spread of cells: every kind, every trouble."""
    row = kinds.KINDS.index(cell.kind)
    column = troubles.TROUBLES.index(cell.trouble)
    return (column + 3 * row + 4 * cell.lasting) % 8 == 0
