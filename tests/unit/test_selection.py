"""Three answers, and none of them by accident."""

from __future__ import annotations

import dataclasses

import hypothesis
from hypothesis import strategies as st
import pytest

from osc_instanceha import exceptions
from osc_instanceha import image_names
from osc_instanceha import model
from osc_instanceha import selection
from tests.unit import builders

YES, NO, UNKNOWN = (
    selection.Answer.YES,
    selection.Answer.NO,
    selection.Answer.UNKNOWN,
)
Selection = selection.Selection


def properties(*texts):
    return tuple(selection.Property.parse(text) for text in texts)


def tagged(*tags, **fields):
    return builders.server(tags=frozenset(tags), **fields)


def answer(chosen, server, image=None):
    return chosen.judge(server, image).answer


# One kind: what it takes, and servers that it takes, not, or cannot tell.
UNSHOWN = builders.server(tags=None)
HIDDEN = builders.server(flavor=builders.flavor(extra_specs=None))


def with_specs(**specs):
    return builders.server(flavor=builders.flavor(extra_specs=specs))


ONE_KIND = [
    ('nothing set takes all', Selection(), builders.server(), YES),
    ('nothing set takes the unknown', Selection(), UNSHOWN, YES),
    ('tag', Selection(tags={'ha'}), tagged('ha', 'x'), YES),
    ('no tag', Selection(tags={'ha'}), tagged(), NO),
    ('all tags', Selection(tags={'a', 'b'}), tagged('a', 'b'), YES),
    ('one of all tags', Selection(tags={'a', 'b'}), tagged('a'), NO),
    ('tags unknown', Selection(tags={'a'}), UNSHOWN, UNKNOWN),
    ('tag part', Selection(tags={'evacuable'}), tagged('non-evacuable'), NO),
    ('tag as a part', Selection(tags={'non-ha'}), tagged('ha'), NO),
    ('tag of another case', Selection(tags={'ha'}), tagged('HA'), NO),
    ('any tag', Selection(any_tags={'a', 'b'}), tagged('b'), YES),
    ('none of any', Selection(any_tags={'a', 'b'}), tagged('c'), NO),
    ('any tags unknown', Selection(any_tags={'a'}), UNSHOWN, UNKNOWN),
    (
        'tags and any tags are one kind',
        Selection(tags={'a'}, any_tags={'b'}, match_any=True),
        tagged('a'),
        NO,
    ),
    ('not tag', Selection(not_tags={'no'}), tagged('no'), NO),
    ('not tag, absent', Selection(not_tags={'no'}), tagged('yes'), YES),
    ('not tags, one', Selection(not_tags={'a', 'b'}), tagged('a'), YES),
    ('not tags, all', Selection(not_tags={'a', 'b'}), tagged('a', 'b'), NO),
    ('not tags unknown', Selection(not_tags={'a'}), UNSHOWN, UNKNOWN),
    ('not any tag', Selection(not_any_tags={'a', 'b'}), tagged('a'), NO),
    ('not any, absent', Selection(not_any_tags={'a'}), tagged('b'), YES),
    ('not any unknown', Selection(not_any_tags={'a'}), UNSHOWN, UNKNOWN),
    (
        'not any is no substring',
        Selection(not_any_tags={'amphora'}),
        tagged('amphorae'),
        YES,
    ),
    (
        'metadata',
        Selection(properties=properties('HA=true')),
        builders.server(metadata={'HA': 'true'}),
        YES,
    ),
    (
        'metadata with another value',
        Selection(properties=properties('HA=true')),
        builders.server(metadata={'HA': 'True'}),
        NO,
    ),
    (
        'metadata key with any value',
        Selection(properties=properties('HA')),
        builders.server(metadata={'HA': ''}),
        YES,
    ),
    (
        'metadata key not there',
        Selection(properties=properties('HA')),
        builders.server(metadata={'HA_Enabled': 'True'}),
        NO,
    ),
    (
        'flavor',
        Selection(flavor_properties=properties('ha=yes')),
        with_specs(ha='yes'),
        YES,
    ),
    (
        'flavor key is a part of another',
        Selection(flavor_properties=properties('evacuable=true')),
        with_specs(**{'quota:not_evacuable': 'true'}),
        NO,
    ),
    (
        'flavor without any',
        Selection(flavor_properties=properties('ha')),
        with_specs(),
        NO,
    ),
    (
        'flavor hidden by policy',
        Selection(flavor_properties=properties('ha')),
        HIDDEN,
        UNKNOWN,
    ),
    (
        'both flavor properties',
        Selection(flavor_properties=properties('a', 'b')),
        with_specs(a='1'),
        NO,
    ),
    ('project', Selection(projects={'project'}), builders.server(), YES),
    ('other project', Selection(projects={'proj'}), builders.server(), NO),
    (
        'one of the projects',
        Selection(projects={'other', 'project'}),
        builders.server(),
        YES,
    ),
    (
        'image unread',
        Selection(image_properties=properties('ha')),
        builders.server(image_id='i'),
        UNKNOWN,
    ),
]


@pytest.mark.parametrize(
    ('chosen', 'server', 'expected'),
    [case[1:] for case in ONE_KIND],
    ids=[case[0] for case in ONE_KIND],
)
def test_one_kind(chosen, server, expected):
    verdict = chosen.judge(server)
    assert verdict.answer is expected
    assert bool(verdict.reason) is (expected is not YES)


HA = properties('ha=yes')
CUSTOM = properties('ha=yes')
STANDARD = properties('os_distro=debian')
IMAGES = [
    ('custom, Glance says yes', CUSTOM, None, {'ha': 'yes'}, YES),
    ('custom, Glance says no', CUSTOM, None, {'ha': 'no'}, NO),
    ('custom, Glance has none', CUSTOM, None, {}, NO),
    (
        'custom, Nova shows others only',
        CUSTOM,
        {'os_type': 'x'},
        None,
        UNKNOWN,
    ),
    ('custom, Nova shows it', CUSTOM, {'ha': 'yes'}, None, YES),
    ('custom, Nova goes first', CUSTOM, {'ha': 'no'}, {'ha': 'yes'}, NO),
    ('standard, Nova shows it', STANDARD, {'os_distro': 'debian'}, None, YES),
    ('standard, Nova shows another', STANDARD, {'os_distro': 'x'}, None, NO),
    ('standard, Nova shows none', STANDARD, {}, {'os_distro': 'debian'}, NO),
    ('standard, old Nova', STANDARD, None, {'os_distro': 'debian'}, YES),
    ('standard, old Nova, unread', STANDARD, None, None, UNKNOWN),
    ('img_ names are not all shown', properties('img_x'), {}, None, UNKNOWN),
    (
        'one no decides beside an unknown',
        properties('os_distro=debian', 'ha'),
        {'os_distro': 'x'},
        None,
        NO,
    ),
]


@pytest.mark.parametrize(
    ('wanted', 'shown', 'glance', 'expected'),
    [case[1:] for case in IMAGES],
    ids=[case[0] for case in IMAGES],
)
def test_image_properties(wanted, shown, glance, expected):
    server = builders.server(image_id='i', image_properties=shown)
    facts = None if glance is None else model.ImageFacts(glance)
    chosen = Selection(image_properties=wanted)
    assert answer(chosen, server, facts) is expected


def test_an_unreadable_image_is_unknown_for_its_own_reason():
    chosen = Selection(image_properties=HA)
    verdict = chosen.judge(
        builders.server(image_id='i'), model.ImageFacts(None, 'it is gone')
    )
    assert verdict == selection.Verdict(UNKNOWN, 'it is gone')


def test_the_names_that_nova_shows_hold_no_numbered_ones():
    assert 'hw_cpu_cores' in image_names.SHOWN_BY_NOVA
    for name in image_names.SHOWN_BY_NOVA:
        assert name.startswith(('hw_', 'os_'))
        assert not name.startswith(('hw_numa_cpus', 'hw_numa_mem'))


# How the kinds are joined. Each kind answers by a server made for it.
KINDS = {
    'tags': (
        {'tags': frozenset({'ha'})},
        {
            YES: {'tags': frozenset({'ha'})},
            NO: {'tags': frozenset()},
            UNKNOWN: {'tags': None},
        },
    ),
    'projects': (
        {'projects': frozenset({'p'})},
        {YES: {'project_id': 'p'}, NO: {'project_id': 'q'}},
    ),
    'properties': (
        {'properties': HA},
        {YES: {'metadata': {'ha': 'yes'}}, NO: {'metadata': {}}},
    ),
    'flavor': (
        {'flavor_properties': HA},
        {
            YES: {'flavor': builders.flavor(extra_specs={'ha': 'yes'})},
            NO: {'flavor': builders.flavor(extra_specs={})},
            UNKNOWN: {'flavor': builders.flavor(extra_specs=None)},
        },
    ),
    'image': (
        {'image_properties': HA},
        {
            YES: {'image_properties': {'ha': 'yes'}},
            NO: {'image_properties': {'ha': 'no'}},
            UNKNOWN: {'image_properties': None},
        },
    ),
}
PAIRS = [
    (one, first, other, second)
    for one in KINDS
    for other in KINDS
    if one < other
    for first in KINDS[one][1]
    for second in KINDS[other][1]
]
ALL = {
    (YES, YES): YES,
    (YES, NO): NO,
    (NO, NO): NO,
    (YES, UNKNOWN): UNKNOWN,
    (NO, UNKNOWN): NO,
    (UNKNOWN, UNKNOWN): UNKNOWN,
}
ANY = {
    (YES, YES): YES,
    (YES, NO): YES,
    (NO, NO): NO,
    (YES, UNKNOWN): YES,
    (NO, UNKNOWN): UNKNOWN,
    (UNKNOWN, UNKNOWN): UNKNOWN,
}


def look_up(table, first, second):
    return table[
        (first, second) if (first, second) in table else (second, first)
    ]


@pytest.mark.parametrize(('one', 'first', 'other', 'second'), PAIRS)
def test_two_kinds(one, first, other, second):
    fields = {**KINDS[one][0], **KINDS[other][0]}
    server = builders.server(**KINDS[one][1][first], **KINDS[other][1][second])
    for match_any, table in ((False, ALL), (True, ANY)):
        chosen = Selection(**fields, match_any=match_any)
        verdict = chosen.judge(server)
        assert verdict.answer is look_up(table, first, second)
        assert bool(verdict.reason) is (verdict.answer is not YES)


@pytest.mark.parametrize('match_any', [False, True])
@pytest.mark.parametrize(
    'exclusion', [{'not_tags': {'no'}}, {'not_any_tags': {'no', 'never'}}]
)
def test_exclusions_always_exclude(match_any, exclusion):
    chosen = Selection(
        tags={'ha'},
        projects={'project'},
        properties=HA,
        match_any=match_any,
        **exclusion,
    )
    server = tagged('ha', 'no', metadata={'ha': 'yes'})
    assert answer(chosen, server) is NO
    assert 'excluded by tag no' in chosen.judge(server).reason
    spared = dataclasses.replace(server, tags=frozenset({'ha'}))
    assert answer(chosen, spared) is YES


def test_an_exclusion_excludes_whatever_is_unknown_beside_it():
    chosen = Selection(flavor_properties=HA, not_tags={'no'})
    server = dataclasses.replace(HIDDEN, tags=frozenset({'no'}))
    assert answer(chosen, server) is NO


HINGES = [
    ('no image property wanted', {}, {}, False),
    ('it decides', {'image_properties': HA}, {}, True),
    (
        'Nova knows already',
        {'image_properties': HA},
        {'image_properties': {'ha': 'no'}},
        False,
    ),
    (
        'tags say no',
        {'image_properties': HA, 'tags': frozenset({'ha'})},
        {'tags': frozenset()},
        False,
    ),
    (
        'tags say yes, both are needed',
        {'image_properties': HA, 'tags': frozenset({'ha'})},
        {'tags': frozenset({'ha'})},
        True,
    ),
    (
        'tags say yes, one is enough',
        {
            'image_properties': HA,
            'tags': frozenset({'ha'}),
            'match_any': True,
        },
        {'tags': frozenset({'ha'})},
        False,
    ),
    (
        'tags say no, one is enough',
        {
            'image_properties': HA,
            'tags': frozenset({'ha'}),
            'match_any': True,
        },
        {'tags': frozenset()},
        True,
    ),
    (
        'excluded',
        {'image_properties': HA, 'not_tags': frozenset({'no'})},
        {'tags': frozenset({'no'})},
        False,
    ),
    (
        'another is unknown, but a no would decide',
        {'image_properties': HA, 'tags': frozenset({'ha'})},
        {'tags': None},
        True,
    ),
]


@pytest.mark.parametrize(
    ('chosen', 'fields', 'expected'),
    [case[1:] for case in HINGES],
    ids=[case[0] for case in HINGES],
)
def test_glance_is_asked_only_where_the_answer_hinges_on_it(
    chosen, fields, expected
):
    server = builders.server(image_id='i', **fields)
    assert Selection(**chosen).hinges_on_image(server) is expected


@pytest.mark.parametrize(
    ('text', 'key', 'value'),
    [
        ('ha', 'ha', None),
        ('ha=yes', 'ha', 'yes'),
        ('ha=a=b', 'ha', 'a=b'),
        ('trait:X=required', 'trait:X', 'required'),
        ('a key= a value ', 'a key', ' a value '),
    ],
)
def test_a_property_is_parsed(text, key, value):
    parsed = selection.Property.parse(text)
    assert parsed == selection.Property(key, value)
    assert str(parsed) == text


@pytest.mark.parametrize('text', ['', '=', '=x', 'x='])
def test_half_a_property_is_refused(text):
    with pytest.raises(exceptions.InvalidInput, match='write'):
        selection.Property.parse(text)


@pytest.mark.parametrize('tag', ['a', 'x' * 60, 'ha:10', 'ü ö', '=', '.'])
def test_a_tag_that_nova_takes_is_taken(tag):
    assert selection.validate_tag(tag) == tag


@pytest.mark.parametrize('tag', ['', 'x' * 61, 'a,b', 'a/b', ','])
@pytest.mark.parametrize(
    'where', ['tags', 'any_tags', 'not_tags', 'not_any_tags']
)
def test_a_tag_that_nova_would_refuse_is_refused(tag, where):
    with pytest.raises(exceptions.InvalidInput, match='1 to 60'):
        Selection(**{where: frozenset({tag})})


NAMES = st.sets(st.sampled_from(['a', 'b', 'c']), max_size=3).map(frozenset)
WANTED = st.lists(
    st.builds(
        selection.Property,
        st.sampled_from(['k', 'os_type', 'l']),
        st.sampled_from([None, 'v', 'w']),
    ),
    max_size=2,
).map(tuple)
SELECTIONS = st.builds(
    Selection,
    tags=NAMES,
    any_tags=NAMES,
    not_tags=NAMES,
    not_any_tags=NAMES,
    flavor_properties=WANTED,
    image_properties=WANTED,
    properties=WANTED,
    projects=NAMES,
    match_any=st.booleans(),
)
VALUES = st.dictionaries(
    st.sampled_from(['k', 'os_type', 'l']), st.sampled_from(['v', 'w'])
)
#: A world in which everything is known.
KNOWN = st.tuples(NAMES, VALUES, VALUES, VALUES, st.sampled_from('abz'))


def seen(known, hidden):
    """The server and its image, as seen where some things are hidden."""
    tags, specs, image, metadata, project = known
    server = builders.server(
        image_id='i',
        tags=None if 'tags' in hidden else tags,
        flavor=builders.flavor(
            extra_specs=None if 'specs' in hidden else specs
        ),
        metadata=metadata,
        project_id=project,
    )
    facts = model.ImageFacts(None if 'image' in hidden else image, 'gone')
    return server, facts


HIDDEN_PARTS = st.sets(st.sampled_from(['tags', 'specs', 'image']))


@hypothesis.settings(max_examples=120)
@hypothesis.given(SELECTIONS, KNOWN, HIDDEN_PARTS, HIDDEN_PARTS)
def test_knowing_more_never_turns_a_yes_or_no_round(
    chosen, known, hidden, also_hidden
):
    more = answer(chosen, *seen(known, hidden))
    less = answer(chosen, *seen(known, hidden | also_hidden))
    if less is not UNKNOWN:
        assert more is less
    assert answer(chosen, *seen(known, set())) is not UNKNOWN


@hypothesis.settings(max_examples=120)
@hypothesis.given(SELECTIONS, KNOWN, HIDDEN_PARTS, VALUES)
def test_where_it_does_not_hinge_on_the_image_no_image_matters(
    chosen, known, hidden, image
):
    server, _facts = seen(known, hidden)
    if not chosen.hinges_on_image(server):
        unread = answer(chosen, server, None)
        assert answer(chosen, server, model.ImageFacts(image)) is unread


@hypothesis.settings(max_examples=80)
@hypothesis.given(SELECTIONS, KNOWN)
def test_all_demands_at_least_what_any_does(chosen, known):
    server, facts = seen(known, set())
    kinds = (
        chosen.tags or chosen.any_tags,
        chosen.projects,
        chosen.properties,
        chosen.flavor_properties,
        chosen.image_properties,
    )
    strict = dataclasses.replace(chosen, match_any=False)
    lenient = dataclasses.replace(chosen, match_any=True)
    if answer(strict, server, facts) is YES:
        assert answer(lenient, server, facts) is YES
    if not any(kinds):
        excluded = chosen.not_tags and chosen.not_tags <= server.tags
        excluded = excluded or chosen.not_any_tags & server.tags
        assert answer(strict, server, facts) is (NO if excluded else YES)
