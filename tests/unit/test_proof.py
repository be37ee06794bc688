"""Invariant 1, piece by piece."""

from __future__ import annotations

import pytest

from osc_instanceha import events
from osc_instanceha import exceptions
from osc_instanceha import options
from osc_instanceha import ports
from osc_instanceha import proof
from tests.unit import builders


def begin(service=None, **how):
    clock = builders.FakeClock()
    service = service or builders.service()
    compute = builders.FakeCompute(clock, services=[service])
    made = proof.Proof(
        compute.service(service.host),
        compute=compute,
        clock=clock,
        options=options.Options(**how),
        who=lambda: ('test@here', 'now'),
        check=ports.Unlocked().check,
    )
    compute.calls.clear()
    return made, compute, clock


@pytest.mark.parametrize(
    ('service', 'holds'),
    [
        (builders.service(), True),
        (builders.service(quiet_for=60.0), True),
        (builders.service(quiet_for=59.0), False),
        (builders.service(quiet_for=0.0), False),
        (builders.living('dead', quiet_for=100.0), False),
    ],
)
def test_it_takes_the_mark_and_the_silence(service, holds):
    made, _compute, clock = begin(service)
    assert made.holds(clock.now) is holds


def test_it_holds_for_a_period_and_must_be_renewed():
    made, compute, clock = begin()
    clock.sleep(13)
    assert made.holds(clock.now)
    clock.sleep(1)
    assert not made.holds(clock.now)
    assert list(made.listen()) == []
    assert made.holds(clock.now)
    assert compute.count('service') == 1


def test_it_counts_from_before_the_record_was_asked_for():
    """The answer may have been a while on its way."""
    clock = builders.FakeClock()
    compute = builders.FakeCompute(clock, services=[builders.service()])
    asked = clock.now
    service = compute.service('dead')
    clock.sleep(14)
    made = proof.Proof(
        service,
        compute=compute,
        clock=clock,
        options=options.Options(),
        who=lambda: ('test@here', 'now'),
        check=ports.Unlocked().check,
        read_at=asked,
    )
    assert made.heard_at == asked
    assert not made.silent
    assert not made.holds(clock.now)
    list(made.listen())
    assert made.silent
    assert made.holds(clock.now)


def test_listening_reads_only_when_that_tells_something():
    made, compute, clock = begin(builders.service(quiet_for=5.0))
    for _second in range(6):
        clock.sleep(1)
        list(made.listen())
    assert compute.count('service') == 0
    clock.sleep(7.5)
    list(made.listen())
    assert compute.count('service') == 1
    assert made.holds(clock.now)


@pytest.mark.parametrize(
    ('service', 'how', 'words'),
    [
        (builders.service(), {}, None),
        (builders.living('dead'), {}, 'is up'),
        (builders.living('dead', up=False), {}, 'is down'),
        (builders.living('dead'), {'already_fenced': True}, None),
    ],
)
def test_somebody_must_say_that_it_was_fenced(service, how, words):
    made, _compute, clock = begin(service, **how)
    seen = list(made.check_fenced())
    if words is None:
        assert seen == []
        assert made.refusal is None
    else:
        (event,) = seen
        assert isinstance(event, events.HostRefused)
        assert event.error is made.refusal
        assert '--already-fenced' in made.refusal.cure


def test_a_refusal_is_final_and_told_once():
    made, _compute, clock = begin()
    (event,) = made.refuse('first', 'cure')
    assert list(made.refuse('second', 'cure')) == []
    assert made.refusal is event.error
    assert made.refusal.reason == 'first'
    assert not made.holds(clock.now)


def test_a_living_host_is_refused_after_two_moves():
    made, compute, clock = begin(builders.service(quiet_for=5.0))
    told = []
    for _half_period in range(6):
        compute.touch()
        clock.sleep(7)
        told += list(made.listen())
    assert [type(event) for event in told] == [
        events.Listening,
        events.HostRefused,
    ]
    assert 'alive' in made.refusal.reason


def test_lifting_is_refused():
    made, compute, clock = begin()
    compute.touch(forced_down=False)
    clock.sleep(14)
    (event,) = made.listen()
    assert 'lifted' in event.error.reason
    compute.touch(forced_down=True)
    clock.sleep(30)
    list(made.listen())
    assert not made.holds(clock.now)


def test_a_record_that_is_gone_proves_nothing():
    made, compute, clock = begin()
    compute.services_.clear()
    clock.sleep(14)
    with pytest.raises(exceptions.IncompleteAnswer):
        list(made.listen())
    assert not made.holds(clock.now)


def test_a_cell_that_is_gone_proves_nothing():
    made, compute, clock = begin()
    clock.sleep(14)
    compute._shown = lambda item: builders.service(up=None, forced_down=None)
    with pytest.raises(exceptions.IncompleteAnswer):
        list(made.listen())
    assert not made.holds(clock.now)


def test_the_mark_comes_after_the_silence():
    made, compute, clock = begin(
        builders.living('dead', quiet_for=5.0), already_fenced=True
    )
    (listening,) = made.complete()
    assert isinstance(listening, events.Listening)
    assert list(made.complete()) == []
    assert compute.changes == []
    clock.sleep(13.5)
    (event,) = made.complete()
    assert isinstance(event, events.Marked)
    assert compute.changes == ['mark_down']
    assert made.holds(clock.now)
    # Our own call is no report.
    clock.sleep(14)
    assert list(made.complete()) == []
    assert made.holds(clock.now)
    assert compute.changes == ['mark_down']


def test_a_mark_that_fails_proves_nothing():
    made, compute, clock = begin(
        builders.living('dead', quiet_for=100.0), already_fenced=True
    )
    compute.fail('mark_down', 1)
    with pytest.raises(exceptions.Unreachable):
        list(made.complete())
    assert not made.holds(clock.now)
    assert list(made.complete())
    assert made.holds(clock.now)


def test_a_refused_host_is_not_marked():
    made, compute, clock = begin(
        builders.living('dead', quiet_for=100.0), already_fenced=True
    )
    list(made.refuse('because', 'cure'))
    assert list(made.complete()) == []
    assert compute.changes == []


@pytest.mark.parametrize(
    ('code', 'refused'),
    [(400, True), (403, True), (404, True), (409, False), (429, False)]
    + [(500, False), (503, False), (None, False)],
)
def test_a_mark_that_nova_will_never_take_is_a_refusal(code, refused):
    made, compute, clock = begin(
        builders.living('dead', quiet_for=100.0), already_fenced=True
    )

    def mark_down(service, reason):
        raise exceptions.CloudError('no', code=code)

    compute.mark_down = mark_down
    if refused:
        (event,) = made.complete()
        assert isinstance(event, events.HostRefused)
        assert not made.wanted
    else:
        with pytest.raises(exceptions.CloudError):
            list(made.complete())
        assert made.wanted
    assert not made.holds(clock.now)
