"""Whatever Nova sends, it is read right or it is an error of ours."""

from __future__ import annotations

import copy
import datetime

import hypothesis
from hypothesis import strategies as st
import pytest

from osc_instanceha import exceptions
from osc_instanceha import model
from osc_instanceha.compute import answers
from tests.unit import samples

UNEXPECTED = exceptions.UnexpectedAnswer
WHERE = 'GET /somewhere'


def read_service(item):
    return answers.service(WHERE, item, samples.DATE)


def read_server(item):
    return answers.server(WHERE, item)


def read_evacuation(item):
    return answers.evacuation(WHERE, item)


def read_group(item):
    return answers.group(WHERE, item)


def read_aggregate(item):
    return answers.aggregate(WHERE, item)


READERS = {
    'server': (read_server, samples.server),
    'service': (read_service, samples.service),
    'evacuation': (read_evacuation, samples.migration),
    'group': (read_group, samples.group),
    'aggregate': (read_aggregate, samples.aggregate),
}


def test_a_server():
    item = samples.server()
    assert read_server(item) == model.Server(
        id='a',
        name='server-a',
        host='dead',
        project_id='project',
        status='ACTIVE',
        vm_state='active',
        task_state=None,
        power_state=1,
        launched_at=datetime.datetime(2026, 1, 1, 0, 1, tzinfo=datetime.UTC),
        created='2026-01-01T00:00:00Z',
        flavor=model.Flavor('m1', 0, {'ha': 'yes'}),
        image_id='image',
        tags=frozenset({'ha'}),
        metadata={'k': 'v'},
        image_properties={'os_type': 'linux'},
        volume_ids=('volume',),
        root_device='/dev/vda',
        hypervisor='dead.example.org',
        fault=None,
    )


def without(item, key):
    changed = copy.deepcopy(item)
    del changed[key]
    return changed


@pytest.mark.parametrize(
    ('change', 'field', 'expected'),
    [
        ({'image': ''}, 'image_id', None),
        ({'image': ''}, 'image_properties', None),
        ({'image': ''}, 'volume_backed', True),
        ({'image': {'id': 'i'}}, 'image_properties', None),
        ({'image': {'id': 'i', 'properties': {}}}, 'image_properties', {}),
        ({'OS-EXT-STS:task_state': 'rebuilding'}, 'task_state', 'rebuilding'),
        ({'OS-SRV-USG:launched_at': None}, 'launched', False),
        ({'OS-EXT-SRV-ATTR:host': None}, 'host', ''),
        ({'tags': []}, 'tags', frozenset()),
        (
            {'os-extended-volumes:volumes_attached': []},
            'volume_ids',
            (),
        ),
        (
            {
                'fault': {
                    'message': 'No valid host',
                    'created': '2026-08-01T11:00:00Z',
                }
            },
            'fault',
            model.Fault(
                'No valid host',
                datetime.datetime(2026, 8, 1, 11, tzinfo=datetime.UTC),
            ),
        ),
        ({'fault': {}}, 'fault', model.Fault('', None)),
    ],
)
def test_what_a_server_may_also_show(change, field, expected):
    item = {**samples.server(), **change}
    assert getattr(read_server(item), field) == expected


def test_what_is_hidden_is_unknown_and_not_empty():
    item = without(samples.server(), 'tags')
    del item['flavor']['extra_specs']
    read = read_server(item)
    assert read.tags is None
    assert read.flavor.extra_specs is None


def test_hosts_that_are_hidden_are_forbidden():
    with pytest.raises(exceptions.Forbidden, match='admin role'):
        read_server(without(samples.server(), 'OS-EXT-SRV-ATTR:host'))


def test_the_stub_of_a_cell_that_is_down_is_no_server():
    stub = {'id': 'a', 'status': 'UNKNOWN', 'tenant_id': 'p', 'links': []}
    with pytest.raises(exceptions.IncompleteAnswer, match='server a'):
        read_server(stub)


def test_a_service():
    read = read_service(samples.service())
    assert read == model.Service(
        id='service-dead',
        host='dead',
        up=False,
        enabled=False,
        forced_down=True,
        disabled_reason='because',
        updated_at=datetime.datetime(
            2026, 8, 1, 11, 59, 0, tzinfo=datetime.UTC
        ),
        quiet_for=60.0,
    )
    assert read.complete


def test_the_stub_of_a_service_is_not_complete():
    read = read_service(
        {'binary': 'nova-compute', 'host': 'h', 'status': 'UNKNOWN'}
    )
    assert not read.complete
    assert read.host == 'h'
    assert read.forced_down is None


@pytest.mark.parametrize(
    'change',
    [
        {'state': 'unknown'},
        {'status': 'UNKNOWN'},
        {'state': ''},
        {'forced_down': 'false'},
        {'forced_down': None},
        {'forced_down': 0},
        {'updated_at': 'yesterday'},
        {'updated_at': 5},
        {'id': 7},
        {'host': None},
    ],
)
def test_half_a_service_is_no_service(change):
    with pytest.raises(UNEXPECTED):
        read_service({**samples.service(), **change})


@pytest.mark.parametrize(
    ('updated_at', 'date', 'expected'),
    [
        ('2026-08-01T11:59:00.000000', samples.DATE, 60.0),
        ('2026-08-01T11:59:00Z', samples.DATE, 60.0),
        ('2026-08-01T13:59:00+02:00', samples.DATE, 60.0),
        (None, samples.DATE, None),
        ('2026-08-01T11:59:00', None, None),
        ('2026-08-01T11:59:00', 'a while ago', None),
        ('2026-08-01T11:59:00', '', None),
        ('2026-08-01T11:59:00', 'Sat, 01 Aug 2026 12:00:00 -0000', None),
    ],
)
def test_the_age_of_a_record(updated_at, date, expected):
    item = {**samples.service(), 'updated_at': updated_at}
    assert answers.service(WHERE, item, date).quiet_for == expected


@hypothesis.given(st.text(st.characters(max_codepoint=255), max_size=40))
def test_a_date_that_is_none_is_no_age(date):
    read = answers.service(WHERE, samples.service(), date)
    assert read.quiet_for is None or isinstance(read.quiet_for, float)


@pytest.mark.parametrize(
    ('status', 'expected'),
    [
        ('accepted', model.MigrationStatus.ACCEPTED),
        ('pre-migrating', model.MigrationStatus.PRE_MIGRATING),
        ('done', model.MigrationStatus.DONE),
        ('completed', model.MigrationStatus.COMPLETED),
        ('error', model.MigrationStatus.ERROR),
        ('failed', model.MigrationStatus.FAILED),
        ('invented later', model.MigrationStatus.OTHER),
        ('DONE', model.MigrationStatus.OTHER),
    ],
)
def test_a_status_that_nobody_knows_is_open(status, expected):
    read = read_evacuation({**samples.migration(), 'status': status})
    assert read.status is expected


def test_an_evacuation():
    assert read_evacuation(samples.migration()) == model.Evacuation(
        id='e1',
        server_id='a',
        status=model.MigrationStatus.ACCEPTED,
        source='dead',
        destination=None,
        created=datetime.datetime(2026, 8, 1, 11, tzinfo=datetime.UTC),
    )


def test_hosts_of_migrations_that_are_hidden_are_forbidden():
    with pytest.raises(exceptions.Forbidden, match='index:host'):
        read_evacuation({**samples.migration(), 'source_compute': None})


@pytest.mark.parametrize(
    ('change', 'policy'),
    [
        ({'policy': 'affinity'}, 'affinity'),
        ({'policies': ['soft-affinity'], 'policy': None}, 'soft-affinity'),
    ],
)
def test_a_group(change, policy):
    assert read_group({**samples.group(), **change}) == model.ServerGroup(
        'g', 'group-g', policy, frozenset({'a', 'b'})
    )


@pytest.mark.parametrize(
    ('metadata', 'shared'),
    [
        ({}, None),
        ({'shared_storage': 'true'}, None),
        ({'instanceha:shared_storage': 'true'}, True),
        ({'instanceha:shared_storage': 'True'}, True),
        ({'instanceha:shared_storage': 'FALSE'}, False),
    ],
)
def test_an_aggregate(metadata, shared):
    item = {**samples.aggregate(), 'metadata': metadata}
    assert read_aggregate(item) == model.Aggregate(
        'rack', frozenset({'dead', 'spare'}), shared
    )


@pytest.mark.parametrize('value', ['yes', '1', '', ' true'])
def test_a_declaration_that_is_neither_is_the_operators_mistake(value):
    item = {
        **samples.aggregate(),
        'metadata': {'instanceha:shared_storage': value},
    }
    with pytest.raises(exceptions.InvalidInput, match='rack') as caught:
        read_aggregate(item)
    assert caught.value.what == 'instanceha:shared_storage'


# Anything at all.

#: What may be null, or missing, without being a mistake.
LENIENT = {
    'server': {
        'OS-EXT-STS:task_state',
        'OS-SRV-USG:launched_at',
        'OS-EXT-SRV-ATTR:host',
        'OS-EXT-SRV-ATTR:root_device_name',
        'OS-EXT-SRV-ATTR:hypervisor_hostname',
        'os-extended-volumes:volumes_attached',
        'tags',
    },
    'service': {'disabled_reason', 'updated_at', 'state', 'binary', 'zone'},
    'evacuation': {'dest_compute', 'source_compute', 'migration_type'},
    'group': {'policy', 'policies'},
    'aggregate': set(),
}
DEMANDED = [
    (kind, key)
    for kind, (_read, make) in READERS.items()
    for key in make()
    if key not in LENIENT[kind]
]


@pytest.mark.parametrize(('kind', 'key'), DEMANDED)
def test_a_field_that_decides_is_demanded(kind, key):
    read, make = READERS[kind]
    with pytest.raises(UNEXPECTED, match='cannot be understood'):
        read(without(make(), key))
    with pytest.raises(UNEXPECTED):
        read({**make(), key: None})


@pytest.mark.parametrize('kind', READERS)
@pytest.mark.parametrize('item', [None, [], 'text', 5, True])
def test_what_is_no_object_is_an_error(kind, item):
    with pytest.raises(UNEXPECTED):
        READERS[kind][0](item)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


@hypothesis.settings(max_examples=300)
@hypothesis.given(st.sampled_from(sorted(READERS)), st.data())
def test_any_value_anywhere_is_read_or_an_error_of_ours(kind, data):
    read, make = READERS[kind]
    item = make()
    holder = item
    key = data.draw(st.sampled_from(sorted(item)))
    while isinstance(holder[key], dict) and holder[key]:
        if data.draw(st.booleans()):
            break
        holder = holder[key]
        key = data.draw(st.sampled_from(sorted(holder)))
    if data.draw(st.booleans()):
        holder[key] = data.draw(JSON)
    else:
        del holder[key]
    try:
        read(item)
    except exceptions.InstanceHAError as error:
        assert '\n' not in str(error)


@pytest.mark.parametrize(
    ('kind', 'key'),
    [('server', 'tags'), ('aggregate', 'hosts'), ('group', 'members')],
)
@pytest.mark.parametrize('value', [None, 5, {}])
def test_the_members_of_a_list_are_demanded_with_their_type(kind, key, value):
    read, make = READERS[kind]
    with pytest.raises(UNEXPECTED):
        read({**make(), key: [value]})


@pytest.mark.parametrize('value', [True, False])
def test_a_bool_is_no_number(value):
    with pytest.raises(UNEXPECTED):
        read_server({**samples.server(), 'OS-EXT-STS:power_state': value})


@pytest.mark.parametrize('value', [None, 5, [], {'a': 5}, {'a': None}])
def test_metadata_are_strings(value):
    with pytest.raises(UNEXPECTED):
        read_server({**samples.server(), 'metadata': value})


def test_a_long_value_is_cut_in_the_message():
    with pytest.raises(UNEXPECTED) as caught:
        read_server({**samples.server(), 'id': ['x' * 500]})
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize(
    'body', [None, [], {}, {'servers': None}, {'servers': {}}, 'x']
)
def test_a_list_that_is_none_is_an_error(body):
    with pytest.raises(UNEXPECTED):
        answers.items(WHERE, body, 'servers')


def test_a_list_is_read():
    assert answers.items(WHERE, {'servers': [1, 2]}, 'servers') == [1, 2]
