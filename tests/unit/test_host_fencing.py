"""One host: switched off, seen off, and only then marked (invariant 1)."""

from __future__ import annotations

import dataclasses

import pytest

from osc_instanceha import events
from osc_instanceha import exceptions
from osc_instanceha.fencing import result
from tests.unit import builders
from tests.unit.fencing import fakes
from tests.unit.fencing import scene as scene_

DEAD = builders.DEAD
ON, OFF = fakes.ON, fakes.OFF
Outcome = result.HostOutcome

BY_BMC = 'instanceha: fenced by bmc at now for test@here'


def test_the_plain_story(scene):
    made = scene()
    bmc = made.add(takes=3.0)
    found = made.one(made.fence())
    assert found.outcome is Outcome.FENCED
    assert bmc.asked == [OFF]
    assert made.mark == (True, False, BY_BMC)
    assert made.compute.changes == ['mark_down']
    assert [type(event) for event in made.seen] == [
        events.Waiting,
        events.PowerSeen,
        events.Marked,
        events.HostEnded,
    ]
    assert found.reason == found.cure == ''
    assert (found.state, found.enabled, found.forced_down) == (
        'down',
        False,
        True,
    )
    assert found.disabled_reason == BY_BMC
    assert found.power_state is OFF
    assert 3 <= found.seconds < 10


def test_the_mark_comes_after_the_proof(scene):
    made = scene()
    made.add(takes=20.0)
    machine = made.machine()
    mark_down = made.compute.mark_down

    def mark(service, reason):
        assert not machine.running
        return mark_down(service, reason)

    made.compute.mark_down = mark
    assert made.one(made.fence()).outcome is Outcome.FENCED


def test_a_host_that_is_off_already_is_only_marked(scene):
    made = scene()
    made.machine(on=False)
    bmc = made.add()
    assert made.one(made.fence()).outcome is Outcome.FENCED
    assert bmc.asked == []
    assert made.compute.changes == ['mark_down']


def test_a_host_in_somebodys_power_cycle_is_switched_off(scene):
    """Off when it is first looked at, and on again 4 s later."""
    made = scene()
    made.machine(on=False)
    made.clock.at(4.0, lambda: made.machine().turn(True))
    bmc = made.add()
    found = made.one(made.fence())
    assert found.outcome is Outcome.FENCED
    assert bmc.asked == [OFF]
    assert made.mark[0]
    made.clock.sleep(60.0)
    assert not made.machine().running


NOT_OFF = [
    ('accepted is not off', {'stuck': True}),
    ('too late', {'takes': 100.0}),
    ('a reset', {'takes': 0.1, 'returns_in': 0.2}),
    ('unsure', {'unsure': True}),
    ('from memory', {'fresh': False}),
    ('silent', {'silent': True}),
    ('refusing', {'refuses': 'not permitted'}),
    ('a wrong secret', {'error': exceptions.DeviceError('401')}),
    ('a defect', {'error': ZeroDivisionError('oops')}),
]


@pytest.mark.parametrize(
    'behaviour',
    [case[1] for case in NOT_OFF],
    ids=[case[0] for case in NOT_OFF],
)
def test_a_host_that_is_not_seen_off_is_not_marked(scene, behaviour):
    made = scene()
    made.add(**behaviour)
    found = made.one(made.fence())
    assert found.outcome is Outcome.FAILED
    assert made.compute.changes == []
    assert found.reason.startswith('bmc: ')
    assert 'run the command again' in found.cure
    assert '--confirm-off dead' in found.cure
    assert not found.forced_down
    assert not made.of(events.Marked)


def test_a_contradiction_is_not_marked(scene):
    made = scene()
    made.machine(plugs=2)
    made.add('bmc', refuses='not permitted')
    made.add('pdu', level=2, kind='pdu', plug=0)
    found = made.one(made.fence())
    assert found.outcome is Outcome.FAILED
    assert 'the first is not all of its power' in found.reason
    assert made.compute.changes == []


def test_a_host_without_devices_is_not_fenced(scene):
    made = scene()
    found = made.one(made.fence())
    assert found.outcome is Outcome.FAILED
    assert found.reason == 'instanceha.yaml names no fencing device for it'
    assert '--confirm-off dead' in found.cure
    assert made.compute.changes == []


# Switched off by somebody else.


def test_a_host_that_others_switched_off_is_seen_off_and_marked(scene):
    made = scene()
    made.machine(on=False)
    bmc = made.add()
    found = made.one(made.fence(switch=False))
    assert found.outcome is Outcome.FENCED
    assert bmc.asked == []
    assert made.mark == (True, False, BY_BMC)


@pytest.mark.parametrize(
    'behaviour',
    [case[1] for case in NOT_OFF if 'refuses' not in case[1]],
    ids=[case[0] for case in NOT_OFF if 'refuses' not in case[1]],
)
def test_a_host_that_others_left_on_is_neither_switched_nor_marked(
    scene, behaviour
):
    made = scene()
    bmc = made.add(**behaviour)
    found = made.one(made.fence(switch=False, force=True))
    assert found.outcome is Outcome.FAILED
    assert found.reason.startswith('bmc: ')
    assert bmc.asked == []
    assert made.compute.changes == []


@pytest.mark.parametrize(
    ('on', 'marked', 'outcome'),
    [
        (False, False, Outcome.FENCEABLE),
        (False, True, Outcome.FENCED),
        (True, False, Outcome.FAILED),
        (True, True, Outcome.FAILED),
    ],
)
def test_a_look_at_what_others_did(scene, on, marked, outcome):
    """Without a lock, and without a change."""
    fields = {'forced_down': marked, 'enabled': not marked}
    made = scene(services=[scene_.broken(**fields), builders.living()])
    made.machine(on=on)
    made.add()
    found = made.one(made.fence(switch=False, force=True, dry_run=True))
    assert found.outcome is outcome
    assert made.compute.changes == []


def test_a_word_is_no_proof_that_others_switched_it_off(scene):
    made = scene()
    made.add('word', kind='word')
    found = made.one(made.fence(switch=False, force=True))
    assert found.outcome is Outcome.FAILED
    assert made.compute.changes == []


# Up.


def test_a_host_that_is_up_is_refused_and_nothing_is_touched(scene):
    made = scene(services=[builders.living('dead'), builders.living()])
    bmc = made.add()
    found = made.one(made.fence())
    assert found.outcome is Outcome.REFUSED
    assert 'up' in found.reason
    assert '--force dead' in found.cure
    assert bmc.reads == 0
    assert bmc.drivers == []
    assert made.compute.changes == []
    assert (found.state, found.enabled) == ('up', True)


@pytest.mark.parametrize('how', [{'confirm_off': True}, {'dry_run': True}])
def test_a_host_that_is_up_is_refused_in_any_case(scene, how):
    made = scene(services=[builders.living('dead'), builders.living()])
    bmc = made.add()
    found = made.one(made.fence(**how))
    assert found.outcome is Outcome.REFUSED
    assert bmc.reads == 0
    assert made.compute.changes == []


def test_force_fences_it_nevertheless(scene):
    made = scene(services=[builders.living('dead'), builders.living()])
    made.compute.report()
    made.add()
    found = made.one(made.fence(force=True))
    assert found.outcome is Outcome.FENCED
    assert found.state == 'up', 'that is what it was'
    assert made.mark == (True, False, BY_BMC)


# The mark.


def test_a_host_that_is_marked_already_is_not_marked_again(scene):
    made = scene(
        services=[
            builders.service(disabled_reason='ours or theirs'),
            builders.living(),
        ]
    )
    bmc = made.add()
    found = made.one(made.fence())
    assert found.outcome is Outcome.FENCED
    assert bmc.asked == [OFF], 'its power is no less a matter'
    assert made.compute.changes == []
    assert found.disabled_reason == 'ours or theirs'


@pytest.mark.parametrize(
    'service',
    [
        builders.service(enabled=True),
        scene_.broken(enabled=False, disabled_reason='new disks'),
    ],
    ids=['forced down, enabled', 'disabled, not forced down'],
)
def test_half_a_mark_is_none(scene, service):
    made = scene(services=[service, builders.living()])
    made.add()
    assert made.one(made.fence()).outcome is Outcome.FENCED
    assert made.compute.changes == ['mark_down']
    assert made.mark[:2] == (True, False)


def test_what_it_was_disabled_for_is_kept(scene):
    made = scene(
        services=[
            scene_.broken(enabled=False, disabled_reason='new disks'),
            builders.living(),
        ]
    )
    made.add()
    made.one(made.fence())
    assert made.mark[2] == f'{BY_BMC}; disabled before: new disks'


def test_many_devices_fit_into_the_reason(scene):
    made = scene(
        services=[
            scene_.broken(enabled=False, disabled_reason='new disks ' * 9),
            builders.living(),
        ]
    )
    machine = made.machine(plugs=9)
    for plug in range(9):
        made.add(f'power-distribution-unit-{plug}', kind='pdu', plug=plug)
    assert made.one(made.fence()).outcome is Outcome.FENCED
    assert not machine.powered
    assert len(made.mark[2]) <= 255
    assert made.mark[2].endswith(f'disabled before: {"new disks " * 9}')


@pytest.mark.parametrize('lost', [False, True])
@pytest.mark.parametrize('times', [1, 4])
def test_a_mark_that_fails_in_passing_is_made_again(scene, lost, times):
    made = scene()
    made.add()
    if lost:
        made.compute.answers_lost['mark_down'] = times
    else:
        made.compute.fail('mark_down', times)
    found = made.one(made.fence())
    assert found.outcome is Outcome.FENCED
    assert made.compute.count('mark_down') == times + 1
    assert len(made.of(events.Trouble)) == times
    assert made.mark == (True, False, BY_BMC)


def test_a_mark_of_which_every_answer_is_lost_is_seen_to_be_there(scene):
    made = scene()
    made.add()
    made.compute.answers_lost['mark_down'] = 99
    found = made.one(made.fence())
    assert found.outcome is Outcome.FENCED
    assert found.forced_down
    assert made.mark == (True, False, BY_BMC)


@pytest.mark.parametrize(
    ('refused', 'tries'),
    [
        ([exceptions.Unreachable('away', code=503)] * 99, 5),
        ([exceptions.Unreachable('away')] * 99, 5),
        ([exceptions.Forbidden('no', code=403)] * 99, 1),
        ([exceptions.CloudError('bad', code=400)] * 99, 1),
        ([exceptions.CloudError('gone', code=404)] * 99, 1),
    ],
    ids=['503', 'no answer', '403', '400', '404'],
)
@pytest.mark.parametrize('confirm_off', [False, True])
def test_off_and_not_marked_is_a_word_of_its_own(
    scene, refused, tries, confirm_off
):
    made = scene()
    bmc = made.add()
    if confirm_off:
        made.machine().turn(False)
    made.compute.refused['mark_down'] = list(refused)
    found = made.one(made.fence(confirm_off=confirm_off))
    assert found.outcome is Outcome.NOT_MARKED
    assert found.outcome.value == 'off, not marked'
    assert str(refused[0]) in found.reason
    assert 'nothing can be evacuated' in found.reason
    assert 'again' in found.cure
    assert made.compute.count('mark_down') == tries
    assert made.mark[:2] == (False, True)
    assert not found.forced_down
    assert bmc.asked == ([] if confirm_off else [OFF])


def test_a_slow_nova_is_not_asked_for_the_mark_for_ever(scene):
    made = scene()
    made.add()

    def mark_down(service, reason):
        made.compute.calls.append((0, 'mark_down', 'dead'))
        made.clock.sleep(50)
        raise exceptions.Unreachable('timed out')

    made.compute.mark_down = mark_down
    assert made.one(made.fence()).outcome is Outcome.NOT_MARKED
    assert made.compute.count('mark_down') == 2


# Somebody's word.


def mixed(scene, **fields):
    """A level of a device that measures and one that vouches."""
    made = scene(services=[scene_.broken(**fields), builders.living()])
    made.machine(on=False)
    made.add('bmc')
    made.add('word', kind='word')
    return made


def human(scene, **fields):
    """A device that tells what a human has told it."""
    made = scene(services=[scene_.broken(**fields), builders.living()])
    made.machine(on=False)
    bmc = made.add('bmc')
    bmc.says = [fakes.driver.Reading(OFF, vouched=True)] * 99
    return made


@pytest.mark.parametrize('make', [mixed, human])
class TestPartlySomebodysWord:
    def test_a_silent_host_is_marked(self, scene, make):
        made = make(scene, quiet_for=100.0)
        assert made.one(made.fence()).outcome is Outcome.FENCED
        assert made.mark[0]

    def test_it_is_listened_to(self, scene, make):
        made = make(scene, quiet_for=5.0)
        made.compute._shown = shown_down(made.compute)
        began = made.clock.now
        assert made.one(made.fence()).outcome is Outcome.FENCED
        assert made.of(events.Listening)
        assert made.clock.now - began >= 13.5

    def test_a_host_that_reports_is_alive(self, scene, make):
        made = make(scene, quiet_for=5.0)
        made.compute.report()
        made.compute._shown = shown_down(made.compute)
        found = made.one(made.fence())
        assert found.outcome is Outcome.FAILED
        assert 'alive' in found.reason
        assert made.compute.changes == []


# A record that was read before the devices were.


def slow_devices(scene, confirm_off):
    """Reading the devices takes 36 s, in which much can happen."""
    made = scene()
    made.machine(on=False)
    if confirm_off:
        for number in range(3):
            made.add(f'bmc{number}', silent=True)
    else:
        made.add('word', kind='word')
        for number in range(3):
            made.add(f'bmc{number}', level=number + 2, silent=True)
    return made


@pytest.mark.parametrize('confirm_off', [True, False])
def test_a_host_that_came_alive_meanwhile_is_not_marked(scene, confirm_off):
    made = slow_devices(scene, confirm_off)
    made.clock.at(15.0, made.compute.report)
    found = made.one(made.fence(confirm_off=confirm_off))
    assert found.outcome is Outcome.FAILED
    assert 'alive' in found.reason
    assert made.compute.changes == []


@pytest.mark.parametrize('confirm_off', [True, False])
def test_a_host_that_reported_once_meanwhile_is_listened_to(
    scene, confirm_off
):
    made = slow_devices(scene, confirm_off)
    reported = []

    def report():
        reported.append(made.clock.now)
        made.compute.touch()

    made.clock.at(30.0, report)
    found = made.one(made.fence(confirm_off=confirm_off))
    assert found.outcome is Outcome.FENCED
    assert made.of(events.Listening)
    (last,) = reported
    assert made.clock.now - last >= 13.5


def test_a_service_that_is_another_one_meanwhile_is_not_marked(scene):
    made = slow_devices(scene, confirm_off=True)
    made.clock.at(
        15.0, lambda: made.compute.touch(DEAD, id='service-made-anew')
    )
    found = made.one(made.fence(confirm_off=True))
    assert found.outcome is Outcome.FAILED
    assert 'not the same any more' in found.reason
    assert made.compute.changes == []


# Interruption.


def interrupted_look(made, run):
    """A device that was just asked whether it is on never says so."""
    for number in range(2):
        made.add(f'bmc{number}', silent=True)
    made.clock.at(5.0, lambda: run._stop.set())


def interrupted_last_look(made, run):
    """All devices have said what they say when it comes."""
    bmc = made.add()
    read = bmc.read

    def last(timeout):
        run._stop.set()
        return read(timeout)

    bmc.read = last


def interrupted_wait_for_the_lock(made, run):
    lock = run._lock

    def late(services, stopped):
        run._stop.set()
        return lock(services, stopped)

    run._lock = late


def interrupted_listening(made, run):
    made.compute.touch()
    made.compute._shown = shown_down(made.compute)
    made.clock.at(7.0, lambda: run._stop.set())


def interrupted_before_the_mark(made, run):
    service = made.compute.service
    asked = []

    def last(host):
        asked.append(host)
        if len(asked) == 2:
            run._stop.set()
        return service(host)

    made.compute.service = last


def interrupted_at_the_end_of_listening(made, run):
    made.compute.touch()
    made.compute._shown = shown_down(made.compute)
    service = made.compute.service
    began = made.clock.now

    def last(host):
        if made.clock.now - began >= 13.5:
            run._stop.set()
        return service(host)

    made.compute.service = last


@pytest.mark.parametrize(
    ('interrupt', 'asked'),
    [
        (interrupted_look, 0),
        (interrupted_last_look, 0),
        # Under the lock it is looked at in any case.
        (interrupted_wait_for_the_lock, 1),
        (interrupted_listening, 0),
        # Those are being asked just then.
        (interrupted_before_the_mark, 1),
        (interrupted_at_the_end_of_listening, 1),
    ],
)
def test_an_interrupted_confirmation_marks_nothing(scene, interrupt, asked):
    made = scene()
    made.machine(on=False)
    run = made.fence(confirm_off=True)
    interrupt(made, run)
    stop, stopped = run._stop.set, []

    def set_once():
        stopped.append((made.clock.now, made.compute.count('service')))
        stop()

    run._stop.set = set_once
    found = made.one(run)
    # Soon after it, and Nova is asked for nothing more.
    (moment, before) = stopped[0]
    assert made.clock.now - moment <= 12
    assert made.compute.count('service') - before == asked
    assert made.compute.changes == []
    assert found.outcome is Outcome.FAILED
    assert found.reason == 'interrupted before it was fenced'
    assert 'again' in found.cure
    assert not found.forced_down


@pytest.mark.parametrize(
    ('kind', 'how', 'word'),
    [
        ('word', {}, 'by word at now for test@here'),
        ('bmc', {'confirm_off': True}, 'by manual at now for test@here'),
    ],
)
class TestSomebodysWord:
    def scene(self, scene, kind, quiet_for=100.0):
        made = scene(
            services=[
                scene_.broken(quiet_for=quiet_for),
                builders.living(),
            ]
        )
        made.machine(on=False)
        made.add(kind, kind=kind)
        return made

    def test_it_is_taken_for_a_silent_host(self, scene, kind, how, word):
        made = self.scene(scene, kind)
        found = made.one(made.fence(**how))
        assert found.outcome is Outcome.FENCED
        assert made.mark == (True, False, f'instanceha: fenced {word}')

    def test_it_is_not_taken_before_the_host_is_silent(
        self, scene, kind, how, word
    ):
        # Nova may still count it as down: its clock is a minute.
        made = self.scene(scene, kind, quiet_for=5.0)
        made.compute._shown = shown_down(made.compute)
        began = made.clock.now
        found = made.one(made.fence(**how))
        assert found.outcome is Outcome.FENCED
        assert made.clock.now - began >= 8

    def test_it_is_not_taken_for_a_host_that_reports(
        self, scene, kind, how, word
    ):
        made = self.scene(scene, kind, quiet_for=5.0)
        made.compute.report()
        made.compute._shown = shown_down(made.compute)
        found = made.one(made.fence(**how))
        assert found.outcome is Outcome.FAILED
        assert 'alive' in found.reason
        assert made.compute.changes == []

    def test_it_is_not_taken_while_nova_cannot_be_asked(
        self, scene, kind, how, word
    ):
        made = self.scene(scene, kind, quiet_for=5.0)
        made.compute._shown = shown_down(made.compute)
        run = made.fence(**how)
        # Once under the lock, then never again.
        service = made.compute.service
        asked = []

        def once(host):
            asked.append(host)
            if len(asked) > 1:
                raise exceptions.Unreachable('away', code=503)
            return service(host)

        made.compute.service = once
        found = made.one(run)
        assert found.outcome is Outcome.FAILED
        assert 'away' in found.reason
        assert made.compute.changes == []


def shown_down(compute):
    """Nova's view, with ``up`` as if it were late to notice anything."""
    shown = type(compute)._shown

    def late(item):
        return dataclasses.replace(shown(compute, item), up=False)

    return late


def test_a_word_is_evidence_beside_a_silent_device(scene):
    made = scene()
    made.machine(on=False)
    made.add(silent=True)
    found = made.one(made.fence(confirm_off=True))
    assert found.outcome is Outcome.FENCED
    silent, word = found.evidence
    assert silent.problem
    assert word.vouched
    assert word.detail == 'confirmed by test@here'
    assert found.decisive == (word,)


def test_a_confirmed_host_whose_machine_says_on_is_refused(scene):
    made = scene()
    bmc = made.add()
    found = made.one(made.fence(confirm_off=True))
    assert found.outcome is Outcome.REFUSED
    assert 'bmc says that it is on' in found.reason
    assert made.compute.changes == []
    assert bmc.asked == []
    assert len(found.evidence) == 1


def test_a_confirmed_host_whose_plug_has_power_is_believed(scene):
    made = scene()
    made.machine(on=False)
    pdu = made.add('pdu', kind='pdu', plug=0)
    assert made.one(made.fence(confirm_off=True)).outcome is Outcome.FENCED
    assert pdu.asked == []


# A dry run.


@pytest.mark.parametrize(
    ('levels', 'outcome'),
    [
        ([[{}]], Outcome.FENCEABLE),
        ([[{'silent': True}]], Outcome.FAILED),
        ([[{'silent': True}], [{}]], Outcome.FENCEABLE),
        ([[{}, {'silent': True}]], Outcome.FAILED),
        ([[{}, {'silent': True}], [{}]], Outcome.FENCEABLE),
        ([[{'unsure': True}]], Outcome.FAILED),
        ([], Outcome.FAILED),
    ],
)
@pytest.mark.parametrize('on', [True, False])
def test_a_dry_run_tells_whether_it_could_be_fenced(
    scene, levels, outcome, on
):
    made = scene()
    made.machine(on=on)
    real = [
        made.add(f'bmc{level}{number}', level=level, **behaviour)
        for level, devices in enumerate(levels, 1)
        for number, behaviour in enumerate(devices)
    ]
    found = made.one(made.fence(dry_run=True))
    assert found.outcome is outcome
    assert (found.reason == '') is (outcome is Outcome.FENCEABLE)
    assert made.compute.changes == []
    assert [device.asked for device in real] == [[]] * len(real)
    assert made.lock.taken == []


@pytest.mark.parametrize(
    ('on', 'outcome'), [(False, Outcome.FENCEABLE), (True, Outcome.REFUSED)]
)
def test_a_dry_run_of_a_confirmation(scene, on, outcome):
    made = scene()
    made.machine(on=on)
    made.add()
    found = made.one(made.fence(dry_run=True, confirm_off=True))
    assert found.outcome is outcome
    assert made.compute.changes == []


# Again, and again (a run that was killed at any point).


def world(scene, **fields):
    made = scene(
        services=[
            scene_.broken(enabled=False, disabled_reason='new disks'),
            builders.living(),
        ]
    )
    made.machine(plugs=2)
    for plug in (0, 1):
        made.add(f'pdu{plug}', kind='pdu', plug=plug, takes=2.0)
    return made


def test_a_run_that_is_killed_anywhere_is_ended_by_the_next(scene):
    whole = world(scene)
    whole.one(whole.fence())
    end = (whole.mark, whole.machine().plugs)
    kills = 0
    while True:
        made = world(scene)
        made.clock.fuse = kills
        try:
            made.complete(made.fence())
        except builders.Killed:
            pass
        else:
            break
        kills += 1
        assert not (made.mark[0] and made.machine().running)
        made.clock.fuse = None
        made.lock.held.clear()
        assert made.one(made.fence()).outcome is Outcome.FENCED
        assert (made.mark, made.machine().plugs) == end
    assert kills > 10


def test_a_second_run_changes_nothing(scene):
    made = world(scene)
    made.one(made.fence())
    changes = list(made.compute.changes)
    mark = made.mark
    found = made.one(made.fence())
    assert found.outcome is Outcome.FENCED
    assert made.compute.changes == changes
    assert made.mark == mark


def test_a_reason_that_came_meanwhile_is_kept(scene):
    """Somebody disables the host while its devices are waited for."""
    made = scene()
    made.machine(on=False)
    for number in range(3):
        made.add(f'b{number}', silent=True)
    made.clock.at(
        15.0,
        lambda: made.compute.touch(
            'dead', enabled=False, disabled_reason='new disks'
        ),
    )
    made.one(made.fence(confirm_off=True))
    assert 'disabled before: new disks' in made.mark[2]
