"""The cells of the matrix, run in batches on a cloud of many hosts."""

from __future__ import annotations

from collections import abc
import pathlib

import pytest

from tests.cloud import client
from tests.functional import rack as rack_
from tests.functional.faults import cells
from tests.functional.faults import running

HOSTS = 15


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup('faults')
    group.addoption(
        '--all-cells',
        action='store_true',
        help='Every cell of the matrix of faults, and not just a sample',
    )
    group.addoption(
        '--write-tables',
        action='store_true',
        help='Write what was seen to the documentation (with --all-cells)',
    )


def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Leave out all but the sample, unless all are wanted, or one is named."""
    if config.getoption('--all-cells') or config.getoption('keyword'):
        return
    left = [
        item
        for item in items
        if (cell := _cell(item)) and not running.sample(cell)
    ]
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if item not in set(left)]


def _cell(item: pytest.Item) -> cells.Cell | None:
    callspec = getattr(item, 'callspec', None)
    found = callspec.params.get('cell') if callspec else None
    return found if isinstance(found, cells.Cell) else None


@pytest.fixture(scope='session')
def crowd() -> abc.Iterator[client.Cloud]:
    """A cloud with a host for each of the cells that are run together."""
    with client.Cloud.launch(hosts=HOSTS) as cloud:
        yield cloud


@pytest.fixture(scope='session')
def runs(
    crowd: client.Cloud,
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
) -> abc.Iterator[running.Runs]:
    """Runs every cell that was asked for."""
    wanted = [cell for item in request.session.items if (cell := _cell(item))]
    with rack_.running(crowd) as rack:
        yield running.Runs(
            crowd, rack, wanted, pathlib.Path(tmp_path_factory.mktemp('runs'))
        )
