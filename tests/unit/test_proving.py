"""What the fencing devices say in an evacuation (invariant 1)."""

from __future__ import annotations

import pytest

from osc_instanceha import events
from osc_instanceha import exceptions
from tests.unit import builders
from tests.unit.fencing import fakes
from tests.unit.fencing import scene as scene_

ON, OFF = fakes.ON, fakes.OFF
MARKED = builders.service(disabled_reason='instanceha: fenced by hand')


def refusals(run):
    return {item.host: item.reason for item in run.refusals}


# With --fence.


def test_a_host_is_fenced_and_then_evacuated(scene):
    made = scene(builders.server('a'), builders.stopped_server('b'))
    bmc = made.add(takes=3.0)
    made.compute.evacuate = after(made, made.compute.evacuate)
    run = made.finish(fence=True)
    assert builders.outcomes(run) == {'a': 'evacuated', 'b': 'evacuated'}
    assert bmc.asked == [OFF]
    assert made.mark == (
        True,
        False,
        'instanceha: fenced by bmc at now for test@here',
    )
    assert not run.refusals
    assert [type(event) for event in made.seen][:4] == [
        events.Planned,
        events.Waiting,
        events.PowerSeen,
        events.Marked,
    ]


def after(made, evacuate):
    """No request to evacuate before the machine is off and marked."""

    def checked(*args, **fields):
        assert not made.machine().running
        assert made.mark[0]
        return evacuate(*args, **fields)

    return checked


NOT_OFF = [
    ('stuck', {'stuck': True}),
    ('silent', {'silent': True}),
    ('unsure', {'unsure': True}),
    ('from memory', {'fresh': False}),
    ('refusing', {'refuses': 'no'}),
    ('a reset', {'takes': 0.1, 'returns_in': 0.2}),
]


@pytest.mark.parametrize(
    'behaviour',
    [case[1] for case in NOT_OFF],
    ids=[case[0] for case in NOT_OFF],
)
def test_a_host_that_is_not_seen_off_is_not_evacuated(scene, behaviour):
    made = scene(builders.server('a'))
    made.add(**behaviour)
    run = made.finish(fence=True)
    assert made.compute.changes == []
    assert builders.outcomes(run) == {'a': 'refused'}
    assert refusals(run)['dead'].startswith('bmc: ')
    assert not made.lock.held


def two(scene):
    made = scene(
        builders.server('a'),
        builders.server('b', host='dead2'),
        services=[
            scene_.broken(),
            scene_.broken('dead2'),
            builders.living(),
        ],
    )
    made.compute.report('spare')
    made.add(stuck=True)
    made.add(host='dead2')
    return made


def test_one_that_is_not_proven_off_keeps_no_other_waiting(scene):
    made = two(scene)
    run = made.finish(['dead', 'dead2'], fence=True)
    assert builders.outcomes(run) == {'a': 'refused', 'b': 'evacuated'}
    assert set(refusals(run)) == {'dead'}
    assert made.mark[0] is False
    assert made.compute.services_['dead2'].forced_down


def test_a_host_that_nova_counts_as_up_is_not_switched_off(scene):
    made = scene(
        builders.server('a'),
        services=[builders.living('dead'), builders.living()],
    )
    bmc = made.add()
    run = made.finish(fence=True)
    assert builders.outcomes(run) == {'a': 'refused'}
    assert bmc.reads == 0
    assert 'up' in refusals(run)['dead']


def test_a_host_that_cannot_be_marked_is_not_evacuated(scene):
    made = scene(builders.server('a'))
    made.add()
    made.compute.refused['mark_down'] = [
        exceptions.Forbidden('not allowed', code=403)
    ]
    run = made.finish(fence=True)
    assert builders.outcomes(run) == {'a': 'refused'}
    assert refusals(run)['dead'].startswith(
        'Nova did not take the mark (not allowed), although its power is off'
    )
    assert made.compute.count('evacuate') == 0


def test_no_devices_no_fence(scene):
    made = scene(builders.server('a'))
    run = made.finish(fence=True)
    assert builders.outcomes(run) == {'a': 'refused'}
    assert 'names no fencing device' in refusals(run)['dead']


def test_a_host_that_is_marked_already_is_switched_off_all_the_same(scene):
    made = scene(builders.server('a'), services=[MARKED, builders.living()])
    bmc = made.add()
    run = made.finish(fence=True)
    assert builders.outcomes(run) == {'a': 'evacuated'}
    assert bmc.asked == [OFF]
    assert made.compute.count('mark_down') == 0


def test_fenced_means_those_without_servers_too(scene):
    made = scene()
    bmc = made.add()
    made.finish(fence=True)
    assert bmc.asked == [OFF]
    assert made.mark[0]


@pytest.mark.parametrize('dry_run', [True, False])
def test_a_host_that_came_up_meanwhile_is_not_switched_off(scene, dry_run):
    """It takes a while to read all its servers."""
    made = scene(builders.server('a'))
    bmc = made.add()
    servers = made.compute.servers

    def slow(host):
        made.compute.report()
        return servers(host)

    made.compute.servers = slow
    run = made.finish(fence=True, dry_run=dry_run)
    assert 'counts its nova-compute as up' in refusals(run)['dead']
    assert bmc.reads == 0
    assert made.machine().running
    assert made.compute.changes == []


@pytest.mark.parametrize(
    'error',
    [
        exceptions.Unreachable('its cell is away', code=503),
        exceptions.IncompleteAnswer('its cell is away'),
    ],
)
def test_a_host_that_nova_cannot_read_then_is_the_only_one_refused(
    scene, error
):
    made = two(scene)
    bmc = made.levels['dead'][0][0].options['device']
    service = made.compute.service

    asked = []

    def read(host):
        asked.append(host)
        # The first is a part of reading the host and its servers.
        if asked.count('dead') > 1 and host == 'dead':
            raise error
        return service(host)

    made.compute.service = read
    run = made.finish(['dead', 'dead2'], fence=True)
    assert builders.outcomes(run) == {'a': 'refused', 'b': 'evacuated'}
    assert refusals(run) == {'dead': 'its cell is away'}
    assert bmc.reads == 0
    assert made.mark[0] is False


# A dry run.


@pytest.mark.parametrize(
    ('behaviour', 'refused'),
    [
        ({}, False),
        ({'silent': True}, True),
        ({'unsure': True}, True),
    ],
)
@pytest.mark.parametrize('on', [True, False])
def test_a_dry_run_switches_nothing_off(scene, behaviour, refused, on):
    made = scene(builders.server('a'))
    made.machine(on=on)
    bmc = made.add(**behaviour)
    run = made.finish(fence=True, dry_run=True)
    assert bmc.asked == []
    assert bmc.reads == 1
    assert made.compute.changes == []
    assert bool(run.refusals) is refused
    assert made.lock.taken == []
    assert len(run.plans) == 1


def test_a_dry_run_of_a_host_that_is_up_is_refused(scene):
    made = scene(
        builders.server('a'),
        services=[builders.living('dead'), builders.living()],
    )
    bmc = made.add()
    run = made.finish(fence=True, dry_run=True)
    assert 'up' in refusals(run)['dead']
    assert bmc.reads == 0


# Without --fence.


@pytest.mark.parametrize('dry_run', [False, True])
def test_a_machine_that_says_on_keeps_its_servers(scene, dry_run):
    """Marked, silent, and on: somebody has marked the wrong host."""
    made = scene(builders.server('a'), services=[MARKED, builders.living()])
    bmc = made.add()
    run = made.finish(dry_run=dry_run)
    assert refusals(run) == {'dead': 'bmc says that it is on'}
    assert '--already-fenced' in run.refusals[0].cure
    assert bmc.asked == []
    assert made.compute.changes == []
    if not dry_run:
        assert builders.outcomes(run) == {'a': 'refused'}


def test_whoever_vouches_is_believed_without_a_look(scene):
    made = scene(builders.server('a'), services=[MARKED, builders.living()])
    bmc = made.add()
    run = made.finish(already_fenced=True)
    assert builders.outcomes(run) == {'a': 'evacuated'}
    assert bmc.reads == 0


SAYS_LITTLE = [
    ('off', {}, False),
    ('silent', {'silent': True}, True),
    ('unsure', {'unsure': True}, True),
    ('on, from memory', {'fresh': False}, True),
    ('refusing', {'error': exceptions.DeviceError('401')}, True),
    ('a plug', {'kind': 'pdu', 'plug': 0}, True),
]


@pytest.mark.parametrize(
    ('behaviour', 'on'),
    [case[1:] for case in SAYS_LITTLE],
    ids=[case[0] for case in SAYS_LITTLE],
)
def test_a_device_that_says_little_keeps_nobody(scene, behaviour, on):
    """The mark in Nova and the silence are the proof, as without devices."""
    made = scene(builders.server('a'), services=[MARKED, builders.living()])
    made.machine(on=on)
    made.add(**behaviour)
    run = made.finish()
    assert builders.outcomes(run) == {'a': 'evacuated'}


def test_a_machine_that_says_on_keeps_only_its_own_servers(scene):
    made = scene(
        builders.server('a'),
        builders.server('b', host='dead2'),
        services=[MARKED, builders.service('dead2'), builders.living()],
    )
    made.add()
    made.machine('dead2', on=False)
    made.add(host='dead2')
    run = made.finish(['dead', 'dead2'])
    assert builders.outcomes(run) == {'a': 'refused', 'b': 'evacuated'}


def test_a_host_with_nothing_to_do_is_not_asked(scene):
    made = scene(services=[MARKED, builders.living()])
    bmc = made.add()
    run = made.finish()
    assert bmc.reads == 0
    assert not run.refusals


def test_all_devices_are_looked_at_and_let_go(scene):
    made = scene(builders.server('a'), services=[MARKED, builders.living()])
    made.machine(on=False)
    devices = [made.add(), made.add('pdu', level=2, kind='pdu', plug=0)]
    made.finish()
    for device in devices:
        assert device.reads == 1
        assert [item.closed for item in device.drivers] == [1]


# Killed anywhere, and run again.


def test_a_run_that_is_killed_anywhere_is_ended_by_the_next(scene):
    kills = 0
    while True:
        made = scene(builders.server('a'), builders.stopped_server('b'))
        made.compute.report('spare')
        made.machine(plugs=2)
        for plug in (0, 1):
            made.add(f'pdu{plug}', kind='pdu', plug=plug, takes=2.0)
        made.compute.evacuate = after(made, made.compute.evacuate)
        made.clock.fuse = kills
        try:
            made.finish(fence=True)
        except builders.Killed:
            pass
        else:
            break
        kills += 1
        made.clock.fuse = None
        made.lock.held.clear()
        # What the run had sent is on its way, or never was.
        made.clock.sleep(120.0)
        made.finish(fence=True)
        assert not made.compute.broken
        assert {item.host for item in made.compute.servers_.values()} == {
            'spare'
        }, kills
        assert made.compute.servers_['a'].vm_state == 'active'
        assert made.compute.servers_['b'].vm_state == 'stopped'
        assert made.mark[0]
    assert kills > 20


def test_an_interrupt_in_the_middle_of_fencing_leaves_nothing_begun(scene):
    made = scene(builders.server('a'))

    def interrupt():
        raise KeyboardInterrupt

    made.add(takes=30.0)
    made.clock.at(10.0, interrupt)
    run = made.recovery(fence=True)
    with pytest.raises(KeyboardInterrupt):
        for _event in made.watch(run):
            pass
    assert made.compute.changes == []
    assert not made.lock.held
    assert builders.outcomes(run)['a'] in ('failed', 'refused')
