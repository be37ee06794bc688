"""Devices of one level together, the next level when one fails."""

from __future__ import annotations

import pytest

from osc_instanceha.fencing import levels
from tests.unit.fencing import fakes

ON, OFF, UNKNOWN = fakes.ON, fakes.OFF, fakes.UNKNOWN


def opened(scene, host='dead'):
    return scene.devices(host, lambda: False)


def off(scene):
    return levels.switch_off(opened(scene), scene.clock)


def names(items):
    return [item.device for item in items]


def test_no_devices_prove_nothing(scene):
    made = scene()
    for proof in (off(made), levels.check(levels.none('dead', bool))):
        assert not proof.off
        assert proof.evidence == proof.decisive == ()


def test_one_device(scene):
    made = scene()
    made.add()
    proof = off(made)
    assert proof.off
    assert names(proof.decisive) == ['bmc']
    assert proof.problem == ''
    assert not proof.vouched


def test_all_devices_of_a_level_must_succeed(scene):
    made = scene()
    machine = made.machine(plugs=2)
    first = made.add('pdu1', kind='pdu', plug=0)
    second = made.add('pdu2', kind='pdu', plug=1)
    proof = off(made)
    assert proof.off
    assert not machine.powered
    assert first.asked == second.asked == [OFF]
    assert names(proof.decisive) == ['pdu1', 'pdu2']


@pytest.mark.parametrize('place', [0, 1])
def test_one_of_two_supplies_is_not_off(scene, place):
    made = scene()
    machine = made.machine(plugs=2)
    for plug in (0, 1):
        made.add(f'pdu{plug}', kind='pdu', plug=plug, stuck=plug == place)
    proof = off(made)
    assert not proof.off
    assert machine.running
    assert f'pdu{place} (pdu): asked for power off' in proof.problem


def test_two_supplies_are_off_together_and_not_one_after_the_other(scene):
    """Somebody switches the first on again while the second goes off."""
    made = scene()
    machine = made.machine(plugs=2)
    first = made.add('pdu0', kind='pdu', plug=0)
    second = made.add('pdu1', kind='pdu', plug=1, takes=10.0)
    second.before_switch = lambda state: made.clock.at(
        5.0, lambda: machine.turn(True, 0)
    )
    proof = off(made)
    assert not proof.off
    assert machine.powered
    assert first.asked == [OFF]


def test_the_next_level_is_tried_when_one_fails(scene):
    made = scene()
    machine = made.machine()
    first = made.add('bmc', silent=True)
    second = made.add('pdu', level=2, kind='pdu', plug=0)
    proof = off(made)
    assert proof.off
    assert not machine.running
    assert first.asked == []
    assert second.asked == [OFF]
    assert names(proof.decisive) == ['pdu']
    assert names(proof.evidence)[:2] == ['bmc', 'pdu']


def test_the_rest_of_a_level_that_failed_is_left_alone(scene):
    made = scene()
    made.add('pdu0', kind='pdu', plug=0, refuses='no')
    rest = made.add('pdu1', kind='pdu', plug=0)
    assert not off(made).off
    assert rest.reads == 0


def test_no_further_level_is_touched_after_one_that_succeeded(scene):
    made = scene()
    made.add('bmc')
    second = made.add('pdu', level=2, kind='pdu', plug=0)
    assert off(made).off
    assert second.reads == 0


def test_where_all_levels_fail_every_device_says_why(scene):
    made = scene()
    made.add('bmc', refuses='not permitted')
    made.add('pdu', level=2, kind='pdu', plug=0, silent=True)
    proof = off(made)
    assert not proof.off
    assert proof.problem == ('bmc: not permitted; pdu: no route to host')
    assert names(proof.decisive) == ['pdu']


# Contradictions.


def test_a_machine_that_goes_on_running_contradicts_a_plug(scene):
    """The plug is another machine's, or one of two."""
    made = scene()
    made.machine(plugs=2)
    made.add('bmc', refuses='not permitted')
    made.add('pdu', level=2, kind='pdu', plug=0)
    proof = off(made)
    assert not proof.off
    assert proof.contradiction.startswith(
        'pdu says off, but bmc says that the machine is on'
    )
    assert proof.problem == proof.contradiction
    assert proof.running


def test_a_bmc_with_a_memory_of_its_own_has_time_to_notice(scene):
    made = scene()
    made.machine()
    bmc = made.add('bmc', refuses='not permitted')
    made.add('pdu', level=2, kind='pdu', plug=0)
    bmc.says = [fakes.driver.Reading(ON)] * 7
    proof = off(made)
    assert proof.off
    assert bmc.says == []


@pytest.mark.parametrize('behaviour', [{'silent': True}, {'unsure': True}])
def test_a_machine_that_says_nothing_does_not_contradict(scene, behaviour):
    made = scene()
    made.add('bmc', **behaviour)
    made.add('pdu', level=2, kind='pdu', plug=0)
    assert off(made).off


def test_a_plug_that_says_on_does_not_contradict(scene):
    """It has power; the machine behind it may be off nevertheless."""
    made = scene()
    made.machine(plugs=2)
    made.add('pdu0', kind='pdu', plug=0, refuses='no')
    made.add('pdu1', level=2, kind='pdu', plug=1)
    assert off(made).off


@pytest.mark.parametrize('kind', ['pdu', 'word'])
def test_a_later_level_that_reads_the_machine_contradicts(scene, kind):
    """The plug of the first level is not all of its power."""
    made = scene()
    machine = made.machine(plugs=2)
    made.add('first', kind=kind, plug=0)
    made.add('bmc', level=2, stuck=True)
    proof = off(made)
    assert machine.running
    assert not proof.off
    assert proof.contradiction.startswith(
        f'first ({kind}) says off, but bmc says that the machine is on'
    )


def test_what_is_contradicted_is_left_to_the_next_level(scene):
    made = scene()
    machine = made.machine(plugs=2)
    made.add('plug', kind='pdu', plug=0)
    bmc = made.add('bmc', level=2)
    proof = off(made)
    assert not machine.running
    assert proof.off
    assert names(proof.decisive) == ['bmc']
    assert bmc.asked == [OFF]


@pytest.mark.parametrize('level', [2, 3])
def test_it_contradicts_after_a_level_that_failed_too(scene, level):
    made = scene()
    made.machine(plugs=2)
    made.add('pdu0', kind='pdu', plug=0, refuses='no')
    made.add('pdu1', level=2, kind='pdu', plug=1)
    made.add('bmc', level=level + 1, stuck=True)
    assert 'bmc says' in off(made).contradiction


@pytest.mark.parametrize(
    'behaviour',
    [{'silent': True}, {'unsure': True}, {'fresh': False}, {'kind': 'pdu'}],
    ids=['silent', 'unsure', 'from memory', 'a plug'],
)
def test_a_later_level_that_says_little_does_not_contradict(scene, behaviour):
    made = scene()
    made.machine(plugs=2)
    made.add('pdu', kind='pdu', plug=0)
    second = made.add('second', level=2, plug=1, **behaviour)
    proof = off(made)
    assert proof.off
    assert proof.contradiction == ''
    assert second.reads == 1


def test_a_later_level_has_time_to_notice(scene):
    made = scene()
    made.machine()
    made.add('pdu', kind='pdu', plug=0)
    bmc = made.add('bmc', level=2)
    bmc.says = [fakes.driver.Reading(ON)] * 7
    assert off(made).off
    assert bmc.says == []


@pytest.mark.parametrize('kinds', [['bmc'], ['bmc', 'pdu'], ['pdu', 'bmc']])
def test_later_levels_are_not_asked_where_the_first_reads_the_machine(
    scene, kinds
):
    made = scene()
    made.machine()
    for kind in kinds:
        made.add(kind, kind=kind, plug=0 if kind == 'pdu' else None)
    later = made.add('second', level=2)
    assert off(made).off
    assert later.reads == 0
    assert later.drivers == []


def test_a_bmc_that_hung_is_asked_again_too(scene, monkeypatch):
    """That it is of the machine is known, although it did not answer."""
    made = scene()
    made.machine(plugs=2)
    bmc = made.add('bmc')
    made.add('pdu', level=2, kind='pdu', plug=0)
    within = levels.device_.deadline.within

    def late(seconds, call):
        if bmc.asked or not bmc.reads:
            return within(seconds, call)
        bmc.asked.append(OFF)
        raise levels.device_.deadline.Overdue

    bmc.stuck = True
    monkeypatch.setattr(levels.device_.deadline, 'within', late)
    proof = off(made)
    assert not proof.off
    assert 'bmc says that the machine is on' in proof.contradiction


# Looking.


def test_a_look_reads_every_device_and_changes_nothing(scene):
    made = scene()
    devices = [
        made.add('bmc'),
        made.add('pdu', level=2, kind='pdu', plug=0),
    ]
    proof = levels.check(opened(made))
    assert not proof.off
    assert proof.running
    assert names(proof.evidence) == ['bmc', 'pdu']
    assert names(proof.decisive) == ['bmc']
    assert [device.reads for device in devices] == [1, 1]
    assert [device.asked for device in devices] == [[], []]


@pytest.mark.parametrize(
    ('on', 'plug_on', 'off_', 'decisive'),
    [
        (False, True, True, ['bmc']),
        # No power at all: the BMC is silent, and the plug proves it.
        (None, False, True, ['pdu']),
        (True, True, False, ['bmc']),
    ],
)
def test_any_level_may_prove_it(scene, on, plug_on, off_, decisive):
    made = scene()
    machine = made.machine(on=bool(on))
    made.add('bmc', silent=on is None)
    made.add('pdu', level=2, kind='pdu', plug=0)
    machine.plugs[0] = plug_on
    proof = levels.check(opened(made))
    assert proof.off is off_
    assert names(proof.decisive) == decisive


def test_a_look_sees_a_contradiction(scene):
    made = scene()
    machine = made.machine(plugs=2)
    machine.turn(False, 0)
    made.add('pdu', kind='pdu', plug=0)
    made.add('bmc', level=2)
    proof = levels.check(opened(made))
    assert not proof.off
    assert 'bmc says that the machine is on' in proof.contradiction


def test_a_look_from_memory_proves_nothing(scene):
    made = scene()
    made.machine(on=False)
    made.add('bmc', fresh=False)
    assert not levels.check(opened(made)).off


@pytest.mark.parametrize(
    ('kinds', 'vouched'),
    [(['word'], True), (['bmc'], False), (['word', 'bmc'], True)],
)
def test_a_word_is_a_word_beside_a_measurement_too(scene, kinds, vouched):
    made = scene()
    made.machine(on=False)
    for kind in kinds:
        made.add(kind, kind=kind)
    proof = levels.check(opened(made))
    assert proof.off
    assert proof.vouched is vouched


# Switching on.


def on(scene):
    return list(levels.switch_on(opened(scene)))


def test_the_last_level_is_switched_on_first(scene):
    made = scene()
    machine = made.machine(on=False)
    machine.turn(False, 0)
    order = []
    bmc = made.add('bmc', boots_in=90.0)
    pdu = made.add('pdu', level=2, kind='pdu', plug=0)
    bmc.before_switch = lambda state: order.append('bmc')
    pdu.before_switch = lambda state: order.append('pdu')
    seen = on(made)
    assert order == ['pdu', 'bmc']
    assert [item.on for item in seen] == [True, True]
    assert machine.running


@pytest.mark.parametrize('level', [1, 2])
def test_a_device_gets_time_to_boot_only_if_it_has_its_power(scene, level):
    """It may have had it for a second only: a run was killed just then."""
    made = scene()
    made.add('bmc', silent=True)
    if level == 2:
        made.add('pdu', level=2, kind='pdu', plug=0)
    began = made.clock.now
    *_pdu, bmc = on(made)
    assert not bmc.on
    took = made.clock.now - began
    assert took < 15 if level == 1 else 170 < took < 200


def test_what_is_on_is_asked_for_nothing(scene):
    made = scene()
    bmc = made.add('bmc')
    (seen,) = on(made)
    assert seen.on
    assert bmc.asked == []


def test_both_supplies_are_switched_on(scene):
    made = scene()
    machine = made.machine(plugs=2)
    for plug in (0, 1):
        machine.turn(False, plug)
        made.add(f'pdu{plug}', kind='pdu', plug=plug)
    assert all(item.on for item in on(made))
    assert machine.plugs == [True, True]


# The end.


def test_devices_are_closed_whatever_happens(scene):
    made = scene()
    devices = [
        made.add('bmc', silent=True),
        made.add('pdu', level=2, kind='pdu', plug=0),
    ]
    with (
        pytest.raises(ZeroDivisionError),
        levels.closing(opened(made)) as all_,
    ):
        levels.switch_off(all_, made.clock)
        raise ZeroDivisionError
    for device in devices:
        assert [item.closed for item in device.drivers] == [1]


def confirmed(scene):
    return levels.confirm_off(opened(scene))


def test_a_host_is_confirmed_off_by_its_devices_and_asked_for_nothing(scene):
    made = scene()
    made.machine(on=False)
    bmc = made.add()
    proof = confirmed(made)
    assert proof.off
    assert names(proof.decisive) == ['bmc']
    assert bmc.asked == []


def test_a_host_that_is_on_is_not_confirmed_off(scene):
    made = scene()
    bmc = made.add()
    proof = confirmed(made)
    assert not proof.off
    assert proof.problem == 'bmc: on'
    assert bmc.asked == []


def test_nothing_is_confirmed_without_devices(scene):
    assert not confirmed(scene()).off


@pytest.mark.parametrize('place', [0, 1])
def test_all_devices_of_a_level_have_to_confirm(scene, place):
    made = scene()
    machine = made.machine(plugs=2)
    machine.turn(False, place)
    for plug in (0, 1):
        made.add(f'pdu{plug}', kind='pdu', plug=plug)
    assert not confirmed(made).off


def test_a_machine_that_runs_speaks_against_a_plug_without_power(scene):
    made = scene()
    made.machine(plugs=2).turn(False, 0)
    made.add('pdu', kind='pdu', plug=0)
    made.add('bmc', level=2)
    proof = confirmed(made)
    assert not proof.off
    assert 'the first is not all of its power' in proof.problem


@pytest.mark.parametrize('on', [True, False])
def test_a_word_confirms_nothing(scene, on):
    """Not even where a device of a later level is silent."""
    made = scene()
    made.machine(on=on)
    made.add('word', kind='word')
    proof = confirmed(made)
    assert not proof.off
    assert proof.problem == 'no device of it measures anything'


def test_a_device_counts_where_a_word_stands_before_it(scene):
    made = scene()
    made.machine(on=False)
    made.add('word', kind='word')
    made.add('bmc', level=2)
    proof = confirmed(made)
    assert proof.off
    assert names(proof.decisive) == ['bmc']
    assert names(proof.evidence) == ['word', 'bmc']
