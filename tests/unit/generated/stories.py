"""What may happen to a recovery: faults, other people, ends too soon.

A :class:`Story` is data. :meth:`Story.tell` acts it out on the simulated
Nova, which objects to whatever must never be done.
"""

from __future__ import annotations

from collections.abc import Callable
import dataclasses
from typing import Any

from osc_instanceha import events
from osc_instanceha import exceptions
from osc_instanceha import recovery
from osc_instanceha import selection
from tests.unit import builders
from tests.unit.generated import dice as dice_

DEAD, SPARE = builders.DEAD, builders.SPARE
NAMES = ('a', 'b', 'c', 'd')
TAG = 'ha'

#: What becomes of a request, the usual first.
FATES = (
    builders.NO_HOST,
    builders.BROKE,
    builders.NO_ROOM,
    builders.LOST_BUT_TAKEN,
    builders.ERRED_BUT_TAKEN,
    builders.NOT_SENT,
    builders.ERRED,
    builders.LOST,
    builders.LOST_AND_LATE,
    builders.REFUSED,
    builders.Script(takes=45.0),
    builders.STUCK,
)
#: Those after which a later run gets there, whatever lies between.
CURABLE = FATES[:9]

#: How a call may fail. What evacuate answers is a fate.
FAULTS: tuple[Callable[[], exceptions.CloudError], ...] = (
    lambda: exceptions.Unreachable('it timed out', code=504),
    lambda: exceptions.Unreachable('connection reset'),
    lambda: exceptions.CloudError('Unexpected API Error', code=500),
    lambda: exceptions.CloudError('conflict', code=409),
    lambda: exceptions.Forbidden('policy', code=403),
    lambda: exceptions.UnexpectedAnswer('GET /x', 'no JSON'),
    lambda: exceptions.IncompleteAnswer('a cell is down'),
)
CALLS = (
    *('evacuations', 'servers', 'service', 'services', 'server'),
    *('groups', 'aggregates', 'failure', 'was_stopped', 'stop', 'mark_down'),
)

#: What somebody else may do at a moment.
DEEDS = (
    *('untag', 'delete', 'evacuate', 'alive', 'blink', 'lift', 'migrating'),
    *('move', 'stop', 'group'),
)


@dataclasses.dataclass(frozen=True)
class Fault:
    call: str
    #: How many calls of the kind go well before.
    after: int
    times: int
    kind: int


@dataclasses.dataclass(frozen=True)
class Deed:
    what: str
    server_id: str
    moment: float


@dataclasses.dataclass(frozen=True)
class Story:
    """:ivar fates: of the requests for each server, in turn

    :ivar ends: after how many events or steps each run but the last ends
    :ivar killed: whether it is killed there, or closed
    :ivar pauses: seconds after each of these
    """

    stopped: frozenset[str]
    grouped: frozenset[str]
    fates: dict[str, tuple[builders.Script, ...]]
    marked: bool
    quiet_for: float
    delay: float | None
    max_in_flight: int
    retries: int
    wait: bool
    ends: tuple[int, ...] = ()
    killed: bool = False
    pauses: tuple[float, ...] = ()
    faults: tuple[Fault, ...] = ()
    deeds: tuple[Deed, ...] = ()

    def world(self) -> builders.World:
        made = builders.World(
            *[
                (
                    builders.stopped_server
                    if name in self.stopped
                    else builders.server
                )(name, tags=frozenset({TAG}))
                for name in NAMES
            ],
            services=[
                builders.service(
                    forced_down=self.marked, quiet_for=self.quiet_for
                ),
                builders.living(),
            ],
            delay=self.delay,
            on_the_wire=self.delay is not None,
        )
        compute = made.compute
        compute.scripts = {
            name: list(fates) for name, fates in self.fates.items()
        }
        compute.stopped_by_owner = set(self.stopped)
        if self.grouped:
            compute.groups_ = (builders.group(*self.grouped),)
        compute.max_open = self.max_in_flight
        return made

    def run(self, made: builders.World) -> recovery.Recovery:
        return made.recovery(
            selection=selection.Selection(tags=frozenset({TAG})),
            already_fenced=not self.marked,
            max_in_flight=self.max_in_flight,
            retries=self.retries,
            wait=self.wait,
        )

    def tell(self) -> Told:
        """Act it out, to the end of the last run."""
        told = Told(self, self.world())
        with told.world.instead_of_threads():
            told.interfere()
            for number, end in enumerate(self.ends):
                told.end_early(end, self.pauses[number])
            told.last()
        return told


class Told:
    """A story as it is acted out.

    :ivar runs: every run; the last went to its end
    :ivar errors: what ended runs
    """

    def __init__(self, story: Story, world: builders.World) -> None:
        self.story = story
        self.world = world
        self.compute = world.compute
        self.runs: list[recovery.Recovery] = []
        self.errors: list[exceptions.InstanceHAError] = []
        self.touched: set[str] = set()
        self._calls: dict[str, int] = {}
        world.compute.faults = self._fault

    def _fault(self, call: str) -> exceptions.CloudError | None:
        number = self._calls[call] = self._calls.get(call, 0) + 1
        for fault in self.story.faults:
            last = fault.after + fault.times
            if fault.call == call and fault.after < number <= last:
                return FAULTS[fault.kind]()
        return None

    def interfere(self) -> None:
        for deed in self.story.deeds:
            self.world.clock.at(
                deed.moment,
                lambda deed=deed: self._do(deed),  # type: ignore[misc]
            )

    def _do(self, deed: Deed) -> None:
        compute, item = self.compute, deed.server_id
        server = compute.servers_.get(item)
        on_host = server is not None and server.host == DEAD
        openly = {record.server_id for record in compute.open_records()}
        match deed.what:
            case 'alive':
                compute.report()
            case 'blink':
                compute.touch()
            case 'lift':
                compute.touch(forced_down=False)
            case 'delete' if server is not None:
                compute.delete(item)
            case 'untag' if server is not None:
                compute.change(item, tags=frozenset())
                compute.unwanted.add(item)
            case 'migrating' if on_host and item not in openly:
                compute.change(item, task_state='migrating')
            case 'move' if on_host and item not in openly:
                # Somebody's migration by hand; its guest is there now.
                compute.change(item, host=SPARE)
            case 'stop' if server is not None and not on_host:
                compute.change(item, vm_state='stopped', status='SHUTOFF')
            case 'evacuate' if (
                on_host
                and item not in openly
                and item not in compute.unanswered
                and not any(
                    openly & group.members
                    for group in compute.groups_
                    if item in group.members
                )
                and server.task_state is None
            ):
                compute.max_open = None
                compute.begin(item)
            case _:
                return
        self.touched.add(item)

    def end_early(self, end: int, pause: float) -> None:
        run = self.story.run(self.world)
        self.runs.append(run)
        watched = self.world.watch(run)
        try:
            if self.story.killed:
                self.world.clock.fuse = end
                for _event in watched:
                    pass
            else:
                for _event, _number in zip(watched, range(end), strict=False):
                    pass
        except builders.Killed:
            # The kernel lets go of what a dead process held.
            self.world.lock.held.clear()
        except exceptions.InstanceHAError as error:
            self._ended(run, error)
        finally:
            self.world.clock.fuse = None
            watched.close()
        self.world.clock.sleep(max(pause, self._least_pause()))
        self._forget()

    def _least_pause(self) -> float:
        """What was on its way when a run ended may arrive after it.

        Nobody can know that; so the next run is not started at once where
        a request travels, or where its answer was lost.
        """
        if self.compute.unanswered:
            return 61.0
        return 0.1 + (self.story.delay or 0.0)

    def _forget(self) -> None:
        # Nova answers within its time, or not at all.
        self.compute.unanswered.clear()

    def last(self) -> recovery.Recovery | None:
        run = self.story.run(self.world)
        self.runs.append(run)
        try:
            for _event in self.world.watch(run):
                pass
        except exceptions.InstanceHAError as error:
            self._ended(run, error)
        return run

    def _ended(
        self, run: recovery.Recovery, error: exceptions.InstanceHAError
    ) -> None:
        self.errors.append(error)
        assert '\n' not in str(error)
        for result in run.results():
            # An error is of the time before anything was begun.
            assert not result.attempts

    def settle(self) -> None:
        """Run it again until that changes nothing any more."""
        with self.world.instead_of_threads():
            for _ in range(8):
                before = self.state()
                # A run that went to its end leaves nothing on its way.
                self.world.clock.sleep(0.1)
                self._forget()
                self.last()
                if self.state() == before:
                    return
        raise AssertionError('it never settles')

    def state(self) -> dict[str, Any]:
        """Where everything is, and how it came there."""
        compute = self.compute
        requests = [name for name, _how in compute.requests]
        return {
            name: (
                item.host,
                item.vm_state,
                item.task_state,
                tuple(compute.spawned[name]),
                requests.count(name),
            )
            for name, item in compute.servers_.items()
        }

    def of(self, kind: type[events.Event]) -> list[Any]:
        return self.world.of(kind)


def _some(dice: dice_.Dice) -> frozenset[str]:
    return frozenset(dice.some(NAMES, 4))


def simple(
    dice: dice_.Dice, fates: tuple[builders.Script, ...] = CURABLE
) -> Story:
    """One run, of which nothing is in the way but Nova."""
    return Story(
        stopped=_some(dice),
        grouped=frozenset(dice.some(NAMES, 3))
        if dice.chance()
        else (frozenset()),
        fates={
            name: tuple(dice.pick(fates) for _ in range(dice.number(3)))
            for name in dice.some(NAMES, 3)
        },
        marked=not dice.chance(),
        quiet_for=dice.mostly(builders.LONG_AGO, (5.0, 20.0)),
        delay=dice.pick((None, 0.0, 3.0)),
        max_in_flight=dice.pick((10, 1, 2)),
        retries=dice.pick((2, 0, 1)),
        wait=True,
    )


def interrupted(dice: dice_.Dice) -> Story:
    """The same, ended after any event or any step of the world."""
    first = simple(dice)
    killed = dice.number(2) == 1
    ends = tuple(
        dice.number(90 if killed else 16) for _ in range(1 + dice.number(2))
    )
    return dataclasses.replace(
        first,
        killed=killed,
        ends=ends,
        pauses=tuple(dice.pick((0.0, 2.0, 9.0, 70.0)) for _ in ends),
    )


def eventful(dice: dice_.Dice) -> Story:
    """Everything at once."""
    base = interrupted(dice) if dice.chance() else simple(dice)
    fates = {
        name: tuple(dice.pick(FATES) for _ in range(dice.number(4)))
        for name in dice.some(NAMES, 3)
    }
    faults = tuple(
        Fault(
            dice.pick(CALLS),
            dice.number(12),
            dice.mostly(1, (3, 1000)),
            dice.number(len(FAULTS)),
        )
        for _ in range(dice.number(3))
    )
    deeds = tuple(
        Deed(
            dice.pick(DEEDS),
            dice.pick(NAMES),
            dice.number(200) / 4 + 0.1,
        )
        for _ in range(dice.number(4))
    )
    if any(deed.what == 'evacuate' for deed in deeds) and base.delay:
        # Nova has no guard against two at one moment.
        base = dataclasses.replace(base, delay=0.0)
    return dataclasses.replace(
        base,
        fates=fates,
        faults=faults,
        deeds=deeds,
        wait=not dice.chance(),
    )


simple_stories = dice_.rolled(simple, 30)
interrupted_stories = dice_.rolled(interrupted, 36)
eventful_stories = dice_.rolled(eventful, 70)
