"""The matrix, as the documentation shows it."""

from __future__ import annotations

from collections import abc
import csv
import io
import pathlib

from tests.cloud import client
from tests.functional.faults import cells
from tests.functional.faults import kinds
from tests.functional.faults import troubles

FOLDER = client.ROOT / 'doc/source/contributor'

Codes = dict[cells.Cell, str]


def path(lasting: bool) -> pathlib.Path:
    return FOLDER / f'faults-{"lasting" if lasting else "passing"}.csv'


def text(codes: abc.Mapping[cells.Cell, str], lasting: bool) -> str:
    """One of the two tables: a row a kind, a column a trouble."""
    made = io.StringIO()
    writer = csv.writer(made, lineterminator='\n')
    writer.writerow(['Request', *(it.name for it in troubles.TROUBLES)])
    for kind in kinds.KINDS:
        writer.writerow(
            [
                kind.name,
                *(
                    codes.get(cells.Cell(kind, trouble, lasting), '–')
                    for trouble in troubles.TROUBLES
                ),
            ]
        )
    return made.getvalue()


def read(lasting: bool) -> Codes:
    """What the documentation says."""
    rows = list(csv.DictReader(path(lasting).read_text().splitlines()))
    by_name = {row['Request']: row for row in rows}
    return {
        cell: by_name[cell.kind.name][cell.trouble.name]
        for cell in cells.CELLS
        if cell.lasting is lasting
    }
