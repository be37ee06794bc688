"""SIGTERM and Ctrl-C: nothing more is begun, and what is open is told."""

from __future__ import annotations

import signal
import time

import pytest

from tests.cloud import client
from tests.functional import command
from tests.functional.killing import points
from tests.functional.killing import scenes
from tests.functional.killing import test_killed

SIGNALS = pytest.mark.parametrize(
    ('number', 'code'),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143)],
    ids=['ctrl-c', 'sigterm'],
)


def on(*names: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize('scene', names, indirect=True)


def held_at(name: str, **fields: object) -> dict[str, object]:
    """A fault that holds the first request of a kind."""
    return {
        **points.Point(points.BY_NAME[name]).fault,
        'status': None,
        **fields,
    }


def all_on_their_way(scene, taps) -> command.Running:
    """Held before anybody sees them."""
    taps.hold('compute', held_at('evacuate', times=None))
    running = scene.start()
    assert taps.wait_held('compute', running, len(scene.states))
    return running


def outcomes(done: command.Done) -> dict[str, str]:
    return {
        row.get('Name') or row['Host']: row['Outcome'] for row in done.rows
    }


@SIGNALS
@on(*scenes.SCENES)
def test_before_it_has_begun(scene, taps, number, code):
    """Nobody has logged in yet: there is no report."""
    taps.hold('identity', held_at('token'))
    running = scene.start()
    assert taps.wait_held('identity', running)
    running.send(number)
    done = running.wait()
    taps.release('identity')

    # Who ends by the signal itself has the same code for a shell.
    assert done.code in (code, -number)
    assert done.stdout == ''
    assert command.changes(scene.cloud) == []


@SIGNALS
@on(*scenes.SCENES)
def test_while_it_reads(scene, taps, tally, number, code):
    taps.hold('compute', held_at('services', skip=1))
    running = scene.start()
    assert taps.wait_held('compute', running)
    running.send(number)
    # The way back has a thread for each host, which waits for its answer.
    taps.release('compute')
    done = running.wait()

    assert done.code == code
    assert set(outcomes(done).values()) <= {'failed'}
    assert command.changes(scene.cloud) == []
    began = time.time()
    verdict = scene.judge(scene.start().wait(), began)
    tally.add(verdict)
    assert not verdict


@SIGNALS
@on(*scenes.SCENES)
def test_while_it_waits_for_the_lock(scene, taps, number, code):
    taps.hold('compute', held_at('services', skip=1))
    first = scene.start()
    assert taps.wait_held('compute', first)
    second = scene.start()
    client.wait_for(
        lambda: (
            len(
                [
                    request
                    for _service, request in taps.requests()
                    if '/os-services' in request['path']
                ]
            )
            == 3
        ),
        'the second one has read what there is',
    )
    second.send(number)
    done = second.wait()

    assert done.code == code
    assert set(outcomes(done).values()) <= {'failed'}
    assert all('interrupted' in row['Reason'] for row in done.rows)
    assert command.changes(scene.cloud) == []
    taps.release('compute')
    assert first.wait().code == 0


@SIGNALS
@on('evacuate', 'evacuate-fence')
def test_with_requests_on_their_way(scene, taps, tally, number, code):
    """Their answers are waited for, and the lock is held until then."""
    running = all_on_their_way(scene, taps)
    running.send(number)
    began = time.time()
    other = scene.start()
    assert running.end(1) is None
    taps.release('compute')
    done = running.wait()

    assert done.code == code
    assert outcomes(done) == {
        **dict.fromkeys(scene.states, 'unknown'),
        'stays': 'skipped',
    }
    assert all(
        row['Reason'].startswith('Nova accepted its evacuation')
        for row in done.rows
        if row['Name'] != 'stays'
    )
    verdict = scene.judge(other.wait(), began)
    tally.add(verdict)
    assert not verdict


@on('evacuate')
def test_a_second_ctrl_c_does_not_wait(scene, taps, tally):
    """The report comes at once; the lock stays with the requests."""
    running = all_on_their_way(scene, taps)
    running.send(signal.SIGINT)
    assert running.end(1) is None
    running.send(signal.SIGINT)
    client.wait_for(running.stdout.read_text, 'its report')
    began = time.time()
    other = scene.start()
    assert running.end(1) is None
    taps.release('compute')
    done = running.wait()

    assert done.code == 130
    assert outcomes(done) == {
        **dict.fromkeys(scene.states, 'unknown'),
        'stays': 'skipped',
    }
    verdict = scene.judge(other.wait(), began)
    tally.add(verdict)
    assert not verdict


@on('evacuate')
def test_a_second_sigterm_ends_it(scene, taps, tally):
    """As SIGKILL does; the next run knows that something may come."""
    running = all_on_their_way(scene, taps)
    running.send(signal.SIGTERM)
    assert running.end(1) is None
    running.send(signal.SIGTERM)
    assert running.wait().code == -signal.SIGTERM
    scene.lock_for(test_killed.LATE)
    began = time.time()
    other = scene.start()
    client.wait_for(
        lambda: 'a run that was killed' in other.heard(), 'it waits'
    )
    taps.release('compute')

    verdict = scene.judge(other.wait(), began)
    tally.add(verdict)
    assert not verdict


@SIGNALS
@on('evacuate-fence', 'unfence')
def test_while_its_devices_are_asked(scene, taps, tally, number, code):
    taps.hold('bmc', held_at('power', after=True, status=503))
    running = scene.start()
    assert taps.wait_held('bmc', running)
    running.send(number)
    taps.release('bmc')
    done = running.wait()

    assert done.code == code
    assert set(outcomes(done).values()) <= {'failed', 'skipped'}
    assert command.changes(scene.cloud) == []
    began = time.time()
    verdict = scene.judge(scene.start().wait(), began)
    tally.add(verdict)
    assert not verdict


@SIGNALS
@on('unfence')
def test_while_it_waits_for_nova_compute(scene, taps, tally, number, code):
    scene.rack.machine(scenes.HOST).boot(False)
    running = scene.start()
    client.wait_for(
        lambda: 'nova-compute to clean up' in running.heard(), 'it waits'
    )
    running.send(number)
    done = running.wait()

    assert done.code == code
    (row,) = done.rows
    assert row['Outcome'] == 'failed'
    assert row['Reason'].startswith('interrupted; ')
    assert row['Forced Down'] is True
    assert command.changes(scene.cloud) == []
    scene.cloud.start(scenes.HOST)
    began = time.time()
    verdict = scene.judge(scene.start().wait(), began)
    tally.add(verdict)
    assert not verdict
