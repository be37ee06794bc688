"""A table of the releases of Nova that these tests have run on.

``--tested-with FILE`` puts the run's own row into it; the rows of other
releases stay.
"""

from __future__ import annotations

import collections
import csv
import pathlib

import pytest

from tests.cloud import client

SERIES = {
    25: 'Yoga',
    26: 'Zed',
    27: '2023.1 Antelope',
    28: '2023.2 Bobcat',
    29: '2024.1 Caracal',
    30: '2024.2 Dalmatian',
    31: '2025.1 Epoxy',
    32: '2025.2 Flamingo',
    33: '2026.1 Gazpacho',
    34: '2026.2 Hibiscus',
}
HEADER = (
    'Series',
    'Nova',
    'Newest microversion',
    'A second request to evacuate',
    'Passed',
    'Skipped',
    'Failed',
    'Guests run twice',
)


class Run:
    """What one run has shown of one Nova, as a plugin of pytest.

    :ivar cloud: set when there is one
    :ivar second: what Nova did with a second request
    :ivar ran_twice: guests that ran on two hosts where none should have
    """

    def __init__(self, path: pathlib.Path | None) -> None:
        self.path = path
        self.nova = ''
        self.newest = ''
        self.second = 'not tried'
        self.ran_twice: set[str] = set()
        self.ends: collections.Counter[str] = collections.Counter()

    def meets(self, cloud: client.Cloud) -> None:
        self.nova, self.newest = cloud.nova, cloud.newest

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        # What a fixture finds after a test counts as the test's failure.
        if report.when == 'call' or report.outcome != 'passed':
            self.ends[report.outcome] += 1

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        whole = exitstatus in (
            pytest.ExitCode.OK,
            pytest.ExitCode.TESTS_FAILED,
        )
        if self.path is None or not self.nova or not whole:
            return
        rows = {row[1]: row for row in read(self.path)}
        rows[self.nova] = [
            SERIES[number(self.nova)[0]],
            self.nova,
            self.newest,
            self.second,
            *(str(self.ends[end]) for end in ('passed', 'skipped', 'failed')),
            str(len(self.ran_twice)),
        ]
        with self.path.open('w', newline='') as stream:
            writer = csv.writer(stream, lineterminator='\n')
            writer.writerow(HEADER)
            writer.writerows(
                rows[nova] for nova in sorted(rows, key=number, reverse=True)
            )


def read(path: pathlib.Path) -> list[list[str]]:
    if not path.exists():
        return []
    with path.open(newline='') as stream:
        return list(csv.reader(stream))[1:]


def number(nova: str) -> tuple[int, ...]:
    return tuple(int(part) for part in nova.split('.')[:3])
