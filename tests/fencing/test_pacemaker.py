"""The driver pacemaker, on a stand-in for stonith_admin."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence
import fcntl
import json
import pathlib
import shutil
import sys
from typing import Any

import pytest

from osc_instanceha import exceptions
from osc_instanceha.fencing import driver as fencing
from osc_instanceha.fencing import loading
from osc_instanceha.fencing import pacemaker as driver
from tests.devices import process
from tests.fencing import checks
from tests.fencing import contract
from tests.fencing import counterparts
from tests.fencing import leftovers

STAND_IN = process.ROOT / 'tests' / 'devices' / 'stonith_admin'
OFF = fencing.PowerState.OFF
ON = fencing.PowerState.ON
UNKNOWN = fencing.PowerState.UNKNOWN


class Cluster:
    """What a cluster remembers, in a file, and its stonith_admin."""

    def __init__(self, folder: pathlib.Path) -> None:
        self._path = folder / 'cluster.json'
        self._path.write_text(
            json.dumps(
                {
                    'power': {'host1': 'on', 'host2': 'on'},
                    'modes': {},
                    'requests': [],
                    'events': [],
                    'delay': 8.0,
                    'silent': False,
                    'connected': True,
                }
            )
        )
        self.program = folder / 'stonith_admin'
        self.program.write_text(
            f'#!/bin/sh\nexec {sys.executable} {STAND_IN} {self._path} "$@"\n'
        )
        self.program.chmod(0o755)

    def state(self) -> dict[str, Any]:
        with self._path.open() as file:
            fcntl.flock(file, fcntl.LOCK_SH)
            return json.load(file)

    def change(self, **changes: Any) -> None:
        """Merge these into the state."""
        with self._path.open('r+') as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            state = json.load(file)
            for name, value in changes.items():
                if isinstance(value, dict):
                    state[name].update(value)
                elif isinstance(value, list):
                    state[name] += value
                else:
                    state[name] = value
            file.seek(0)
            file.truncate()
            json.dump(state, file)


class Member:
    """A host of the cluster."""

    driver = 'pacemaker'
    modes = frozenset({'ok', 'slow', 'stuck', 'refuse', 'error', 'silent'})
    switches = frozenset({'on', 'off'})
    reads_fresh = False

    def __init__(self, cluster: Cluster, name: str) -> None:
        self.cluster = cluster
        self.name = name

    def target(self) -> fencing.Target:
        return fencing.Target(self.name)

    def options(self, **changes: Any) -> counterparts.Options:
        return {'stonith_admin': str(self.cluster.program), **changes}

    def secrets(self) -> Sequence[str]:
        return ()

    def power(self) -> str:
        return self.cluster.state()['power'][self.name]

    def set_power(self, state: str) -> None:
        self.cluster.change(power={self.name: state})

    def behave(self, mode: str) -> None:
        self.cluster.change(silent=mode == 'silent', modes={self.name: mode})

    def requests(self) -> list[str]:
        return [
            action
            for target, action in self.cluster.state()['requests']
            if target == self.name
        ]

    def wrong_secret(self) -> None:
        return None

    def wrong_target(self) -> counterparts.Options:
        return self.options(target=counterparts.WRONG_TARGET)

    def unreachable(self) -> None:
        return None

    def other(self) -> Member:
        return Member(self.cluster, 'host2')


@pytest.fixture
def member(tmp_path: pathlib.Path) -> Member:
    return Member(Cluster(tmp_path), 'host1')


def make(member: Member, **options: Any) -> driver.Pacemaker:
    return driver.Pacemaker(
        member.target(),
        loading.with_defaults(driver.Pacemaker, member.options(**options)),
    )


def event(**attributes: str) -> dict[str, str]:
    """An operation of the cluster's own, on host1."""
    return {
        'action': 'off',
        'target': 'host1',
        'client': 'pacemaker-controld.64',
        'origin': 'ctl1',
        'status': 'success',
        'delegate': 'ctl1',
        'completed': '2026-11-24 02:19:47Z',
        **attributes,
    }


class TestPacemaker(contract.Contract):
    """But that a cluster cannot be asked for a power state."""

    @pytest.fixture
    def counterpart(self, member: Member) -> Member:
        return member

    def test_reads_what_the_machine_is(
        self, counterpart: counterparts.Counterpart, make: checks.Make
    ) -> None:
        one = make()
        for state in ('on', 'off'):
            counterpart.set_power(state)

            reading = one.read(checks.TIMEOUT)

            assert (reading.state, reading.fresh) == (UNKNOWN, False)

    def test_reads_again_and_again(
        self, counterpart: counterparts.Counterpart, make: checks.Make
    ) -> None:
        one = make()

        assert {one.read(checks.TIMEOUT).state for _ in range(5)} == {UNKNOWN}
        assert counterpart.requests() == []

    def test_one_that_fell_silent_is_given_up_and_can_come_back(
        self, counterpart: counterparts.Counterpart, make: checks.Make
    ) -> None:
        one = make()
        one.switch(OFF, checks.TIMEOUT)
        counterpart.behave('silent')
        checks.gives_up(one, 'read', counterpart)

        counterpart.behave('ok')

        assert checks.seen(one, OFF).fresh

    @pytest.mark.parametrize('call', ['switch'])
    def test_a_wrong_target_is_named(
        self,
        counterpart: counterparts.Counterpart,
        make: checks.Make,
        call: str,
    ) -> None:
        super().test_a_wrong_target_is_named(counterpart, make, call)

    def test_two_at_once_do_not_disturb_each_other(
        self, counterpart: counterparts.Counterpart, make: checks.Make
    ) -> None:
        other = counterpart.other()
        assert other is not None
        first, second = make(), make(machine=other)
        second.switch(ON, checks.TIMEOUT)

        first.switch(OFF, checks.TIMEOUT)

        assert checks.seen(first, OFF).fresh
        assert second.read(checks.TIMEOUT).state is ON
        assert other.requests() == ['on']


class TestOwnRequest:
    """What counts is what follows the request."""

    def test_what_was_before_counts_for_nothing(self, member: Member) -> None:
        one = make(member)
        member.cluster.change(events=[event()])

        reading = one.read(checks.TIMEOUT)

        assert (reading.state, reading.fresh) == (UNKNOWN, False)
        assert 'off success by ctl1' in reading.detail

    def test_not_even_in_the_same_second(self, member: Member) -> None:
        # Ours would be of a second long gone, if time decided.
        member.cluster.change(
            events=[event(completed='2100-01-01 00:00:00Z')],
            modes={'host1': 'refuse'},
        )
        one = make(member)
        with pytest.raises(exceptions.DeviceError):
            one.switch(OFF, checks.TIMEOUT)

        assert one.read(checks.TIMEOUT).state is UNKNOWN

    @pytest.mark.parametrize(
        'later',
        [
            event(action='reboot', completed='2100-01-01 00:00:00Z'),
            event(
                action='on', status='failed', completed='2100-01-01 00:00:00Z'
            ),
            event(action='reboot', status='pending', completed=''),
        ],
    )
    def test_what_comes_after_it_counts(
        self, member: Member, later: dict[str, str]
    ) -> None:
        one = make(member)
        one.switch(OFF, checks.TIMEOUT)
        assert one.read(checks.TIMEOUT).state is OFF

        member.cluster.change(events=[later])

        assert one.read(checks.TIMEOUT).state is UNKNOWN

    def test_a_reboot_that_goes_on_since_before(self, member: Member) -> None:
        member.cluster.change(
            events=[event(action='reboot', status='pending', completed='')]
        )
        one = make(member)
        one.switch(OFF, checks.TIMEOUT)

        assert one.read(checks.TIMEOUT).state is UNKNOWN

    def test_a_human_is_named(self, member: Member) -> None:
        member.behave('stuck')
        one = make(member)
        one.switch(OFF, 4.0)
        (pending,) = member.cluster.state()['events']
        member.cluster.change(
            events=[event(delegate='a human', client=pending['client'])]
        )
        # The operation that was confirmed is over, too.
        state = member.cluster.state()
        state['events'].pop(0)
        member.cluster._path.write_text(json.dumps(state))

        reading = one.read(checks.TIMEOUT)

        assert reading.state is OFF
        assert 'confirmed by a human' in reading.detail

    @pytest.mark.parametrize('status', ['success', 'failed', 'pending'])
    @pytest.mark.parametrize('action', ['on', 'reboot'])
    @pytest.mark.parametrize('year', ['1990', '2100'])
    def test_whatever_else_happens_leaves_it_open(
        self, member: Member, action: str, status: str, year: str
    ) -> None:
        """Whenever it ended, by the clock of whichever member did it."""
        one = make(member)
        one.switch(OFF, checks.TIMEOUT)
        ended = '' if status == 'pending' else f'{year}-01-01 00:00:00Z'

        member.cluster.change(
            events=[event(action=action, status=status, completed=ended)]
        )

        assert one.read(checks.TIMEOUT).state is UNKNOWN

    @pytest.mark.parametrize(
        ('delegates', 'vouched'),
        [(['a human'], True), (['ctl1'], False), (['a human', 'ctl1'], False)],
    )
    def test_what_a_human_says_is_vouched_for(
        self, member: Member, delegates: list[str], vouched: bool
    ) -> None:
        member.behave('error')
        one = make(member)
        with pytest.raises(exceptions.DeviceError):
            one.switch(OFF, checks.TIMEOUT)
        member.cluster.change(
            events=[event(delegate=delegate) for delegate in delegates]
        )

        reading = one.read(checks.TIMEOUT)

        assert (reading.state, reading.fresh) == (OFF, True)
        assert reading.vouched is vouched

    def test_it_goes_on_without_stonith_admin(self, member: Member) -> None:
        member.behave('slow')
        one = make(member)

        one.switch(OFF, 4.0)

        assert one.read(checks.TIMEOUT).state is UNKNOWN
        checks.seen(one, OFF)
        assert member.requests() == ['off']


def test_no_cluster_may_be_one_later(member: Member) -> None:
    member.cluster.change(connected=False)

    with pytest.raises(exceptions.DeviceUnreachable, match='haclient'):
        make(member).read(checks.TIMEOUT)


def test_the_cluster_has_a_time_of_its_own(
    member: Member, tmp_path: pathlib.Path
) -> None:
    seen = tmp_path / 'seen'
    program = tmp_path / 'noting'
    program.write_text(
        f'#!/bin/sh\necho "$@" >> {seen}\nexec {member.cluster.program} "$@"\n'
    )
    program.chmod(0o755)

    make(member, stonith_admin=str(program), fencing_timeout=90).switch(
        OFF, checks.TIMEOUT
    )

    assert '--fence=host1 --timeout=90 --output-as=xml' in seen.read_text()


def test_a_program_that_is_not_there(member: Member) -> None:
    with pytest.raises(exceptions.DeviceError, match='no-such-admin'):
        make(member, stonith_admin='no-such-admin')


@pytest.mark.skipif(
    shutil.which('stonith_admin', path='/usr/sbin:/usr/bin') is None,
    reason='Pacemaker is not installed',
)
def test_the_real_one_without_a_cluster() -> None:
    one = driver.Pacemaker(
        fencing.Target('host1'), loading.with_defaults(driver.Pacemaker, {})
    )
    for call in checks.CALLS.values():
        with pytest.raises(exceptions.DeviceUnreachable, match='fencer'):
            call(one, checks.TIMEOUT)


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    before = leftovers.Snapshot.take()
    yield
    assert before.left_over() == []
