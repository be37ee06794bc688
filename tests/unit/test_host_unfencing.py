"""The way back, in the only order that destroys nothing (invariant 8)."""

from __future__ import annotations

import pytest

from osc_instanceha import events
from osc_instanceha import exceptions
from osc_instanceha import model
from osc_instanceha.fencing import result
from tests.unit import builders
from tests.unit.fencing import fakes
from tests.unit.fencing import scene as scene_

ON, OFF = fakes.ON, fakes.OFF
Outcome = result.HostOutcome
Status = model.MigrationStatus

OURS = 'instanceha: fenced by bmc at now for test@here'


def fenced(scene, *servers, reason=OURS, on=False, **machine):
    """A host that was fenced; its machine is off."""
    made = scene(
        *servers,
        services=[
            builders.service(disabled_reason=reason),
            builders.living(),
        ],
    )
    made.machine(on=on, **machine)
    return made


def record(made, status=Status.DONE, server_id='a', record_id=None):
    made.compute.records.append(
        builders.evacuation(
            record_id or f'e-{server_id}',
            server_id,
            status,
            destination='spare',
        )
    )


def in_turn(made):
    return [
        type(event).__name__
        if not isinstance(event, events.Waiting)
        else event.what
        for event in made.seen
    ]


def test_the_plain_story(scene):
    made = fenced(scene)
    bmc = made.add()
    record(made)
    found = made.one(made.unfence())
    assert found.outcome is Outcome.UNFENCED
    assert found.reason == ''
    assert bmc.asked == [ON]
    assert made.machine().running
    assert made.mark == (False, True, None)
    assert made.compute.changes == ['lift', 'enable']
    assert made.compute.records[0].status is Status.COMPLETED
    assert found.power_state is ON
    assert (found.state, found.enabled, found.forced_down) == (
        'down',
        True,
        False,
    )
    assert in_turn(made) == [
        'PowerSeen',
        'nova-compute to clean up what was evacuated',
        'HostEnded',
    ]


def test_there_is_no_power_while_a_request_of_a_killed_run_may_come(scene):
    made = fenced(scene)
    bmc = made.add()
    made.lock.looks = 3
    # It does, at the last moment.
    made.lock.look = lambda left: left == 0 and made.compute.begin('a')
    made.compute.servers_['a'] = builders.server('a')
    found = made.one(made.unfence())
    assert found.outcome is Outcome.UNFENCED
    assert bmc.asked == [ON]
    assert made.compute.spawned['a'] == ['spare']
    assert made.compute.records[0].status is Status.COMPLETED


def test_a_killed_run_is_what_keeps_it(scene):
    made = fenced(scene)
    bmc = made.add()
    made.lock.looks = 10**6
    found = made.one(made.unfence(timeout=60))
    assert found.outcome is Outcome.FAILED
    assert 'a run that was killed' in found.reason
    assert bmc.asked == []


def test_there_is_no_power_before_the_last_evacuation_has_ended(scene):
    """FakeCompute objects to a nova-compute that starts before it."""
    made = fenced(scene, builders.server('a'), builders.server('b'))
    bmc = made.add()
    made.compute.begin('a', builders.Script(takes=100.0))
    made.compute.begin('b', builders.Script(takes=300.0))
    began = made.clock.now
    bmc.before_switch = lambda state: made.seen.append(made.clock.now)
    found = made.one(made.unfence())
    assert found.outcome is Outcome.UNFENCED
    (switched,) = [item for item in made.seen if isinstance(item, float)]
    assert switched >= began + 300
    assert 'its evacuations to end' in in_turn(made)


@pytest.mark.parametrize('status', [s for s in Status if s.open])
def test_an_evacuation_that_stays_open_keeps_the_power_off(scene, status):
    made = fenced(scene)
    bmc = made.add()
    record(made, status)
    found = made.one(made.unfence(timeout=300))
    assert found.outcome is Outcome.FAILED
    assert found.reason.startswith(
        'not within 300 s: 1 evacuation (of server a) is still open'
    )
    assert bmc.asked == []
    assert bmc.reads == 0
    assert made.compute.changes == []
    assert 290 <= made.clock.now - 5000 <= 300


@pytest.mark.parametrize('status', [s for s in Status if s.failed])
def test_an_evacuation_that_failed_keeps_nothing_waiting(scene, status):
    made = fenced(scene)
    made.add()
    record(made, status)
    assert made.one(made.unfence()).outcome is Outcome.UNFENCED


def test_it_is_not_lifted_before_all_is_cleaned_up(scene):
    made = fenced(scene, starts_compute=False)
    made.add()
    record(made)
    began = made.clock.now
    made.clock.at(400.0, made.compute.boot)
    assert made.one(made.unfence()).outcome is Outcome.UNFENCED
    assert made.clock.now - began >= 400


def test_it_is_enabled_only_when_it_is_up(scene):
    made = fenced(scene, on=True, starts_compute=False)
    made.add()
    began = made.clock.now
    made.clock.at(200.0, made.compute.boot)
    assert made.one(made.unfence()).outcome is Outcome.UNFENCED
    assert made.clock.now - began >= 200
    assert 'nova-compute to report' in in_turn(made)


def test_nova_has_the_last_word_on_letting_go(scene):
    """Somebody's evacuation ends between our look and our call."""
    made = fenced(scene, builders.server('a'), starts_compute=False)
    made.add()
    lift = made.compute.lift
    tries = []

    def once_too_early(service):
        tries.append(made.clock.now)
        if len(tries) == 1:
            record(made)
            made.clock.at(60.0, made.compute.boot)
        return lift(service)

    made.compute.lift = once_too_early
    found = made.one(made.unfence())
    assert found.outcome is Outcome.UNFENCED
    assert len(tries) >= 2
    assert tries[-1] - tries[0] >= 60


def test_an_evacuation_that_begins_in_the_middle_is_waited_for(scene):
    """After the first look all was clean; before the lift it is not."""
    made = fenced(scene)
    made.add()
    read = made.compute.evacuations
    looks = []

    def evacuations(host, known=()):
        looks.append(host)
        if len(looks) == 3:
            record(made)
            made.clock.at(30.0, made.compute.boot)
        return read(host, known)

    made.compute.evacuations = evacuations
    assert made.one(made.unfence()).outcome is Outcome.UNFENCED
    assert made.compute.records[0].status is Status.COMPLETED


# What a host that does not come back is told with.


@pytest.mark.parametrize(
    ('names', 'words'),
    [
        (['a'], '1 evacuation (of server a) is not cleaned up'),
        (['b', 'a'], '2 evacuations (of servers a, b) are not cleaned up'),
        (
            ['g', 'f', 'e', 'd', 'c', 'b', 'a'],
            '7 evacuations (of servers a, b, c, d, e and 2 more) are not '
            'cleaned up',
        ),
    ],
)
def test_servers_that_are_not_cleaned_up_are_named(scene, names, words):
    made = fenced(scene, on=True, starts_compute=False)
    made.add()
    for name in names:
        record(made, server_id=name)
    found = made.one(made.unfence(timeout=60))
    assert found.outcome is Outcome.FAILED
    assert words in found.reason
    assert 'start nova-compute on the host' in found.reason
    assert made.mark[:2] == (True, False)


def test_a_server_is_named_once(scene):
    made = fenced(scene, on=True, starts_compute=False)
    made.add()
    record(made, record_id='e1')
    record(made, record_id='e2')
    found = made.one(made.unfence(timeout=60))
    assert '1 evacuation (of server a) is not cleaned up' in found.reason


def test_a_nova_compute_that_runs_must_be_restarted(scene):
    made = fenced(scene, on=True, starts_compute=False)
    made.add()
    record(made)
    made.compute.report()
    found = made.one(made.unfence(timeout=120))
    assert found.outcome is Outcome.FAILED
    assert 'restart it on the host' in found.reason
    assert made.compute.changes == []


def test_a_host_that_stays_silent_stays_disabled(scene):
    made = fenced(scene, on=True, starts_compute=False)
    made.add()
    found = made.one(made.unfence(timeout=120))
    assert found.outcome is Outcome.FAILED
    assert 'forced down is lifted, but its nova-compute does not report' in (
        found.reason
    )
    assert made.mark[:2] == (False, False)
    assert (found.forced_down, found.enabled) == (False, False)


# Power.


def test_a_machine_that_is_on_is_asked_for_nothing(scene):
    made = fenced(scene, on=True)
    bmc = made.add()
    made.compute.boot()
    assert made.one(made.unfence()).outcome is Outcome.UNFENCED
    assert bmc.asked == []


def test_no_power_on_means_no_device_is_asked(scene):
    made = fenced(scene, starts_compute=False)
    bmc = made.add()
    made.clock.at(100.0, made.compute.boot)
    assert made.one(made.unfence(power_on=False)).outcome is Outcome.UNFENCED
    assert bmc.reads == 0


@pytest.mark.parametrize(
    ('devices', 'words'),
    [
        ([], 'instanceha.yaml names no fencing device for dead'),
        ([('word', {})], 'nothing can switch it on'),
        ([('bmc', {'silent': True})], '(bmc: no route to host)'),
        ([('bmc', {'refuses': 'a fault'})], '(bmc: a fault)'),
        ([('bmc', {'stuck': True})], 'later it says: off'),
    ],
)
def test_what_cannot_be_switched_on(scene, devices, words):
    made = fenced(scene)
    for kind, behaviour in devices:
        made.add(kind, kind=kind, **behaviour)
    found = made.one(made.unfence())
    assert found.outcome is Outcome.FAILED
    assert words in found.reason
    assert '--no-power-on' in found.reason
    assert made.compute.changes == []
    assert not made.of(events.Waiting)


@pytest.mark.parametrize(
    ('behaviour', 'goes_on'),
    [
        # It says itself that the machine is off: power alone is not enough.
        ({'refuses': 'a fault'}, False),
        ({'stuck': True}, False),
        # It may be dead; the machine starts with its power.
        ({'silent': True}, True),
    ],
)
def test_a_plug_with_power_is_not_a_machine_that_is_on(
    scene, behaviour, goes_on
):
    made = fenced(scene, starts_compute=False)
    made.add('bmc', **behaviour)
    made.add('pdu', level=2, kind='pdu', plug=0)
    if goes_on:
        made.clock.at(50.0, made.compute.boot)
    found = made.one(made.unfence(timeout=400))
    assert (found.outcome is Outcome.UNFENCED) is goes_on
    if not goes_on:
        assert 'it could not be switched on (bmc: ' in found.reason
        assert not made.compute.changes


def test_power_from_a_plug_then_the_machine(scene):
    made = fenced(scene, on=False)
    made.machine().turn(False, 0)
    bmc = made.add('bmc', boots_in=90.0)
    made.add('pdu', level=2, kind='pdu', plug=0)
    found = made.one(made.unfence())
    assert found.outcome is Outcome.UNFENCED
    assert bmc.asked == [ON]
    assert [item.device for item in found.evidence] == ['pdu', 'bmc']


# Somebody else's reasons.


@pytest.mark.parametrize(
    ('reason', 'after', 'changes'),
    [
        (f'{OURS}; disabled before: new disks', 'new disks', ['disable']),
        ('new disks', 'new disks', []),
        (None, None, []),
    ],
)
def test_what_somebody_disabled_stays_so(scene, reason, after, changes):
    made = fenced(scene, reason=reason)
    made.add()
    found = made.one(made.unfence())
    assert found.outcome is Outcome.UNFENCED
    assert made.mark == (False, False, after)
    assert made.compute.changes == ['lift', *changes]
    assert 'left disabled, as somebody had disabled it' in found.reason
    assert (after or 'no reason') in found.reason


def test_a_host_that_is_back_is_left_alone(scene):
    made = scene(services=[builders.living('dead'), builders.living()])
    made.compute.report()
    bmc = made.add()
    found = made.one(made.unfence())
    assert found.outcome is Outcome.UNFENCED
    assert made.compute.changes == []
    assert bmc.reads == 0


# A cloud that does not answer.


@pytest.mark.parametrize('call', ['evacuations', 'lift', 'service', 'enable'])
@pytest.mark.parametrize('times', [1, 3])
def test_a_cloud_that_is_away_for_a_while_is_waited_for(scene, call, times):
    made = fenced(scene)
    made.add()
    record(made)
    run = made.unfence()
    if call == 'service':
        # The first is the look under the lock.
        made.clock.at(10.0, lambda: made.compute.fail(call, times))
    else:
        made.compute.fail(call, times)
    found = made.one(run)
    assert found.outcome is Outcome.UNFENCED
    assert made.of(events.Trouble)


@pytest.mark.parametrize('call', ['lift', 'enable', 'disable'])
def test_an_answer_that_is_lost_is_no_failure(scene, call):
    reason = OURS
    if call == 'disable':
        reason += '; disabled before: new disks'
    made = fenced(scene, reason=reason)
    made.add()
    made.compute.answers_lost[call] = 2
    assert made.one(made.unfence()).outcome is Outcome.UNFENCED
    assert made.mark[0] is False


@pytest.mark.parametrize('call', ['evacuations', 'lift', 'enable'])
def test_what_will_never_succeed_is_told_at_once(scene, call):
    made = fenced(scene, on=True)
    made.add()
    made.compute.boot()
    made.compute.refused[call] = [exceptions.Forbidden('no', code=403)] * 99
    began = made.clock.now
    found = made.one(made.unfence())
    assert found.outcome is Outcome.FAILED
    assert 'no' in found.reason
    assert made.clock.now - began < 60


def test_a_cloud_that_stays_away_is_not_waited_for_for_ever(scene):
    made = fenced(scene)
    bmc = made.add()
    made.compute.fail('evacuations', 9999)
    found = made.one(made.unfence(timeout=100))
    assert found.outcome is Outcome.FAILED
    assert 'evacuations timed out' in found.reason
    assert bmc.asked == []


# Interruption, and runs that were killed.


def test_an_interrupted_run_says_what_was_lacking(scene):
    made = fenced(scene)
    made.add()
    record(made, Status.PRE_MIGRATING)
    run = made.unfence()
    going = made.observed(run)
    next(going)
    began = made.clock.now
    going.close()
    assert made.clock.now - began < 10
    (found,) = run.results()
    assert found.outcome is Outcome.FAILED
    assert found.reason.startswith('interrupted; 1 evacuation')
    assert 'server a' in found.reason
    assert made.compute.changes == []
    assert not made.lock.held


def come_back(scene, reason):
    made = fenced(scene, builders.server('a'), reason=reason, plugs=1)
    made.machine().turn(False, 0)
    made.add('bmc', boots_in=20.0)
    made.add('pdu', level=2, kind='pdu', plug=0)
    made.compute.begin('a', builders.Script(takes=30.0))
    return made


@pytest.mark.parametrize(
    'reason', [OURS, f'{OURS}; disabled before: new disks']
)
def test_a_run_that_is_killed_anywhere_is_ended_by_the_next(scene, reason):
    whole = come_back(scene, reason)
    assert whole.one(whole.unfence()).outcome is Outcome.UNFENCED
    end = whole.mark
    kills = 0
    while True:
        made = come_back(scene, reason)
        made.clock.fuse = kills
        try:
            made.complete(made.unfence())
        except builders.Killed:
            pass
        else:
            break
        kills += 1
        made.clock.fuse = None
        made.lock.held.clear()
        # Time passes until somebody notices.
        made.clock.sleep(1.0)
        found = made.one(made.unfence())
        assert found.outcome is Outcome.UNFENCED, (kills, found.reason)
        assert made.mark == end, kills
        assert made.machine().running
    assert kills > 20


def test_fence_and_unfence_are_a_circle(scene):
    made = scene()
    made.add()
    for _round in range(3):
        assert made.one(made.fence()).outcome is Outcome.FENCED
        assert made.one(made.unfence()).outcome is Outcome.UNFENCED
        assert made.mark == (False, True, None)
        made.compute.die()
        made.clock.sleep(100)


def test_what_was_disabled_before_survives_the_circle(scene):
    made = scene(
        services=[
            scene_.broken(enabled=False, disabled_reason='new disks'),
            builders.living(),
        ]
    )
    made.add()
    made.one(made.fence())
    made.one(made.fence())
    made.one(made.unfence())
    assert made.mark == (False, False, 'new disks')


def counted(made, run, last):
    """Stop the run when Nova or a device was asked so many times.

    :returns: what was asked for afterwards
    """
    asked = []
    late = []

    def after(what, call):
        def asking(*args, **fields):
            if run._stop.is_set():
                late.append(what)
            found = call(*args, **fields)
            asked.append(what)
            if len(asked) == last:
                run._stop.set()
            return found

        return asking

    for what in ('service', 'evacuations', 'lift', 'enable', 'disable'):
        setattr(made.compute, what, after(what, getattr(made.compute, what)))
    (spec,) = made.levels['dead'][0]
    bmc = spec.options['device']
    bmc.read = after('read', bmc.read)
    bmc.switch = after('switch', bmc.switch)
    return asked, late


def test_stopped_after_any_step_nothing_more_is_begun(scene):
    """Neither power, nor letting go, nor enabling."""
    last = 0
    while True:
        last += 1
        made = fenced(scene)
        made.add()
        record(made)
        run = made.unfence()
        asked, late = counted(made, run, last)
        found = made.one(run)
        if not run._stop.is_set():
            break
        whole = asked[-1] == 'enable'
        assert found.outcome is (
            Outcome.UNFENCED if whole else Outcome.FAILED
        ), asked
        if not whole:
            assert 'interrupted' in found.reason
        assert not {'switch', 'lift', 'enable'} & set(late), (asked, late)
    assert last > 8


def test_stopped_before_it_begins(scene):
    made = fenced(scene)
    bmc = made.add()
    run = made.unfence()
    run._stop.set()
    for _event in run:
        pass
    (found,) = run.results()
    assert found.outcome is Outcome.FAILED
    assert 'interrupted' in found.reason
    assert bmc.reads == 0
    assert made.compute.changes == []
    assert made.lock.taken == []


AUTOMATIC = 'AUTO: Connection to libvirt lost: 1'


def test_what_nova_compute_disabled_itself_is_enabled(scene):
    made = fenced(scene, reason=AUTOMATIC)
    made.add()
    found = made.one(made.unfence())
    assert found.outcome is Outcome.UNFENCED
    assert found.reason == ''
    assert made.mark == (False, True, None)


def test_nova_computes_own_reason_is_none_after_the_circle(scene):
    made = scene(
        services=[
            scene_.broken(enabled=False, disabled_reason=AUTOMATIC),
            builders.living(),
        ]
    )
    made.add()
    made.one(made.fence())
    assert made.mark[2] == OURS
    made.one(made.unfence())
    assert made.mark == (False, True, None)


def test_a_cell_that_leaves_its_evacuations_out_is_not_believed(scene):
    made = fenced(scene)
    bmc = made.add()

    def evacuations(host, known=()):
        made.compute.service = lambda name: model.Service(
            '', name, None, None, None
        )
        return ()

    made.compute.evacuations = evacuations
    found = made.one(made.unfence(timeout=20.0))
    assert found.outcome is Outcome.FAILED
    assert 'The cell of dead does not answer' in found.reason
    assert bmc.asked == []
    assert made.compute.changes == []


@pytest.mark.parametrize('call', ['lift', 'enable'])
def test_what_nova_has_taken_is_seen_though_every_answer_is_lost(scene, call):
    made = fenced(scene)
    made.add()
    made.compute.answers_lost[call] = 9999
    found = made.one(made.unfence())
    assert found.outcome is Outcome.UNFENCED
    assert made.mark == (False, True, None)


def test_completed_while_it_was_open_is_waited_for(scene):
    """nova-compute writes that when it starts; 'done' comes after it."""
    made = fenced(scene, builders.server('a', task_state='rebuild_spawning'))
    made.add()
    record(made, Status.COMPLETED)
    found = made.one(made.unfence(timeout=60))
    assert found.outcome is Outcome.FAILED
    assert '1 evacuation (of server a) is still open, although' in found.reason
    assert made.compute.changes == []

    made.compute.change('a', host='spare', task_state=None)
    found = made.one(made.unfence())
    assert found.outcome is Outcome.UNFENCED
