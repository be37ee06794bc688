"""The commands, killed at every request that they send, and run again."""

from __future__ import annotations

import random
import signal
import time

import pytest

from tests.cloud import client
from tests.functional import command
from tests.functional.killing import points
from tests.functional.killing import scenes

#: Seconds in which a slow machine gets a command going.
LATE = 25

#: How many moments each command is killed at by the clock.
MOMENTS = 6

COMMANDS = pytest.mark.parametrize('scene', scenes.SCENES, indirect=True)


def kill(running: command.Running) -> bool:
    """False if it has ended by itself just before."""
    running.send(signal.SIGKILL)
    return running.end(10) == -signal.SIGKILL


def name_of(scene: scenes.Scene) -> str:
    (name,) = [
        name for name, kind in scenes.SCENES.items() if type(scene) is kind
    ]
    return name


def killed_at(point, scene, taps) -> bool:
    """Kill it at a request; False if it ends without sending that."""
    service = point.kind.service
    taps.hold(service, point.fault)
    running = scene.start()
    held = taps.wait_held(service, running)
    if held:
        assert kill(running)
    taps.release(service)
    return held


def again(scene) -> scenes.Verdict:
    """Run it once more, with the same arguments."""
    began = time.time()
    return scene.judge(scene.start().wait(), began)


def run_again(scene, tally) -> None:
    """Once more, and see that all is well."""
    verdict = again(scene)
    tally.add(verdict)
    assert not verdict


@pytest.fixture(scope='module')
def recorded() -> dict[str, dict[str, int]]:
    """How many requests of each kind each command sends, by its scene."""
    return {}


@pytest.fixture
def counts(scene, taps, recorded) -> dict[str, int]:
    """How many requests of each kind the command sends, left to itself."""
    name = name_of(scene)
    if name not in recorded:
        done = scene.start().wait()
        assert done.code == 0, done.stderr
        recorded[name], odd = points.count(taps.requests())
        assert odd == [], 'points.KINDS must name all that it sends'
    return recorded[name]


@pytest.mark.parametrize('after', [False, True], ids=['before', 'after'])
@COMMANDS
def test_killed_at_every_request(
    scene, after, taps, tally, counts, pytestconfig
):
    every = pytestconfig.getoption('--all-points')
    wrong: dict[str, scenes.Verdict] = {}
    reached = set()
    for point in points.points(counts, after, every):
        scene.prepare()
        taps.clear()
        if killed_at(point, scene, taps):
            reached.add(point.kind.name)
            tally.killed[name_of(scene), 'after' if after else 'before'] += 1
        verdict = again(scene)
        tally.add(verdict)
        if verdict:
            wrong[str(point)] = verdict

    assert wrong == {}
    # Polls come as they come; of each kind there is a first one.
    assert reached == set(counts)


@pytest.fixture(scope='module')
def durations() -> dict[str, float]:
    """How long each command takes, in seconds."""
    return {}


@pytest.mark.parametrize('moment', range(MOMENTS))
@COMMANDS
def test_killed_at_any_moment(scene, moment, taps, tally, durations):
    name = name_of(scene)
    if name not in durations:
        began = time.monotonic()
        scene.start().wait()
        durations[name] = time.monotonic() - began
        scene.prepare()

    running = scene.start()
    time.sleep(durations[name] * (moment + random.random()) / MOMENTS)
    if running.end(0) is None and kill(running):
        tally.killed[name, 'at random'] += 1

    run_again(scene, tally)


@COMMANDS
def test_killed_again_and_again(scene, taps, tally):
    """Each run comes one request further, until one comes to the end."""
    for nth in range(100):
        taps.hold(
            'compute',
            {
                'match': '',
                'agent': points.AGENT,
                'skip': nth,
                'times': 1,
                'hold': True,
                'after': nth % 2 == 0,
                'status': 503,
            },
        )
        running = scene.start()
        held = taps.wait_held('compute', running)
        if not held:
            break
        assert kill(running)
        tally.killed[name_of(scene), 'again and again'] += 1
        taps.release('compute')
    taps.release('compute')

    run_again(scene, tally)


#: A run may be waiting already when another is killed: points at which that
#: could do something twice.
TOGETHER = {
    'evacuate': ('evacuate', 'stop', 'migrations'),
    'evacuate-fence': ('power', 'mark', 'evacuate'),
    'unfence': ('power', 'lift', 'enable'),
}


@pytest.mark.parametrize('after', [False, True], ids=['before', 'after'])
@pytest.mark.parametrize(
    ('scene', 'name'),
    [(scene, name) for scene, names in TOGETHER.items() for name in names],
    indirect=['scene'],
)
def test_killed_while_another_run_waits(scene, name, after, taps, tally):
    point = points.Point(points.BY_NAME[name], after=after)
    service = point.kind.service
    taps.hold(service, point.fault)
    running = scene.start()
    assert taps.wait_held(service, running), running.wait()
    began = time.time()
    other = scene.start()

    assert kill(running)
    tally.killed[name_of(scene), 'with another run waiting'] += 1
    done = other.wait()
    taps.release(service)

    verdict = scene.judge(done, began)
    tally.add(verdict)
    assert not verdict
    run_again(scene, tally)


@pytest.fixture
def on_the_wire(scene, taps, tally):
    """The command is killed, and what it asked for gets there later."""
    taps.hold(
        'compute',
        {'match': '"evacuate"', 'agent': points.AGENT, 'hold': True},
    )
    running = scene.start()
    assert taps.wait_held('compute', running), running.wait()
    assert kill(running)
    tally.killed[name_of(scene), 'with requests on the wire'] += 1
    taps.hold('compute')


@pytest.mark.parametrize(
    'scene', ['evacuate', 'evacuate-fence'], indirect=True
)
def test_what_gets_to_nova_after_the_kill(
    scene, cloud, taps, tally, on_the_wire
):
    cloud.hold()
    scene.lock_for(LATE)
    began = time.time()
    posts = len(command.evacuate_posts(cloud))
    running = scene.start()
    client.wait_for(
        lambda: (
            'a run that was killed' in running.heard()
            or len(command.evacuate_posts(cloud)) > posts
        ),
        'it waits, or asks too',
    )
    taps.release('compute')
    client.wait_for(lambda: sum(map(len, cloud.held().values())))
    cloud.release()
    done = running.wait()

    verdict = scene.judge(done, began)
    tally.add(verdict)
    assert not verdict
