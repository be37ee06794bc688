"""Invariant 1 begins here: what counts as off, and what never does."""

from __future__ import annotations

import logging
import re
import threading
import types

import pytest

from osc_instanceha import exceptions
from osc_instanceha.fencing import device as device_
from osc_instanceha.fencing import driver
from osc_instanceha.fencing import specification
from tests.unit import builders
from tests.unit.fencing import fakes

ON, OFF, UNKNOWN = fakes.ON, fakes.OFF, fakes.UNKNOWN
Reading = driver.Reading


class Bench:
    """One device, as the product sees it and as it is."""

    def __init__(
        self,
        *,
        kind='bmc',
        timeout=12.0,
        power_timeout=60.0,
        on=True,
        stop=lambda: False,
        options=None,
        **behaviour,
    ):
        self.clock = builders.FakeClock()
        self.machine = fakes.FakeMachine(self.clock, on=on)
        self.real = fakes.FakeDevice(self.clock, self.machine, **behaviour)
        self.began = self.clock.now
        self.seen = device_.Device(
            specification.Specification(
                'bmc1',
                kind,
                {
                    'device': self.real,
                    'password': fakes.FakeSecret(),
                    **(options or {}),
                },
                timeout=timeout,
                power_timeout=power_timeout,
            ),
            driver.Target('dead'),
            level=2,
            clock=self.clock,
            now=lambda: builders.EPOCH,
            stop=stop,
            find=fakes.find,
        )

    @property
    def took(self):
        return self.clock.now - self.began

    def off(self):
        return self.seen.bring(OFF)


@pytest.mark.parametrize(('on', 'state'), [(True, ON), (False, OFF)])
def test_a_look_changes_nothing(on, state):
    bench = Bench(on=on, detail='as it says')
    seen = bench.seen.check()
    assert (seen.state, seen.problem, seen.requested) == (state, '', None)
    assert (seen.off, seen.on, seen.running) == (not on, on, on)
    assert (seen.device, seen.driver, seen.level) == ('bmc1', 'bmc', 2)
    assert seen.detail == 'as it says'
    assert seen.read_at == builders.EPOCH
    assert bench.real.asked == []
    assert bench.real.reads == 1


def test_it_is_switched_off_and_seen_off():
    bench = Bench(takes=4.0)
    seen = bench.off()
    assert seen.off
    assert seen.requested is OFF
    assert bench.real.asked == [OFF]
    assert not bench.machine.running
    assert 4.0 <= seen.seconds == bench.took < 7.0


def test_what_is_off_already_is_asked_for_nothing():
    bench = Bench(on=False)
    seen = bench.off()
    assert seen.off
    assert seen.requested is None
    assert bench.real.asked == []


def test_off_for_some_seconds_may_be_a_power_cycle():
    """Somebody else resets it: it would be on again after "off already"."""
    bench = Bench(on=False)
    bench.clock.at(4.0, lambda: bench.machine.turn(True))
    seen = bench.off()
    assert bench.real.asked != []
    assert seen.requested is OFF
    assert seen.off
    assert not bench.machine.running


def test_what_stays_off_is_confirmed_without_a_request():
    bench = Bench(on=False)
    seen = bench.seen.confirm_off()
    assert seen.off
    assert bench.real.asked == []
    assert bench.took >= 5


def test_what_is_on_is_only_looked_at():
    bench = Bench()
    seen = bench.seen.confirm_off()
    assert seen.running
    assert not seen.problem
    assert bench.real.asked == []


@pytest.mark.parametrize(
    ('behaviour', 'words'),
    [
        ({'silent': True}, 'no route'),
        ({'unsure': True}, 'tells no power state'),
        ({'says': [Reading(OFF)]}, 'not for long enough.*: on'),
        ({'says': [Reading(OFF), Reading(OFF)]}, 'not for long enough.*: on'),
        ({'says': [Reading(OFF, fresh=False)] * 9}, ''),
    ],
)
def test_what_is_not_certain_is_not_confirmed(behaviour, words):
    bench = Bench(**behaviour)
    seen = bench.seen.confirm_off()
    assert not seen.off
    assert re.search(words, seen.problem)
    assert bench.real.asked == []


def test_what_is_off_in_a_power_cycle_is_not_confirmed():
    bench = Bench(on=False)
    bench.clock.at(4.0, lambda: bench.machine.turn(True))
    assert not bench.seen.confirm_off().off
    assert bench.real.asked == []


def test_it_is_switched_on():
    bench = Bench(on=False, takes=4.0)
    seen = bench.seen.bring(ON)
    assert seen.on
    assert seen.requested is ON
    assert bench.machine.running


# What is not off.

NOT_OFF = [
    (
        'accepted, and nothing happens',
        {'stuck': True},
        '60 s later it says: o',
    ),
    ('too slow', {'takes': 61.0}, '60 s later it says: on'),
    ('unsure', {'unsure': True}, '60 s later it says: unknown'),
    (
        'out of memory',
        {'fresh': False},
        '60 s later it says: off, from memory',
    ),
    ('silent', {'silent': True}, 'no route to host'),
    ('refuses', {'refuses': 'no permission'}, 'no permission'),
    (
        'a reset',
        {'takes': 0.1, 'returns_in': 0.2},
        '60 s later it says: on',
    ),
    (
        'a wrong secret',
        {'error': exceptions.DeviceError('wrong user or password')},
        'wrong user or password',
    ),
    (
        'a defect',
        {'error': ZeroDivisionError('oops')},
        r'the driver bmc failed to read \(ZeroDivisionError: oops\)',
    ),
]


@pytest.mark.parametrize(
    ('behaviour', 'words'),
    [case[1:] for case in NOT_OFF],
    ids=[case[0] for case in NOT_OFF],
)
def test_what_is_not_off(behaviour, words):
    bench = Bench(**behaviour)
    seen = bench.off()
    assert not seen.off
    assert seen.problem
    assert re.search(words, seen.problem)
    assert bench.took <= 12 + 60 + 12


def test_a_moment_of_off_is_not_off():
    """A machine that is being reset is off for one reading."""
    bench = Bench(
        stuck=True,
        says=[Reading(ON), Reading(OFF), Reading(ON), Reading(OFF)],
    )
    seen = bench.off()
    assert not seen.off
    assert bench.real.says == []


def test_a_machine_found_in_the_middle_of_a_reset_is_switched_off():
    bench = Bench(says=[Reading(OFF), Reading(ON)])
    seen = bench.off()
    assert seen.off
    assert bench.real.asked == [OFF]
    assert not bench.machine.running


@pytest.mark.parametrize(
    'said', [Reading(UNKNOWN), Reading(OFF, fresh=False)], ids=['?', 'memory']
)
@pytest.mark.parametrize('place', [0, 1])
def test_both_readings_must_be_of_now_and_off(said, place):
    says = [Reading(OFF), Reading(OFF)]
    says[place] = said
    bench = Bench(says=says)
    assert bench.off().off
    # It was not taken for off, but asked.
    assert bench.real.asked == [OFF]


def test_a_state_from_memory_is_shown_and_proves_nothing():
    bench = Bench(on=False, fresh=False)
    seen = bench.seen.check()
    assert seen.state is OFF
    assert not seen.fresh
    assert not seen.off


def test_an_unsure_device_says_so():
    seen = Bench(unsure=True, detail='PoweringOff').seen.check()
    assert 'tells no power state: unknown (PoweringOff)' in seen.problem


# Silence.


def test_silence_is_known_within_the_time_for_one_answer():
    bench = Bench(silent=True)
    seen = bench.off()
    assert seen.problem == 'no route to host'
    assert seen.state is UNKNOWN
    assert seen.read_at is None
    assert bench.took == pytest.approx(12, abs=0.5)
    assert bench.real.reads == 1
    assert bench.real.asked == []


def test_what_is_silent_at_first_is_asked_again_within_its_time():
    bench = Bench(
        says=[exceptions.DeviceUnreachable('reset by peer')] * 3,
        answers_in=0.5,
    )
    seen = bench.off()
    assert seen.off
    assert bench.took < 12


def test_what_always_fails_at_once_is_asked_for_its_time_and_no_longer():
    bench = Bench(error=exceptions.DeviceUnreachable('refused'))
    seen = bench.off()
    assert seen.problem == 'refused'
    assert 10 <= bench.took <= 12
    assert bench.real.reads == 11


def test_no_call_gets_more_time_than_there_is():
    bench = Bench(stuck=True, timeout=5.0, power_timeout=8.0, answers_in=3.0)
    bench.off()
    assert all(0 < timeout <= 5 for timeout in bench.real.timeouts)
    assert bench.took <= 5 + 8 + 5


def test_a_device_that_must_boot_gets_the_patience_that_it_needs():
    bench = Bench(on=False, boots_in=100.0)
    assert not bench.seen.bring(ON).on
    bench = Bench(on=False, boots_in=100.0)
    seen = bench.seen.bring(ON, patience=180.0)
    assert seen.on
    assert 100 < bench.took < 120


def test_a_wrong_secret_is_not_tried_again():
    bench = Bench(error=exceptions.DeviceError('401'))
    assert bench.off().problem == '401'
    assert bench.real.reads == 1
    assert bench.took == 0


def test_a_device_that_goes_away_after_the_request_is_not_off():
    bench = Bench()
    bench.real.before_switch = lambda state: setattr(
        bench.real, 'silent', True
    )
    seen = bench.off()
    assert not seen.off
    assert seen.problem == 'no route to host'
    assert seen.state is UNKNOWN
    assert seen.read_at is None, 'what is not known was not read'


# Requests.


@pytest.mark.parametrize('arrives', [True, False])
def test_a_request_whose_answer_is_lost_is_made_again(arrives):
    bench = Bench(lost=2, arrives=arrives, takes=2.0)
    seen = bench.off()
    assert seen.off
    assert 2 <= len(bench.real.asked) <= 3
    assert not bench.machine.running


def test_a_request_that_was_accepted_is_not_made_again():
    bench = Bench(takes=30.0)
    assert bench.off().off
    assert bench.real.asked == [OFF]


def test_refused_but_off_is_off():
    bench = Bench(refuses='it is off already')
    bench.real.before_switch = lambda state: bench.machine.turn(False)
    assert bench.off().off


def test_a_refusal_is_known_at_once():
    bench = Bench(refuses='not permitted')
    assert bench.off().problem == 'not permitted'
    assert bench.real.asked == [OFF]
    assert bench.took < 2


def test_a_refusal_after_a_lost_answer_may_mean_that_it_is_at_it():
    """Asked twice, since the first answer was lost: it is busy with that."""
    bench = Bench(lost=1, takes=5.0)

    def refuse_then(state):
        if len(bench.real.asked) == 1:
            bench.real.refuses = 'a power operation is running already'

    bench.real.before_switch = refuse_then
    assert bench.off().off
    assert bench.real.asked == [OFF, OFF]


def test_a_refusal_after_a_lost_answer_is_told_in_the_end():
    bench = Bench(lost=1, arrives=False)

    def refuse_then(state):
        if len(bench.real.asked) == 1:
            bench.real.refuses = 'not permitted'

    bench.real.before_switch = refuse_then
    assert bench.off().problem == 'not permitted'
    assert bench.took <= 60


def test_one_lost_answer_to_the_second_look_is_no_failure():
    bench = Bench(
        on=False,
        says=[Reading(OFF), exceptions.DeviceUnreachable('a lost packet')],
    )
    assert bench.off().off


# Interruption.


@pytest.mark.parametrize('after', range(6))
def test_an_interrupted_device_is_asked_for_nothing_more(after):
    left = [after]

    def stop():
        left[0] -= 1
        return left[0] < 0

    bench = Bench(stuck=True, stop=stop)
    seen = bench.off()
    assert seen.problem == 'interrupted'
    assert not seen.off
    assert len(bench.real.timeouts) <= 2 + 2 * after
    assert len(bench.real.asked) <= max(0, after - 1)


def test_an_interrupted_look():
    bench = Bench(stop=lambda: True)
    assert bench.seen.check().problem == 'interrupted'
    assert bench.real.reads == 0


@pytest.mark.parametrize('seconds', [0.5, 1.5, 3.5])
def test_an_interrupt_while_it_is_seen_to_stay_off(seconds):
    over = threading.Event()
    bench = Bench(on=False, stop=over.is_set)
    bench.clock.at(seconds, over.set)
    seen = bench.off()
    assert seen.problem == 'interrupted'
    assert not seen.off
    assert bench.real.asked == []


# Deadlines. The time of these is real.


@pytest.fixture
def hanging(monkeypatch):
    monkeypatch.setattr(device_, '_GRACE', 0.02)
    event = threading.Event()
    yield event
    event.set()


def test_a_driver_that_is_overdue_is_left_to_itself(hanging):
    bench = Bench(timeout=0.1, power_timeout=0.1, hangs=hanging)
    seen = bench.seen.check()
    assert seen.problem == 'no answer within 0 s'
    assert seen.state is UNKNOWN
    assert bench.real.reads == 1


def test_an_overdue_driver_is_not_used_by_two_threads(hanging):
    bench = Bench(timeout=0.1, hangs=hanging)
    bench.seen.check()
    bench.real.hangs = None
    assert bench.seen.check().on
    assert len(bench.real.drivers) == 2
    assert bench.real.shared == 0


def test_what_an_overdue_driver_finds_out_later_is_dropped(hanging):
    bench = Bench(timeout=0.1, hangs=hanging, on=False)
    late = bench.seen.check()
    bench.real.hangs = None
    bench.machine.turn(True)
    hanging.set()
    seen = bench.seen.check()
    assert not late.off
    assert seen.on


def test_a_driver_that_is_opened_too_late_never_switches(hanging, monkeypatch):
    """What was given up, and reported so, must not happen afterwards."""
    # No time goes by: being abandoned is all that keeps it from switching.
    frozen = types.SimpleNamespace(monotonic=lambda: 0.0)
    monkeypatch.setattr(device_, 'time', frozen)
    bench = Bench(on=False, timeout=0.1, power_timeout=0.1)
    opened = []
    init = fakes.FakeDriver.__init__

    def late(self, target, options):
        opened.append(self)
        if len(opened) > 1:
            assert hanging.wait(30)
        init(self, target, options)

    def read(self, timeout):
        if bench.real.reads:
            assert hanging.wait(30)
        return bench.real.read(timeout)

    monkeypatch.setattr(fakes.FakeDriver, '__init__', late)
    monkeypatch.setattr(fakes.FakeDriver, 'read', read)
    before = set(threading.enumerate())
    seen = bench.off()
    assert not seen.off
    assert seen.problem == 'no answer within 0 s'
    left = set(threading.enumerate()) - before
    assert left, 'some of them are still at it'
    hanging.set()
    for thread in left:
        thread.join(30)
        assert not thread.is_alive()
    assert len(opened) > 1
    assert bench.real.asked == []


def test_a_driver_that_is_opened_just_too_late_is_asked_for_nothing(
    monkeypatch,
):
    """Within the grace, when the time for the answer is over already."""
    now = [0.0]
    monkeypatch.setattr(
        device_, 'time', types.SimpleNamespace(monotonic=lambda: now[0])
    )
    bench = Bench(timeout=5.0)
    init = fakes.FakeDriver.__init__

    def slow(self, target, options):
        now[0] += 5.5
        init(self, target, options)

    monkeypatch.setattr(fakes.FakeDriver, '__init__', slow)
    with pytest.raises(exceptions.DeviceUnreachable, match='to get ready'):
        bench.seen._call(
            'switch', bench.clock.now + 5, lambda d, t: d.switch(OFF, t)
        )
    assert bench.real.asked == []
    assert bench.machine.running


def test_opening_takes_away_from_the_time_for_the_answer(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(
        device_, 'time', types.SimpleNamespace(monotonic=lambda: now[0])
    )
    bench = Bench(timeout=5.0)
    init = fakes.FakeDriver.__init__

    def slow(self, target, options):
        now[0] += 2.0
        init(self, target, options)

    monkeypatch.setattr(fakes.FakeDriver, '__init__', slow)
    assert bench.seen.check().on
    assert bench.real.timeouts == [3.0]


@pytest.mark.parametrize(
    ('kind', 'of_machine', 'vouched'),
    [('bmc', True, False), ('pdu', False, False), ('word', False, True)],
)
def test_what_kind_of_device_it_is_is_known_of_an_overdue_one_too(
    hanging, kind, of_machine, vouched, monkeypatch
):
    bench = Bench(kind=kind, timeout=0.1, hangs=hanging)
    kind = fakes.DRIVERS[kind]
    monkeypatch.setattr(kind, 'read', fakes.FakeDriver.read)
    seen = bench.seen.check()
    assert seen.problem
    assert seen.of_machine is of_machine
    assert seen.vouched is vouched


def test_a_driver_may_be_of_the_machine_for_one_device_only(monkeypatch):
    """As fence_agent, whose agents have plugs or have none."""
    init = fakes.FakePlug.__init__

    def of_machine(self, target, options):
        init(self, target, options)
        self.of_machine = True

    assert not Bench(kind='pdu').seen.check().of_machine
    monkeypatch.setattr(fakes.FakePlug, '__init__', of_machine)
    assert Bench(kind='pdu').seen.check().running


@pytest.mark.parametrize('vouched', [True, False])
def test_a_reading_that_is_somebodys_word_is_shown_as_one(vouched):
    """As pacemaker's, where a human has confirmed it."""
    bench = Bench(says=[Reading(ON)] + [Reading(OFF, vouched=vouched)] * 2)
    seen = bench.off()
    assert seen.off
    assert seen.vouched is vouched


# What is opened, and closed.


def test_nothing_is_opened_before_it_is_asked_for():
    bench = Bench()
    assert bench.real.drivers == []
    bench.seen.close()
    assert bench.real.drivers == []


def test_one_driver_serves_until_it_is_closed():
    bench = Bench()
    bench.off()
    bench.seen.check()
    (made,) = bench.real.drivers
    bench.seen.close()
    bench.seen.close()
    assert made.closed == 1
    assert bench.seen.check().off
    assert len(bench.real.drivers) == 2


def test_a_driver_that_cannot_be_closed_keeps_nobody(monkeypatch, caplog):
    caplog.set_level(logging.DEBUG)

    def close(self):
        raise OSError(fakes.SECRET)

    monkeypatch.setattr(fakes.FakeDriver, 'close', close)
    bench = Bench()
    bench.seen.check()
    bench.seen.close()
    assert 'OSError' in caplog.text
    assert fakes.SECRET not in caplog.text


def test_options_have_their_defaults_and_secrets_their_text():
    secret = fakes.FakeSecret('s3cret')
    bench = Bench(options={'password': secret})
    assert secret.revealed == 0
    bench.seen.check()
    (made,) = bench.real.drivers
    assert made.values['password'] == 's3cret'
    assert made.values['more'] is None


BAD_OPENING = [
    (
        'no such driver',
        {'kind': 'ipmo'},
        "No fencing driver 'ipmo'",
    ),
    (
        'a secret that is not there',
        {'options': {'password': fakes.FakeSecret(None)}},
        '/etc/secret: no such file',
    ),
]


@pytest.mark.parametrize(
    ('fields', 'words'),
    [case[1:] for case in BAD_OPENING],
    ids=[case[0] for case in BAD_OPENING],
)
def test_what_cannot_be_opened_is_not_tried_again(fields, words):
    bench = Bench(**fields)
    seen = bench.off()
    assert words in seen.problem
    assert bench.took == 0


def test_a_library_that_is_missing_is_named(monkeypatch):
    def init(self, target, options):
        raise exceptions.MissingLibrary('bmc', 'redfish')

    monkeypatch.setattr(fakes.FakeDriver, '__init__', init)
    seen = Bench().off()
    assert 'pip install osc-instanceha[redfish]' in seen.problem
    # That it would be of the machine is known without it.
    assert seen.of_machine


# Secrets (invariant 10).

LEAKS = [
    exceptions.DeviceError(f'login with {fakes.SECRET} failed'),
    exceptions.DeviceUnreachable(f'no answer to {fakes.SECRET}'),
    exceptions.InstanceHAError(f'odd: {fakes.SECRET}'),
    ValueError('bad value', fakes.SECRET),
    KeyError(fakes.SECRET),
]


@pytest.mark.parametrize('error', LEAKS, ids=lambda item: type(item).__name__)
@pytest.mark.parametrize('what', ['check', 'bring'])
def test_nothing_of_a_secret_is_in_the_evidence(error, what, caplog):
    caplog.set_level(logging.DEBUG)
    bench = Bench(error=error)
    seen = bench.seen.check() if what == 'check' else bench.off()
    assert '***' in seen.problem
    for text in (str(seen), repr(seen), repr(seen.as_dict()), caplog.text):
        assert fakes.SECRET not in text
        assert 'tr0ub4dor' not in text


def test_nothing_of_a_secret_is_in_the_words_of_a_reading():
    bench = Bench(detail=f'hello {fakes.SECRET}\n you', unsure=True)
    seen = bench.seen.check()
    assert seen.detail == 'hello *** you'
    assert 'tr0ub4dor' not in seen.problem


def test_secrets_inside_of_a_mapping_are_masked_too():
    inner = fakes.FakeSecret('community-string')
    bench = Bench(
        options={'more': {'community': inner, 'port': 1}},
        error=exceptions.DeviceError('community-string is wrong'),
    )
    assert bench.seen.check().problem == '*** is wrong'
    (made,) = bench.real.drivers
    assert made.values['more'] == {
        'community': 'community-string',
        'port': 1,
    }


def test_a_drivers_own_secrets_are_masked(monkeypatch):
    monkeypatch.setattr(
        fakes.FakeDriver,
        'secrets',
        lambda self: frozenset({'session-token'}),
        raising=False,
    )
    bench = Bench(error=exceptions.DeviceError('bad session-token'))
    assert bench.seen.check().problem == 'bad ***'


def test_a_secret_that_the_driver_cannot_tell_leaks_no_words(monkeypatch):
    def secrets(self):
        raise ValueError(fakes.SECRET)

    monkeypatch.setattr(fakes.FakeDriver, 'secrets', secrets)
    bench = Bench(error=exceptions.DeviceError('session-token'))
    seen = bench.seen.check()
    assert seen.problem
    assert 'session-token' not in str(seen)
    assert fakes.SECRET not in str(seen)


def test_a_constructor_that_fails_tells_no_secret(monkeypatch):
    def init(self, target, options):
        raise ValueError(f'bad password {options["password"]}')

    monkeypatch.setattr(fakes.FakeDriver, '__init__', init)
    seen = Bench().seen.check()
    assert 'ValueError' in seen.problem
    assert 'tr0ub4dor' not in str(seen)


def test_no_exception_that_leaves_the_device_carries_a_secret():
    """Not even in what it was raised from."""
    bench = Bench(error=ValueError(fakes.SECRET))
    with pytest.raises(exceptions.DeviceError) as caught:
        bench.seen._read_once(bench.clock.now + 1)
    error = caught.value
    while error is not None:
        assert 'tr0ub4dor' not in str(error)
        error = error.__cause__ or error.__context__
