"""Every page, exactly these, and never half of it taken for all."""

from __future__ import annotations

import datetime

import pytest
import requests

from osc_instanceha import exceptions
from osc_instanceha import model
from osc_instanceha.compute import reading
from tests.unit import builders
from tests.unit import samples

VERSION = 'OpenStack-API-Version'


def reader(nova, **fields):
    return reading.NovaReader(nova.session(), **fields)


def links(key):
    return {f'{key}_links': [{'rel': 'next', 'href': 'http://elsewhere/'}]}


def test_servers_are_read_page_by_page(nova):
    nova.get(
        '/servers/detail',
        {
            'servers': [samples.server('a'), samples.server('b')],
            **links('servers'),
        },
        {'servers': [samples.server('c')]},
    )
    found = reader(nova).servers('dead')
    assert [server.id for server in found] == ['a', 'b', 'c']
    assert [request.qs for request in nova.requests] == [
        {'host': ['dead'], 'all_tenants': ['1']},
        {'host': ['dead'], 'all_tenants': ['1'], 'marker': ['b']},
    ]


def test_an_empty_page_is_the_last(nova):
    nova.get(
        '/servers/detail',
        {'servers': [samples.server('a')], **links('servers')},
        {'servers': [], **links('servers')},
    )
    assert len(reader(nova).servers('dead')) == 1


def test_a_page_that_fails_fails_the_list(nova, naps):
    nova.get(
        '/servers/detail',
        {'servers': [samples.server('a')], **links('servers')},
        {'status_code': 500},
    )
    with pytest.raises(exceptions.CloudError) as caught:
        reader(nova).servers('dead')
    assert caught.value.code == 500


@pytest.mark.parametrize(
    ('top', 'ceiling', 'expected'),
    [
        ('2.60', None, '2.60'),
        ('2.96', None, '2.96'),
        ('2.104', None, '2.98'),
        ('2.104', (2, 80), '2.80'),
    ],
)
def test_every_read_names_its_microversion(
    requests_mock, top, ceiling, expected
):
    nova = samples.Api(requests_mock, 'http://nova/v2.1', top)
    nova.get('/servers/detail', {'servers': []})
    nova.get('/os-services', {'services': [samples.service('h')]})
    nova.get('/os-migrations', {'migrations': []})
    nova.get('/os-server-groups', {'server_groups': []})
    nova.get('/os-aggregates', {'aggregates': []})
    nova.get('/os-hypervisors/detail', {'hypervisors': []})
    made = reader(nova, ceiling=ceiling)
    made.servers('h')
    made.services()
    made.service('h')
    made.evacuations('h')
    made.groups()
    made.aggregates()
    made.hypervisor_host('h')
    assert {request.headers[VERSION] for request in nova.requests} == {
        f'compute {expected}'
    }
    assert len(nova.requests) == 7


def test_a_cloud_that_is_too_old_is_told(requests_mock):
    nova = samples.Api(requests_mock, 'http://nova/v2.1', '2.53')
    with pytest.raises(exceptions.MicroversionTooLow):
        reader(nova).services()
    assert nova.requests == []


def test_a_cloud_without_a_compute_api_is_told(requests_mock, naps):
    requests_mock.get('http://nova/v2.1', status_code=404)
    requests_mock.get('http://nova/', status_code=404)
    nova = samples.Api(requests_mock, 'http://nova/v2.1')
    requests_mock.get('http://nova/v2.1', status_code=404)
    with pytest.raises(exceptions.CloudError):
        reader(nova).services()


@pytest.mark.parametrize('code', [429, 500, 502, 503, 504])
def test_a_read_is_repeated_twice(nova, naps, code):
    nova.get(
        '/os-services',
        {'status_code': code},
        {'status_code': code},
        {'services': [samples.service()]},
    )
    assert len(reader(nova).services()) == 1
    assert len(naps) == 2


def test_a_read_is_repeated_after_a_connection_that_failed(nova, naps):
    nova.get(
        '/os-services',
        {'exc': requests.exceptions.ConnectionError},
        {'services': [samples.service()]},
    )
    assert len(reader(nova).services()) == 1


def test_a_read_that_goes_on_failing_is_an_error(nova, naps):
    nova.get('/os-services', {'status_code': 503})
    with pytest.raises(exceptions.Unreachable):
        reader(nova).services()
    assert len(nova.requests) == 3


def test_a_page_in_place_of_an_answer_is_asked_past(nova, naps):
    nova.get(
        '/os-services',
        {'text': '<html>hello</html>'},
        {'services': [samples.service()]},
    )
    assert len(reader(nova).services()) == 1


@pytest.mark.parametrize(
    ('after', 'pauses'), [('2', [2.0]), ('0', [0.5]), ('soon', [0.5])]
)
def test_a_read_waits_as_long_as_the_service_wants(nova, naps, after, pauses):
    nova.get(
        '/os-services',
        {'status_code': 429, 'headers': {'Retry-After': after}},
        {'services': [samples.service()]},
    )
    assert len(reader(nova).services()) == 1
    assert naps == pauses


def test_a_read_does_not_wait_for_an_hour(nova, naps):
    nova.get(
        '/os-services',
        {'status_code': 503, 'headers': {'Retry-After': '3600'}},
    )
    with pytest.raises(exceptions.Unreachable) as caught:
        reader(nova).services()
    assert caught.value.retry_after == 3600
    assert naps == []


def test_a_cloud_that_shows_no_compute_host_is_ill(nova):
    nova.get('/os-services', {'services': []})
    with pytest.raises(exceptions.IncompleteAnswer):
        reader(nova).services()
    assert reader(nova).service('dead') is None


@pytest.mark.parametrize('code', [401, 403])
def test_credentials_that_do_not_suffice_are_told(nova, code):
    nova.get('/os-services', {'status_code': code})
    with pytest.raises(exceptions.Forbidden, match='admin role'):
        reader(nova).services()


@pytest.mark.parametrize('text', ['', '<html>hello</html>', 'null', '[]'])
def test_an_answer_that_is_no_json_object_is_an_error(nova, naps, text):
    nova.get('/os-services', {'text': text})
    with pytest.raises(exceptions.UnexpectedAnswer):
        reader(nova).services()


# Services.


def test_the_service_of_exactly_this_host(nova):
    nova.get(
        '/os-services',
        {'services': [samples.service('dead1'), samples.service('dead')]},
    )
    found = reader(nova).service('dead')
    assert found.host == 'dead'
    assert found.quiet_for == 60.0
    assert nova.requests[0].qs == {
        'host': ['dead'],
        'binary': ['nova-compute'],
    }


def test_no_service_is_none(nova):
    nova.get('/os-services', {'services': [samples.service('Dead')]})
    assert reader(nova).service('dead') is None


def test_two_services_of_one_host_are_not_told_apart(nova):
    nova.get(
        '/os-services', {'services': [samples.service(), samples.service()]}
    )
    with pytest.raises(exceptions.IncompleteAnswer, match='2 compute'):
        reader(nova).service('dead')


# Evacuations.


def migrations(*ids, more=False):
    page = {'migrations': [samples.migration(name) for name in ids]}
    return {**page, **links('migrations')} if more else page


def test_evacuations_are_read_to_the_end(nova):
    nova.get(
        '/os-migrations',
        migrations('e4', 'e3', more=True),
        migrations('e2', 'e1'),
    )
    found = reader(nova).evacuations('dead')
    assert [record.id for record in found] == ['e4', 'e3', 'e2', 'e1']
    assert nova.requests[0].qs == {
        'source_compute': ['dead'],
        'migration_type': ['evacuation'],
    }
    assert nova.requests[1].qs['marker'] == ['e3']


@pytest.mark.parametrize(
    ('known', 'pages'),
    [((), 3), (('e1',), 3), (('e3',), 2), (('e5', 'e3'), 1), (('e5',), 1)],
)
def test_reading_ends_at_records_that_are_known(nova, known, pages):
    nova.get(
        '/os-migrations',
        migrations('e6', 'e5', more=True),
        migrations('e4', 'e3', more=True),
        migrations('e2', 'e1'),
    )
    found = reader(nova).evacuations('dead', known)
    assert len(nova.requests) == pages
    assert len(found) == 2 * pages


def test_a_known_record_amid_a_page_does_not_end_it(nova):
    nova.get(
        '/os-migrations',
        migrations('e4', 'e3', more=True),
        migrations('e2', 'e1'),
    )
    found = reader(nova).evacuations('dead', {'e4'})
    assert len(found) == 4


@pytest.mark.parametrize('source', ['Dead', 'other'])
def test_an_evacuation_from_another_host_is_an_error(nova, source):
    nova.get(
        '/os-migrations',
        {'migrations': [samples.migration(source_compute=source)]},
    )
    with pytest.raises(exceptions.UnexpectedAnswer, match=source):
        reader(nova).evacuations('dead')


@pytest.mark.parametrize('item', [{}, None, 5, 'text'])
@pytest.mark.parametrize('call', ['servers', 'evacuations'])
def test_half_an_item_at_the_end_of_a_page_is_an_error_of_ours(
    nova, call, item
):
    nova.get('/servers/detail', {'servers': [item], **links('servers')})
    nova.get('/os-migrations', {'migrations': [item], **links('migrations')})
    with pytest.raises(exceptions.UnexpectedAnswer):
        getattr(reader(nova), call)('dead')


# One server.


def test_one_server(nova):
    nova.get('/servers/a', {'server': samples.server('a')})
    assert reader(nova).server('a').id == 'a'


def test_a_server_that_is_gone_is_none(nova):
    nova.get('/servers/a', {'status_code': 404})
    assert reader(nova).server('a') is None


@pytest.mark.parametrize('code', [500, 503])
def test_a_server_that_cannot_be_read_is_not_gone(nova, naps, code):
    nova.get('/servers/a', {'status_code': code})
    with pytest.raises(exceptions.CloudError):
        reader(nova).server('a')


def test_a_server_of_a_cell_that_is_down_is_not_gone(nova):
    nova.get('/servers/a', {'server': {'id': 'a', 'status': 'UNKNOWN'}})
    with pytest.raises(exceptions.IncompleteAnswer):
        reader(nova).server('a')


# Surroundings.


def test_groups_are_read_until_a_page_is_empty(nova):
    nova.get(
        '/os-server-groups',
        {'server_groups': [samples.group('g1'), samples.group('g2')]},
        {'server_groups': [samples.group('g3')]},
        {'server_groups': []},
    )
    found = reader(nova).groups()
    assert [group.id for group in found] == ['g1', 'g2', 'g3']
    assert [request.qs for request in nova.requests] == [
        {'all_projects': ['true']},
        {'all_projects': ['true'], 'offset': ['2']},
        {'all_projects': ['true'], 'offset': ['3']},
    ]


def test_aggregates(nova):
    nova.get('/os-aggregates', {'aggregates': [samples.aggregate()]})
    (found,) = reader(nova).aggregates()
    assert found.hosts == {'dead', 'spare'}


def hypervisor(name, host='dead', kind='QEMU'):
    return {
        'id': f'id-{name}',
        'hypervisor_hostname': name,
        'hypervisor_type': kind,
        'service': {'host': host},
    }


def test_the_types_of_hypervisors_by_their_exact_names(nova):
    nova.get(
        '/os-hypervisors/detail',
        {'hypervisors': [hypervisor('n1'), hypervisor('n11', kind='ironic')]},
    )
    assert reader(nova).hypervisor_types(['n1']) == {'n1': 'QEMU'}
    pattern = nova.requests[0].qs['hypervisor_hostname_pattern']
    assert pattern == ['n1']


def test_the_types_of_several_hypervisors_are_one_list(nova):
    nova.get(
        '/os-hypervisors/detail',
        {'hypervisors': [hypervisor('n1'), hypervisor('n2')]},
    )
    types = reader(nova).hypervisor_types(['n1', 'n2', 'n3'])
    assert types == {'n1': 'QEMU', 'n2': 'QEMU'}
    assert 'hypervisor_hostname_pattern' not in nova.requests[0].qs


def test_a_hypervisor_that_is_gone_has_no_type(nova):
    nova.get('/os-hypervisors/detail', {'status_code': 404})
    assert reader(nova).hypervisor_types(['n1']) == {}


@pytest.mark.parametrize(
    ('name', 'host'), [('n1.example.org', 'dead'), ('n1', None)]
)
def test_the_host_of_a_hypervisor(nova, name, host):
    nova.get(
        '/os-hypervisors/detail',
        {'hypervisors': [hypervisor('n1.example.org')]},
    )
    assert reader(nova).hypervisor_host(name) == host


# History.


@pytest.mark.parametrize(
    ('actions', 'stopped'),
    [
        (['evacuate', 'stop', 'create'], True),
        (['evacuate', 'start', 'stop', 'create'], False),
        (['evacuate', 'evacuate', 'create'], False),
        (['stop', 'start'], True),
        (['reboot', 'stop'], False),
        (['evacuate', 'attach_volume', 'stop'], True),
        ([], False),
    ],
)
def test_the_last_power_action_tells(nova, actions, stopped):
    nova.get(
        '/servers/a/os-instance-actions',
        {'instanceActions': [{'action': action} for action in actions]},
    )
    assert reader(nova).was_stopped('a') is stopped


@pytest.mark.parametrize(
    ('actions', 'started'),
    [
        (['evacuate', 'start', 'create'], False),
        (['stop', 'evacuate', 'create'], False),
        (['start', 'stop', 'evacuate', 'create'], True),
        (['lock', 'reboot', 'evacuate'], True),
        # What its evacuation has left no trace of is left alone.
        ([], True),
    ],
)
def test_whether_it_was_started_since_its_evacuation(nova, actions, started):
    nova.get(
        '/servers/a/os-instance-actions',
        {'instanceActions': [{'action': action} for action in actions]},
    )
    assert reader(nova).was_started('a') is started


def at(second):
    return datetime.datetime(2026, 8, 1, 11, 0, second, tzinfo=datetime.UTC)


def failed(message='No valid host was found.', second=9):
    fault = None if message is None else model.Fault(message, at(second))
    return builders.server(fault=fault)


def history(nova, *events, action='evacuate'):
    base = '/servers/a/os-instance-actions'
    nova.get(
        base,
        {
            'instanceActions': [
                {'action': 'reboot', 'request_id': 'req-0'},
                {'action': action, 'request_id': 'req-1'},
                {'action': action, 'request_id': 'req-old'},
            ]
        },
    )
    nova.get(
        f'{base}/req-1', {'instanceAction': {'events': list(events) or None}}
    )


FAILURES = [
    ('a fault of ours', failed(), [], 'No valid host was found.'),
    ('a fault of the same second', failed(second=5), [], 'No valid host'),
    (
        'a fault from before',
        failed(second=4),
        [{'result': 'Error', 'details': 'no claim'}],
        'no claim',
    ),
    (
        'the last line of a traceback',
        failed(None),
        [{'result': 'Error', 'traceback': 'Trace\n  x\nBad: thing\n'}],
        'Bad: thing',
    ),
    (
        'only what failed',
        failed(None),
        [
            {'result': 'Success', 'details': 'fine'},
            {'result': None},
            {'result': 'Error', 'details': 'bad'},
        ],
        'bad',
    ),
    ('no events', failed(None), [], 'does not say why'),
]


@pytest.mark.parametrize(
    ('server', 'happened', 'words'),
    [case[1:] for case in FAILURES],
    ids=[case[0] for case in FAILURES],
)
def test_why_an_evacuation_failed(nova, server, happened, words):
    history(nova, *happened)
    record = builders.evacuation(created=at(5))
    reason = reader(nova).failure(server, record)
    assert words in reason
    assert '\n' not in reason


def test_without_an_evacuate_action_nobody_knows_why(nova):
    history(nova, {'result': 'Error', 'details': 'x'}, action='stop')
    reason = reader(nova).failure(failed(None), builders.evacuation())
    assert 'does not say why' in reason


def test_a_reason_that_cannot_be_read_is_no_error(nova, naps):
    nova.get('/servers/a/os-instance-actions', {'status_code': 500})
    reason = reader(nova).failure(failed(None), builders.evacuation())
    assert 'could not be read' in reason


def test_without_a_record_the_fault_is_all_there_is(nova):
    assert reader(nova).failure(failed(), None) == 'No valid host was found.'
    assert nova.requests == []
