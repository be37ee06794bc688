from __future__ import annotations

import contextlib
import pathlib
import time

import pytest

from tests.unit import builders
from tests.unit import samples
from tests.unit.fencing import scene as scene_
from tests.unit.generated import counting

counting.register()


def pytest_configure(config):
    config.pluginmanager.register(
        counting.Counter(pathlib.Path(__file__).resolve().parent)
    )


@pytest.fixture(autouse=True)
def no_real_sleep(monkeypatch):
    """A test that sleeps is a test of the clock."""

    def sleep(seconds):
        raise AssertionError(f'slept {seconds} s')

    monkeypatch.setattr(time, 'sleep', sleep)


@pytest.fixture
def world():
    """Makes a cloud; the requests of its runs go by its clock."""

    with contextlib.ExitStack() as stack:

        def make(*servers, **fields):
            made = builders.World(*servers, **fields)
            stack.enter_context(made.instead_of_threads())
            return made

        yield make


@pytest.fixture
def naps(monkeypatch):
    """The pauses that a library makes between its tries."""
    taken = []
    monkeypatch.setattr(time, 'sleep', taken.append)
    return taken


@pytest.fixture
def nova(requests_mock):
    """A Compute API that answers as it is told."""
    return samples.Api(requests_mock, 'http://nova/v2.1')


@pytest.fixture
def scene():
    """Makes a cloud whose hosts have fencing devices."""

    with contextlib.ExitStack() as stack:

        def make(*servers, **fields):
            made = scene_.Scene(*servers, **fields)
            stack.enter_context(made.instead_of_threads())
            return made

        yield make
