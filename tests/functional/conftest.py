"""One real cloud for the whole run, as good as new for every test."""

from __future__ import annotations

from collections import abc
import os
import pathlib

import pytest

from tests.cloud import client
from tests.functional import command
from tests.functional import rack as rack_
from tests.functional import tested_with

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


RUN: pytest.StashKey[tested_with.Run] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        '--tested-with',
        type=pathlib.Path,
        metavar='FILE',
        help='put the result for this Nova into this table',
    )


def pytest_configure(config: pytest.Config) -> None:
    for marker in (
        'split_brain: a guest may run on two hosts in this test',
        'needs(microversion): skipped on a Nova that ends before it',
        'every_release: runs on every release of Nova',
    ):
        config.addinivalue_line('markers', marker)
    run = tested_with.Run(config.getoption('--tested-with'))
    config.stash[RUN] = run
    config.pluginmanager.register(run)


def pytest_report_header() -> str:
    nova = os.environ.get('TESTS_NOVA_PYTHON', 'of this environment')
    return f'nova: {nova}'


@pytest.fixture(scope='session')
def embedded(pytestconfig: pytest.Config) -> abc.Iterator[client.Cloud]:
    """A running cloud with four hosts, in whatever state."""
    with client.Cloud.launch(hosts=HOSTS) as running:
        pytestconfig.stash[RUN].meets(running)
        yield running


@pytest.fixture
def cloud(
    embedded: client.Cloud, request: pytest.FixtureRequest
) -> abc.Iterator[client.Cloud]:
    """A cloud in which nothing has happened yet.

    That no guest ever ran twice is checked after each test, whatever it
    tested.
    """
    for mark in request.node.iter_markers('needs'):
        if not embedded.has(*mark.args):
            pytest.skip(
                f'needs {mark.args[0]}: Nova {embedded.nova} ends at '
                f'{embedded.newest}'
            )
    embedded.reset()
    log = request.node.stash[LOG] = NovaLog(embedded.log)
    yield embedded
    log.read()  # after the last test the cloud ends before the report
    if not request.node.get_closest_marker('split_brain'):
        ran_twice = embedded.ran_twice()
        request.config.stash[RUN].ran_twice.update(ran_twice)
        assert ran_twice == []


@pytest.fixture
def release(pytestconfig: pytest.Config) -> tested_with.Run:
    """What this run tells of the Nova that it runs on."""
    return pytestconfig.stash[RUN]


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
