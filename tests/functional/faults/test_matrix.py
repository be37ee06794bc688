"""A bad network and a bad Nova: every request times every trouble.

What was said must be true, nothing may be done twice, a trouble that passes
is ridden out, and one that lasts ends in a message with which a person can
do something.
"""

from __future__ import annotations

import pytest

from tests.functional.faults import cells
from tests.functional.faults import kinds
from tests.functional.faults import running
from tests.functional.faults import table
from tests.functional.faults import troubles


@pytest.mark.parametrize('cell', cells.CELLS, ids=str)
def test_cell(cell, runs):
    assert cells.problems(runs.of(cell)) == []


@pytest.mark.parametrize('lasting', [False, True], ids=['passing', 'lasting'])
def test_the_documentation_says_what_was_seen(runs, request, lasting):
    seen = {
        cell: str(future.result().done.code)
        for cell, future in runs.ran.items()
        if cell.lasting is lasting and not future.exception()
    }
    if request.config.getoption('--write-tables'):
        assert len(seen) == sum(
            cell.lasting is lasting for cell in cells.CELLS
        )
        table.path(lasting).write_text(table.text(seen, lasting))
    if not table.path(lasting).exists():
        pytest.skip('no table: run with --all-cells --write-tables')
    said = table.read(lasting)
    assert {cell: said[cell] for cell in seen} == seen


def test_every_kind_and_every_trouble_is_in_the_sample():
    chosen = [cell for cell in cells.CELLS if running.sample(cell)]
    for attribute, whole in (
        ('kind', kinds.KINDS),
        ('trouble', troubles.TROUBLES),
    ):
        for item in whole:
            assert sum(getattr(c, attribute) is item for c in chosen) >= 2
