"""One real cloud for the whole run, as good as new for every test."""

from __future__ import annotations

from collections import abc
import os
import pathlib

import pytest

from tests.cloud import client
from tests.functional import command
from tests.functional import rack as rack_

HOSTS = 4
LOG_TAIL = 12000  # bytes
LOG: pytest.StashKey[NovaLog] = pytest.StashKey()


class NovaLog:
    """What Nova logs from now on, readable also when the cloud is gone."""

    def __init__(self, path: pathlib.Path) -> None:
        self.path = path
        self.start = path.stat().st_size
        self.text = ''

    def read(self) -> str:
        if self.path.exists():
            with self.path.open('rb') as log:
                end = log.seek(0, os.SEEK_END)
                log.seek(max(self.start, end - LOG_TAIL))
                self.text = log.read().decode(errors='replace')
        return self.text


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        'markers', 'split_brain: a guest may run on two hosts in this test'
    )


@pytest.fixture(scope='session')
def embedded() -> abc.Iterator[client.Cloud]:
    """A running cloud with four hosts, in whatever state."""
    with client.Cloud.launch(hosts=HOSTS) as running:
        yield running


@pytest.fixture
def cloud(
    embedded: client.Cloud, request: pytest.FixtureRequest
) -> abc.Iterator[client.Cloud]:
    """A cloud in which nothing has happened yet.

    That no guest ever ran twice is checked after each test, whatever it
    tested.
    """
    embedded.reset()
    log = request.node.stash[LOG] = NovaLog(embedded.log)
    yield embedded
    log.read()  # after the last test the cloud ends before the report
    if not request.node.get_closest_marker('split_brain'):
        assert embedded.ran_twice() == []


@pytest.fixture(scope='session')
def _rack(embedded: client.Cloud) -> abc.Iterator[rack_.Rack]:
    with rack_.running(embedded) as running:
        yield running


@pytest.fixture
def rack(
    cloud: client.Cloud, _rack: rack_.Rack, openstack: command.Openstack
) -> rack_.Rack:
    """The hosts' fencing devices, which the command does not know yet."""
    _rack.reset()
    return _rack


@pytest.fixture
def fencing(
    rack: rack_.Rack, tmp_path: pathlib.Path, openstack: command.Openstack
) -> rack_.Rack:
    """The hosts' fencing devices, in the command's instanceha.yaml."""
    openstack.env['OS_INSTANCEHA_CONFIG'] = rack.write(tmp_path)
    return rack


@pytest.fixture
def openstack(cloud: client.Cloud) -> abc.Iterator[command.Openstack]:
    """The command, as the operator of the cloud; ended with the test."""
    made = command.Openstack(cloud, command.Preloaded)
    yield made
    made.stop()


@pytest.fixture
def program(cloud: client.Cloud) -> abc.Iterator[command.Openstack]:
    """The same as the installed program, with all that it starts with."""
    made = command.Openstack(cloud)
    yield made
    made.stop()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> abc.Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed and LOG in item.stash:
        report.sections.append(('nova.log', item.stash[LOG].read()))
    return report
