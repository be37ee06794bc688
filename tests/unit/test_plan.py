"""Every server in the plan once, and no data lost that was not given up."""

from __future__ import annotations

import hypothesis
from hypothesis import strategies as st
import pytest

from osc_instanceha import exceptions
from osc_instanceha import model
from osc_instanceha import options
from osc_instanceha import plan
from osc_instanceha import selection
from tests.unit import builders
from tests.unit import test_refusals

EVACUATE, WAIT, SKIP, REFUSE = (
    model.Action.EVACUATE,
    model.Action.WAIT,
    model.Action.SKIP,
    model.Action.REFUSE,
)
Status = model.MigrationStatus
IMAGE = {'image_id': 'i'}
EPHEMERAL = {'flavor': builders.flavor(ephemeral=10)}


def build(*servers, chosen=None, fields=None, **how):
    return plan.build(
        builders.inventory(*servers, **(fields or {})),
        chosen or selection.Selection(),
        options.Options(**how),
    )


def step(server, **kwargs):
    made = build(server, **kwargs)
    assert len(made.steps) == 1
    return made.steps[0]


# States.


@pytest.mark.parametrize('state', test_refusals.EVACUABLE)
def test_a_vm_state_that_is_evacuated(state):
    assert step(builders.server(vm_state=state)).action is EVACUATE


@pytest.mark.parametrize('state', test_refusals.NOT_EVACUABLE)
def test_a_vm_state_that_is_refused(state):
    made = step(builders.server(vm_state=state))
    assert made.action is REFUSE
    assert state in made.reason
    assert not made.allowed


@pytest.mark.parametrize('task', test_refusals.ENDED_WITH_THE_HOST)
def test_a_task_state_that_is_evacuated(task):
    assert step(builders.server(task_state=task)).action is EVACUATE


@pytest.mark.parametrize('task', test_refusals.HELD)
def test_a_task_state_that_is_held(task):
    made = step(builders.server(task_state=task))
    assert made.action is REFUSE
    assert made.reason.startswith('held')


def test_a_hypervisor_that_cannot_is_refused():
    made = step(
        builders.server(hypervisor='node'),
        fields={'hypervisor_types': {'node': 'ironic'}},
    )
    assert made.action is REFUSE
    assert 'ironic' in made.reason


# Selection.


@pytest.mark.parametrize(
    ('tags', 'action', 'words'),
    [
        (frozenset({'ha'}), EVACUATE, ''),
        (frozenset(), SKIP, 'not selected: no tag ha'),
        (None, REFUSE, 'cannot tell whether it is selected'),
    ],
)
@pytest.mark.parametrize('state', ['active', 'building'])
def test_the_selection_goes_first(tags, action, words, state):
    made = step(
        builders.server(tags=tags, vm_state=state),
        chosen=selection.Selection(tags=frozenset({'ha'})),
    )
    if action is EVACUATE and state == 'building':
        action, words = REFUSE, 'building'
    assert made.action is action
    assert words in made.reason
    assert made.allowed is (action is EVACUATE)


@pytest.mark.parametrize(
    ('facts', 'action'),
    [
        (model.ImageFacts({'ha': 'yes'}), EVACUATE),
        (model.ImageFacts({'ha': 'no'}), SKIP),
        (model.ImageFacts(None, 'its image is gone'), REFUSE),
        (None, REFUSE),
    ],
)
def test_the_facts_of_its_own_image_decide(facts, action):
    chosen = selection.Selection(
        image_properties=(selection.Property('ha', 'yes'),)
    )
    images = {'z': model.ImageFacts({'ha': 'yes'})}
    if facts is not None:
        images['a'] = facts
    made = step(builders.server(), chosen=chosen, fields={'images': images})
    assert made.action is action


# Data.

KEPT, LOST, UNSAID = model.Data.KEPT, model.Data.LOST, model.Data.UNKNOWN
DATA = [
    ('a volume', {}, {}, KEPT, EVACUATE, False),
    ('an image', IMAGE, {}, UNSAID, REFUSE, False),
    ('a volume and ephemeral', EPHEMERAL, {}, UNSAID, REFUSE, False),
    ('an image, both', {**IMAGE, **EPHEMERAL}, {}, UNSAID, REFUSE, False),
    (
        'an image, given up',
        IMAGE,
        {'allow_data_loss': True},
        UNSAID,
        EVACUATE,
        False,
    ),
    (
        'an image, shared',
        IMAGE,
        {'shared_storage': True},
        KEPT,
        EVACUATE,
        True,
    ),
    (
        'ephemeral, shared',
        EPHEMERAL,
        {'shared_storage': True},
        KEPT,
        EVACUATE,
        True,
    ),
    (
        # Its check would fail: a volume's server has no files there.
        'a volume, shared',
        {},
        {'shared_storage': True},
        KEPT,
        EVACUATE,
        False,
    ),
    (
        'an image, shared and given up: the check stays',
        IMAGE,
        {'shared_storage': True, 'allow_data_loss': True},
        KEPT,
        EVACUATE,
        True,
    ),
    (
        'an image, shared, to a target: no check below 2.29',
        IMAGE,
        {'shared_storage': True, 'target_host': 'spare'},
        KEPT,
        EVACUATE,
        False,
    ),
]


@pytest.mark.parametrize(
    ('fields', 'how', 'data', 'action', 'guarded'),
    [case[1:] for case in DATA],
    ids=[case[0] for case in DATA],
)
def test_data(fields, how, data, action, guarded):
    made = step(builders.server(**fields), **how)
    assert made.data is data
    assert made.action is action
    assert made.guarded is guarded


def test_a_refusal_for_data_names_the_disk_and_both_ways_out():
    for fields, disk in ((IMAGE, 'root disk'), (EPHEMERAL, 'ephemeral disk')):
        reason = step(builders.server(**fields)).reason
        assert disk in reason
        assert '--shared-storage' in reason
        assert '--allow-data-loss' in reason


def test_a_disk_that_is_declared_lost_is_not_offered_as_shared():
    made = step(
        builders.server(**IMAGE),
        fields={'aggregates': (aggregate(False, 'dead'),)},
    )
    assert 'by its aggregate' in made.reason
    assert '--allow-data-loss' in made.reason


def test_a_declaration_that_nova_cannot_check_is_said():
    made = step(
        builders.server(**IMAGE), shared_storage=True, target_host='spare'
    )
    assert 'by declaration only' in made.reason


def aggregate(shared, *hosts, name='x'):
    return model.Aggregate(name, frozenset(hosts), shared)


DECLARED = [
    ('none', [], None, UNSAID),
    ('by one', [aggregate(True, 'dead')], None, KEPT),
    ("of other hosts'", [aggregate(True, 'spare')], None, UNSAID),
    ('says nothing', [aggregate(None, 'dead')], None, UNSAID),
    ('says no', [aggregate(False, 'dead')], None, LOST),
    (
        'no beats yes',
        [aggregate(True, 'dead'), aggregate(False, 'dead')],
        None,
        LOST,
    ),
    (
        "another host's no is nothing to us",
        [aggregate(True, 'dead'), aggregate(False, 'spare')],
        None,
        KEPT,
    ),
    (
        'the target is in it',
        [aggregate(True, 'dead', 'spare')],
        'spare',
        KEPT,
    ),
    ('the target is not', [aggregate(True, 'dead')], 'spare', UNSAID),
    (
        'the target is in another',
        [aggregate(True, 'dead'), aggregate(True, 'spare')],
        'spare',
        UNSAID,
    ),
]


@pytest.mark.parametrize(
    ('aggregates', 'target', 'expected'),
    [case[1:] for case in DECLARED],
    ids=[case[0] for case in DECLARED],
)
def test_shared_storage_declared_by_aggregates(aggregates, target, expected):
    made = step(
        builders.server(**IMAGE),
        fields={'aggregates': tuple(aggregates)},
        target_host=target,
    )
    assert made.data is expected
    assert made.action is (EVACUATE if expected is KEPT else REFUSE)
    assert made.guarded is (expected is KEPT and target is None)


def test_the_word_of_the_caller_goes_before_an_aggregate():
    made = step(
        builders.server(**IMAGE),
        fields={'aggregates': (aggregate(False, 'dead'),)},
        shared_storage=True,
    )
    assert made.data is KEPT


# End states.

ACTIVE, STOPPED = model.EndState.ACTIVE, model.EndState.STOPPED
END_STATES = [
    ('active', 1, False, ACTIVE),
    ('active', 4, False, ACTIVE),
    ('active', 0, False, ACTIVE),
    ('stopped', 4, False, STOPPED),
    ('stopped', 1, False, STOPPED),
    ('error', 1, False, ACTIVE),
    ('error', 4, False, STOPPED),
    ('error', 6, False, ACTIVE),
    ('error', 0, False, None),
    ('active', 1, True, STOPPED),
    ('error', 0, True, STOPPED),
]


@pytest.mark.parametrize(
    ('vm_state', 'power_state', 'stopped', 'expected'), END_STATES
)
def test_end_state(vm_state, power_state, stopped, expected):
    made = step(
        builders.server(vm_state=vm_state, power_state=power_state),
        stopped=stopped,
    )
    assert made.end_state is expected


# Open evacuations.


@pytest.mark.parametrize(
    'status', [Status.ACCEPTED, Status.PRE_MIGRATING, Status.OTHER]
)
def test_a_server_with_an_open_evacuation_is_waited_for(status):
    made = step(
        builders.server(task_state='rebuilding'),
        fields={'evacuations': (builders.evacuation(status=status),)},
    )
    assert made.action is WAIT
    assert made.allowed
    assert status.value in made.reason


@pytest.mark.parametrize(
    'status', [Status.DONE, Status.COMPLETED, Status.ERROR, Status.FAILED]
)
def test_a_server_whose_evacuations_are_over_is_evacuated(status):
    made = step(
        builders.server(),
        fields={'evacuations': (builders.evacuation(status=status),)},
    )
    assert made.action is EVACUATE


def test_an_open_evacuation_counts_however_many_are_over():
    records = tuple(
        builders.evacuation(f'e{number}', status=status)
        for number, status in enumerate(
            (Status.FAILED, Status.ACCEPTED, Status.ERROR)
        )
    )
    made = step(builders.server(), fields={'evacuations': records})
    assert made.action is WAIT


@pytest.mark.parametrize(
    ('fields', 'how', 'allowed'),
    [
        ({}, {}, True),
        (IMAGE, {}, False),
        (IMAGE, {'allow_data_loss': True}, True),
        ({'vm_state': 'paused'}, {}, False),
        ({'launched_at': None}, {}, False),
    ],
)
def test_after_an_open_one_only_what_is_allowed_is_asked_for(
    fields, how, allowed
):
    made = step(
        builders.server(task_state='rebuilding', **fields),
        fields={'evacuations': (builders.evacuation(),)},
        **how,
    )
    assert made.action is WAIT
    assert made.allowed is allowed


def test_an_open_one_of_a_server_that_is_not_selected_is_not_waited_for():
    made = step(
        builders.server(),
        chosen=selection.Selection(tags=frozenset({'ha'})),
        fields={'evacuations': (builders.evacuation(),)},
    )
    assert made.action is SKIP


def test_an_open_one_of_another_server_is_no_matter():
    made = step(
        builders.server(),
        fields={'evacuations': (builders.evacuation(server_id='b'),)},
    )
    assert made.action is EVACUATE


# Groups.


def test_groups_are_known_and_hard_affinity_is_warned_of():
    made = build(
        builders.server('a'),
        builders.server('b'),
        builders.server('c'),
        fields={
            'groups': (
                builders.group('a', 'b', 'else', group_id='g1'),
                builders.group('b', 'on', group_id='g2', policy='affinity'),
                builders.group('a', 'c', group_id='g3', policy='affinity'),
                builders.group(
                    'b', 'c', group_id='g4', policy='soft-affinity'
                ),
            )
        },
    )
    assert [item.groups for item in made.steps] == [
        {'g1', 'g3'},
        {'g1', 'g2', 'g4'},
        {'g3', 'g4'},
    ]
    assert ['demands affinity' in item.reason for item in made.steps] == [
        True,
        False,
        True,
    ]


def test_hard_affinity_with_nobody_but_itself_is_warned_of():
    # The group's hosts are those of its members: the dead one.
    made = build(
        builders.server('a'),
        fields={'groups': (builders.group('a', policy='affinity'),)},
    )
    assert 'demands affinity' in made.steps[0].reason


# The whole list.


@pytest.mark.parametrize(
    ('servers', 'words'),
    [
        ([builders.server(host='other')], "on host 'other'"),
        ([builders.server(host='Dead')], "on host 'Dead'"),
        ([builders.server(host='dead1')], "on host 'dead1'"),
        ([builders.server(host='')], "on host ''"),
        ([builders.server(), builders.server()], 'twice'),
        (
            [builders.server('a'), builders.server('b', host='other')],
            'server b',
        ),
    ],
)
def test_a_list_that_is_not_the_hosts_raises(servers, words):
    with pytest.raises(exceptions.UnexpectedAnswer, match=words):
        build(*servers)


def test_an_empty_host_has_an_empty_plan():
    assert build().steps == ()


def test_the_oldest_goes_first():
    made = build(
        builders.server('a', created='2026-03-01T00:00:00Z'),
        builders.server('c', created='2026-01-01T00:00:00Z'),
        builders.server('b', created='2026-01-01T00:00:00Z'),
    )
    assert [item.server.id for item in made.steps] == ['b', 'c', 'a']


SERVERS = st.lists(
    st.builds(
        builders.server,
        st.sampled_from('abcdefgh'),
        vm_state=st.sampled_from(
            [*test_refusals.EVACUABLE, *test_refusals.NOT_EVACUABLE]
        ),
        task_state=st.sampled_from([None, 'rebuilding', 'migrating']),
        image_id=st.sampled_from([None, 'i']),
        tags=st.sampled_from([None, frozenset(), frozenset({'ha'})]),
        power_state=st.sampled_from([0, 1, 4]),
        created=st.sampled_from(['2026-01-01', '2026-02-01']),
    ),
    unique_by=lambda server: server.id,
)
RECORDS = st.lists(
    st.builds(
        builders.evacuation,
        st.sampled_from(['e1', 'e2', 'e3']),
        st.sampled_from('abcdefgh'),
        st.sampled_from(list(Status)),
    ),
    unique_by=lambda record: record.id,
).map(tuple)
HOW = st.fixed_dictionaries(
    {
        'shared_storage': st.booleans(),
        'allow_data_loss': st.booleans(),
        'target_host': st.sampled_from([None, 'spare']),
    }
)


@hypothesis.settings(max_examples=80)
@hypothesis.given(
    SERVERS,
    RECORDS,
    HOW,
    st.sampled_from([frozenset(), frozenset({'ha'})]),
    st.randoms(),
)
def test_every_server_once_in_one_order_and_nothing_done_without_leave(
    servers, records, how, tags, random
):
    chosen = selection.Selection(tags=tags)
    fields = {'evacuations': records}
    made = build(*servers, chosen=chosen, fields=fields, **how)
    assert sorted(item.server.id for item in made.steps) == sorted(
        server.id for server in servers
    )
    shuffled = list(servers)
    random.shuffle(shuffled)
    assert build(*shuffled, chosen=chosen, fields=fields, **how) == made
    openly = {record.server_id for record in records if record.status.open}
    for item in made.steps:
        if item.action is EVACUATE:
            assert item.server.id not in openly
            assert item.allowed
            assert item.data is KEPT or how['allow_data_loss']
            assert item.server.vm_state in test_refusals.EVACUABLE
            assert item.server.task_state is None
        elif item.action is WAIT:
            assert item.server.id in openly
        else:
            assert item.reason
            assert not item.allowed
        if item.guarded:
            assert how['target_host'] is None


def test_having_keeps_the_order():
    made = build(
        builders.server('a', vm_state='paused'),
        builders.server('b'),
        builders.server('c', vm_state='paused'),
    )
    assert [item.server.id for item in made.having(REFUSE)] == ['a', 'c']
    assert [item.server.id for item in made.having(REFUSE, EVACUATE)] == [
        'a',
        'b',
        'c',
    ]
