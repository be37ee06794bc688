"""Unknown is never yes and never no, for any server and any selection."""

from __future__ import annotations

import dataclasses

import hypothesis
from hypothesis import strategies as st

from osc_instanceha import image_names
from osc_instanceha import model
from osc_instanceha import selection
from tests.unit.generated import clouds
from tests.unit.generated import counting
from tests.unit.generated import dice as dice_

YES, NO, UNKNOWN = selection.Answer

servers = clouds.servers
facts = clouds.all_facts


def held(wanted, properties):
    return all(
        item.key in properties and item.value in (None, properties[item.key])
        for item in wanted
    )


def shown_properties(server, image):
    """What is known of each image property, by the manual's own words."""
    known = {}
    for key in clouds.KEYS:
        shown = server.image_properties
        if shown is not None and (
            key in shown or key in image_names.SHOWN_BY_NOVA
        ):
            known[key] = shown.get(key)
        elif image is not None and image.properties is not None:
            known[key] = image.properties.get(key)
        else:
            return None
    return {key: value for key, value in known.items() if value is not None}


def simply(chosen, server, image):
    """Yes or no, for a server of which everything is known."""
    tags, kinds = server.tags, []
    if chosen.not_tags and chosen.not_tags <= tags:
        return False
    if chosen.not_any_tags & tags:
        return False
    if chosen.tags or chosen.any_tags:
        kinds.append(
            chosen.tags <= tags
            and (not chosen.any_tags or bool(chosen.any_tags & tags))
        )
    if chosen.projects:
        kinds.append(server.project_id in chosen.projects)
    if chosen.properties:
        kinds.append(held(chosen.properties, server.metadata))
    if chosen.flavor_properties:
        specs = server.flavor.extra_specs
        kinds.append(held(chosen.flavor_properties, specs))
    if chosen.image_properties:
        properties = shown_properties(server, image)
        kinds.append(held(chosen.image_properties, properties))
    join = any if chosen.match_any else all
    return join(kinds) if kinds else True


def known(dice, server):
    """The server, with everything known that Nova did not show."""
    if server.tags is None:
        server = dataclasses.replace(server, tags=clouds.tags(dice))
    if server.flavor.extra_specs is None:
        flavor = dataclasses.replace(
            server.flavor, extra_specs=clouds.properties(dice)
        )
        server = dataclasses.replace(server, flavor=flavor)
    return server


@counting.times(15)
@hypothesis.given(clouds.selections, servers, facts, st.binary(min_size=16))
def test_an_answer_holds_whatever_was_not_shown(chosen, server, image, raw):
    dice = dice_.Dice(raw)
    verdict = chosen.judge(server, image)
    assert bool(verdict.reason) is (verdict.answer is not YES)
    assert '\n' not in verdict.reason
    in_truth = known(dice, server)
    read = image
    if image is None or image.properties is None:
        read = model.ImageFacts(clouds.properties(dice))
    truth = simply(chosen, in_truth, read)
    if verdict.answer is not UNKNOWN:
        assert (verdict.answer is YES) is truth
    if in_truth == server and read is image:
        assert verdict.answer is not UNKNOWN


@counting.times(20)
@hypothesis.given(clouds.selections, servers, facts, facts)
def test_what_does_not_hinge_on_the_image_is_not_changed_by_it(
    chosen, server, one, another
):
    answers = {
        chosen.judge(server, one).answer,
        chosen.judge(server, another).answer,
    }
    if not chosen.hinges_on_image(server):
        assert len(answers) == 1


@counting.times(5)
@hypothesis.given(clouds.selections, servers, facts)
def test_an_owner_who_opted_out_stays_out(chosen, server, image):
    out = dataclasses.replace(
        chosen, not_any_tags=frozenset({'z'}), not_tags=frozenset()
    )
    answer = out.judge(server, image).answer
    if server.tags is None:
        assert answer in (UNKNOWN, NO)
    elif 'z' in server.tags:
        assert answer is NO
    else:
        without = dataclasses.replace(
            chosen, not_any_tags=frozenset(), not_tags=frozenset()
        )
        assert answer is without.judge(server, image).answer


@counting.times(5)
@hypothesis.given(clouds.selections, servers, facts)
def test_less_that_is_known_never_turns_an_answer_round(chosen, server, image):
    less = dataclasses.replace(server, tags=None, image_properties=None)
    answers = {
        chosen.judge(server, image).answer,
        chosen.judge(less, None).answer,
    }
    assert len(answers - {UNKNOWN}) <= 1 or image is None
