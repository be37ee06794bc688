"""Bodies that are none, as generated cases have found them: errors of ours."""

from __future__ import annotations

from keystoneauth1 import adapter as ksa_adapter
import pytest

from osc_instanceha import exceptions
from osc_instanceha import images
from osc_instanceha.compute import answers
from osc_instanceha.compute import failures
from osc_instanceha.compute import reading
from tests.unit import builders
from tests.unit import samples

UNEXPECTED = exceptions.UnexpectedAnswer
LIST = '/os-aggregates'

# What is none may come right, so it is asked for again.
pytestmark = pytest.mark.usefixtures('naps')


def reader(nova):
    return reading.NovaReader(nova.session())


@pytest.mark.parametrize('body', ['[' * 20_000, '{"a":' * 20_000])
def test_a_body_nested_without_end(nova, body):
    nova.get(LIST, {'text': body})
    with pytest.raises(UNEXPECTED, match='GET /os-aggregates') as caught:
        reader(nova).aggregates()
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize('body', ['[' * 20_000, '[', '5', 'null'])
def test_an_image_that_is_none(requests_mock, body):
    glance = samples.Api(requests_mock, 'http://glance')
    glance.get('/v2/images/image', {'text': body})
    adapter = ksa_adapter.Adapter(
        glance.session(), endpoint_override=glance.url
    )
    made = images.ImageProperties(adapter, adapter, adapter)
    found = made.facts([builders.server(image_id='image')])['a']
    assert found.properties is None
    assert 'could not be read' in found.problem


@pytest.mark.parametrize(
    'version',
    [
        {'status': True},
        {'links': None},
        {'version': 10**30},
        {'version': None},
        {'id': []},
    ],
)
def test_versions_that_are_none(requests_mock, version):
    nova = samples.Api(requests_mock, 'http://nova/v2.1')
    requests_mock.get(
        nova.url,
        json={
            'version': {
                'id': 'v2.1',
                'status': 'CURRENT',
                'version': '2.104',
                'min_version': '2.1',
                'links': [{'rel': 'self', 'href': nova.url}],
                **version,
            }
        },
    )
    with pytest.raises(exceptions.CloudError, match='Compute API') as caught:
        reader(nova).aggregates()
    assert 'attribute' not in str(caught.value)
    assert "'NoneType'" not in str(caught.value)


@pytest.mark.parametrize('text', ['\x00\x1b[2Jx', 'a\nb\x7f'])
def test_what_steers_a_terminal_is_not_passed_on(nova, text):
    nova.get(LIST, {'text': text})
    with pytest.raises(UNEXPECTED) as caught:
        reader(nova).aggregates()
    assert str(caught.value).isprintable()


def test_what_steers_a_terminal_in_the_words_of_a_fault(nova):
    fault = {'message': 'no\nhost\x1b[2J', 'created': None}
    server = answers.server('GET /x', {**samples.server(), 'fault': fault})
    words = reader(nova).failure(server, None)
    assert words.startswith('no host')
    assert words.isprintable()


@pytest.mark.parametrize(
    'date',
    [
        'Sat, 99999999999999999999 Aug 2026 12:00:00 GMT',
        'Sat, 01 Aug 99999999999999999999 12:00:00 GMT',
        'Sat, 01 Aug 2026 99:00:00 +999999999999999999',
    ],
)
def test_a_clock_beyond_all_numbers_is_no_age(date):
    read = answers.service('GET /x', samples.service(), date)
    assert read.quiet_for is None


#: Fields in which a null means that it is none; missing, they mean nothing.
NULLABLE = [
    (answers.server, samples.server, 'OS-EXT-STS:task_state'),
    (answers.server, samples.server, 'OS-SRV-USG:launched_at'),
    (
        answers.server,
        samples.server,
        'OS-EXT-SRV-ATTR:hypervisor_hostname',
    ),
    (answers.evacuation, samples.migration, 'dest_compute'),
    (
        lambda where, item: answers.service(where, item, samples.DATE),
        samples.service,
        'updated_at',
    ),
]


@pytest.mark.parametrize(
    ('read', 'make', 'key'), NULLABLE, ids=[case[2] for case in NULLABLE]
)
def test_what_is_missing_is_not_taken_for_none(read, make, key):
    # Without a task state a server in a live migration looks idle; without
    # a destination, an evacuation that failed there never got anywhere; and
    # a record that never moves is silence.
    read('GET /x', {**make(), key: None})
    item = make()
    del item[key]
    with pytest.raises(UNEXPECTED, match=key):
        read('GET /x', item)


def test_groups_that_go_in_circles(nova):
    nova.get('/os-server-groups', {'server_groups': [samples.group()]})
    with pytest.raises(UNEXPECTED, match='again and again'):
        reader(nova).groups()


def test_groups_that_one_moves_while_they_are_read(nova):
    nova.get(
        '/os-server-groups',
        {'server_groups': [samples.group('g1'), samples.group('g2')]},
        {'server_groups': [samples.group('g2'), samples.group('g3')]},
        {'server_groups': []},
    )
    found = {group.id for group in reader(nova).groups()}
    assert found == {'g1', 'g2', 'g3'}


@pytest.mark.parametrize(
    ('path', 'key', 'item', 'ask'),
    [
        (
            '/servers/detail',
            'servers',
            samples.server(),
            lambda made: made.servers('dead'),
        ),
        (
            '/os-migrations',
            'migrations',
            samples.migration(),
            lambda made: made.evacuations('dead'),
        ),
    ],
)
def test_pages_that_go_in_circles(nova, path, key, item, ask):
    nova.get(path, {key: [item], f'{key}_links': [{'rel': 'next'}]})
    with pytest.raises(UNEXPECTED, match='again and again'):
        ask(reader(nova))


def test_a_library_that_recurses_is_translated():
    with pytest.raises(UNEXPECTED), failures.translated('GET /x'):
        raise RecursionError
