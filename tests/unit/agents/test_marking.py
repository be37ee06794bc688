"""Whoever calls, and however often: only a host that is off is marked."""

from __future__ import annotations

import pytest

from osc_instanceha import exceptions
from osc_instanceha.agents import marking
from osc_instanceha.fencing import options
from tests.unit import builders
from tests.unit.fencing import scene as scene_

DEAD = builders.DEAD
FENCED = (True, False, 'instanceha: fenced by bmc at now for test@here')


class GaveUp(Exception):
    """Whoever called has."""


class Cloud:
    """A scene, in place of a connection."""

    def __init__(self, scene: scene_.Scene) -> None:
        self._scene = scene
        self.config_limit = 'a limit'

    def fence_options(self, **fields):
        return options.FenceOptions(
            **{'max_hosts_down': self.config_limit, **fields}
        )

    def fence(self, names, made, *, dry_run, lock_timeout):
        assert lock_timeout < 10
        return self._scene.fence(names, options=made, dry_run=dry_run)

    def fencing(self, names):
        return self._scene.audit(names, check=False)


class Desk:
    """Where a host is marked."""

    def __init__(self, scene: scene_.Scene) -> None:
        self.scene = scene
        self.told: list[str] = []
        self.troubles: list[Exception] = []
        self.made = marking.Marking(
            DEAD, self.connect, self.told.append, scene.clock
        )

    def connect(self):
        if self.troubles:
            raise self.troubles.pop(0)
        return Cloud(self.scene)

    def run(self, seconds: float = 50.0) -> bool:
        """Whether it is done in time."""

        def give_up():
            raise GaveUp

        self.scene.clock.at(seconds, give_up)
        try:
            self.made.run()
        except GaveUp:
            return False
        return True


@pytest.fixture
def desk(scene):
    return lambda **fields: Desk(scene(**fields))


def test_a_host_that_is_off_is_marked_and_read_back(desk):
    made = desk()
    made.scene.machine(on=False)
    bmc = made.scene.add()
    assert made.run()
    assert made.scene.mark == FENCED
    assert bmc.asked == []
    assert made.told == ['bmc: off', f'{DEAD} is {FENCED[2]}']


def test_whatever_nova_counts_it_as(desk):
    """Pacemaker is sooner than Nova's service_down_time."""
    made = desk(services=[builders.living(DEAD), builders.living()])
    made.scene.machine(on=False)
    made.scene.add()
    assert made.run()
    assert made.scene.mark == FENCED


@pytest.mark.parametrize(
    'behaviour',
    [{}, {'silent': True}, {'unsure': True}, {'fresh': False}],
    ids=['on', 'silent', 'unsure', 'from memory'],
)
def test_being_called_proves_nothing(desk, behaviour):
    made = desk()
    bmc = made.scene.add(**behaviour)
    assert not made.run()
    assert made.scene.compute.changes == []
    assert bmc.asked == []
    assert made.made.problem.startswith('bmc: ')


def test_neither_does_a_host_without_a_device(desk):
    made = desk()
    assert not made.run()
    assert made.scene.compute.changes == []
    assert 'no fencing device' in made.made.problem


def test_not_even_one_that_is_marked_is_done_while_it_is_on(desk):
    made = desk()
    made.scene.compute.mark_down(made.scene.service, 'by hand')
    made.scene.add()
    assert not made.run()


def test_a_host_that_goes_off_late_is_waited_for(desk):
    made = desk()
    made.scene.add()
    made.scene.clock.at(20.0, lambda: made.scene.machine().turn(False))
    assert made.run()
    assert made.scene.mark == FENCED


@pytest.mark.parametrize(
    'error',
    [
        exceptions.Unreachable('refused'),
        exceptions.CloudError('unavailable', code=503),
        exceptions.Forbidden('who are you?', code=401),
        exceptions.InvalidConfig(['instanceha.yaml:3: what?']),
    ],
)
def test_it_is_tried_again_whatever_is_wrong(desk, error):
    made = desk()
    made.scene.machine(on=False)
    made.scene.add()
    made.troubles = [error] * 5
    assert made.run()
    assert made.scene.mark == FENCED
    assert made.told.count(str(error)) == 1


def test_another_run_that_evacuates_it_is_no_hindrance(desk):
    """It holds the lock for long; the mark is there."""
    made = desk()
    made.scene.machine(on=False)
    made.scene.add()
    assert made.run()
    made.scene.lock = taken

    assert made.run()
    assert made.scene.compute.changes == ['mark_down']


def test_another_run_on_a_host_that_is_not_marked_is_waited_for(desk):
    made = desk()
    made.scene.machine(on=False)
    made.scene.add()
    free, made.scene.lock = made.scene.lock, taken
    made.scene.clock.at(15.0, lambda: setattr(made.scene, 'lock', free))
    assert made.run()
    assert made.scene.mark == FENCED


def taken(services, _stopped=bool, /):
    raise exceptions.HostLocked(services[0].host, 3.0, 'file:///x')


def test_a_mark_that_nova_does_not_show_is_none(desk):
    made = desk()
    made.scene.machine(on=False)
    made.scene.add()
    made.scene.compute.mark_down = lambda service, reason: service
    assert not made.run()
    assert 'does not show the mark' in made.made.problem


def test_the_limit_is_for_evacuations(desk):
    """A host that has no power cannot be kept up by it."""
    made = desk()
    made.scene.machine(on=False)
    made.scene.add()
    assert made.run()
