"""Rounds that go on for ever, on a Nova that keeps its word."""

from __future__ import annotations

import pytest

from osc_instanceha import audit
from osc_instanceha import exceptions
from osc_instanceha.agents import rounds
from osc_instanceha.fencing import levels
from tests.unit import builders

DEAD, SPARE = builders.DEAD, builders.SPARE


class Enough(Exception):
    """The test has seen enough."""


class Cloud:
    """A world, in place of a connection."""

    def __init__(self, world):
        self.world = world

    def fencing(self):
        return audit.Audit(
            (),
            compute=self.world.compute,
            configured=(),
            devices=levels.none,
            check=False,
        )

    def evacuate(self, hosts):
        assert hosts is None
        self.world.runs.append(self.world.clock.now)
        return self.world.recovery(None)


class Watch:
    """Rounds that are watched."""

    def __init__(self, world, **fields):
        self.world = world
        self.world.runs = []
        self.told = []
        self.connected = 0
        self.troubles = []
        self.began = world.clock.now
        self.made = rounds.Rounds(
            self.connect,
            self.told.append,
            world.clock,
            **{'interval': 10.0, 'longest': 60.0, **fields},
        )

    def connect(self):
        self.connected += 1
        if self.troubles:
            raise self.troubles.pop(0)
        return Cloud(self.world)

    def run(self, seconds):
        def enough():
            raise Enough

        self.world.clock.at(seconds, enough)
        with pytest.raises(Enough):
            self.made.run()

    @property
    def pauses(self):
        """Seconds between the beginnings of two runs."""
        runs = self.world.runs
        return [
            later - sooner
            for sooner, later in zip(runs, runs[1:], strict=False)
        ]


@pytest.fixture
def watch(world):
    return lambda *servers, **fields: Watch(world(*servers, **fields))


def test_a_fenced_host_is_evacuated(watch):
    made = watch(builders.server('a'))
    made.run(300)
    assert made.world.compute.servers_['a'].host == SPARE
    assert f'server a: evacuated to {SPARE}' in made.told


def test_without_a_fenced_host_only_the_services_are_read(watch):
    made = watch(services=(builders.living(DEAD), builders.living()))
    made.run(300)
    assert made.world.runs == []
    assert made.connected == 1
    assert made.world.compute.count('services') == 30


def test_what_nothing_can_be_done_for_is_tried_less_and_less(watch):
    made = watch(builders.server('a', image_id='i'))
    made.run(400)
    assert made.pauses[0] >= 20
    assert max(made.pauses) < 60 + 2 * 10 + 1
    assert len(made.pauses) <= 8
    # Nothing new is nothing to be told.
    assert len([line for line in made.told if 'server a' in line]) == 1


def test_another_host_is_not_kept_waiting_by_that(watch):
    made = watch(
        builders.server('a', image_id='i'),
        builders.server('b', host='late'),
        services=(
            builders.service(),
            builders.living('late'),
            builders.living(),
        ),
    )
    fenced = 205.0

    def fence():
        made.world.compute.die('late')
        made.world.compute.touch('late', forced_down=True, enabled=False)

    made.world.clock.at(fenced, fence)
    made.run(400)
    first = min(
        moment for moment in made.world.runs if moment >= made.began + fenced
    )
    assert first <= made.began + fenced + 10
    assert made.world.compute.servers_['b'].host == SPARE


def test_a_cloud_that_is_away_is_asked_again(watch):
    made = watch(builders.server('a'))
    made.troubles = [exceptions.Unreachable('refused')] * 3
    made.run(300)
    assert made.world.compute.servers_['a'].host == SPARE
    assert made.told[0] == 'error: refused'
    assert made.told.count('error: refused') == 1


def test_after_trouble_it_connects_anew(watch):
    """The credentials may have changed."""
    made = watch(services=(builders.living(DEAD), builders.living()))
    made.world.compute.fail('services', 1)
    made.run(100)
    assert made.connected == 2


def test_it_can_be_interrupted_anywhere_and_begun_again(world):
    """Nothing is asked for twice, whenever it was ended."""
    for moment in range(1, 60, 3):
        made = world(*[builders.server(f's{n}') for n in range(4)])
        Watch(made).run(moment / 2)
        Watch(made).run(300)
        for number in range(4):
            assert made.compute.servers_[f's{number}'].host == SPARE
        names = [name for name, _how in made.compute.requests]
        assert sorted(names) == ['s0', 's1', 's2', 's3']
