"""Points, and the tally of what was killed at them."""

from __future__ import annotations

import collections
from collections import abc
import dataclasses

import pytest

from tests.functional.killing import scenes
from tests.functional.killing import taps as taps_

#: Seconds for which what a killed run has announced stays.
LEASE = 6


@dataclasses.dataclass
class Tally:
    """What the summary of the run says.

    :ivar killed: how often each command was killed, and how
    """

    killed: collections.Counter[tuple[str, str]] = dataclasses.field(
        default_factory=collections.Counter
    )
    doubles: int = 0
    lost: int = 0
    false: int = 0

    def add(self, verdict: scenes.Verdict) -> None:
        self.doubles += len(verdict.doubles)
        self.lost += len(verdict.lost)
        self.false += len(verdict.false)


TALLY: pytest.StashKey[Tally] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        '--all-points',
        action='store_true',
        help='kill the commands at every single request, not only at the '
        'first of each kind that merely reads',
    )


def pytest_configure(config: pytest.Config) -> None:
    config.stash[TALLY] = Tally()


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    tally = config.stash[TALLY]
    if not tally.killed:
        return
    terminalreporter.section('killed at any point')
    for (command, how), number in sorted(tally.killed.items()):
        terminalreporter.line(f'{command}: {number} {how}')
    terminalreporter.line(
        f'{tally.killed.total()} points killed, {tally.doubles} double '
        f'spawns, {tally.lost} lost servers, {tally.false} false reports'
    )


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> Tally:
    return request.config.stash[TALLY]


@pytest.fixture
def taps(cloud, fencing) -> abc.Iterator[taps_.Taps]:
    """What holds the command at its requests."""
    made = taps_.Taps(cloud, fencing)
    made.clear()
    yield made
    made.clear()


@pytest.fixture
def scene(request, cloud, fencing, openstack) -> scenes.Scene:
    """The scene of the test's parameter."""
    made = scenes.SCENES[request.param](cloud, fencing, openstack)
    made.lock_for(LEASE)
    made.prepare()
    return made
