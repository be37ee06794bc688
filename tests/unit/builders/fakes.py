"""Images and locks that know what they are told."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
import contextlib

from osc_instanceha import exceptions
from osc_instanceha import model


class FakeImages:
    """:class:`~osc_instanceha.ports.Images` that knows what it is told."""

    def __init__(self) -> None:
        self.known: dict[str, model.ImageFacts] = {}
        self.asked: list[str] = []

    def facts(
        self, servers: Iterable[model.Server]
    ) -> Mapping[str, model.ImageFacts]:
        ids = [item.id for item in servers]
        self.asked += ids
        return {
            item: self.known.get(item, model.ImageFacts(None, 'it is gone'))
            for item in ids
        }


class FakeLock:
    """A lock for each host, as other processes see it."""

    def __init__(self) -> None:
        self.held: set[str] = set()
        self.taken: list[str] = []
        self.lost = False
        self.going_down: frozenset[str] = frozenset()
        #: Looks after which nothing of a killed run can arrive any more.
        self.looks = 0
        #: What is done at a look, while something can.
        self.look: Callable[[int], object] = lambda left: None
        #: What was said of requests on their way, in turn.
        self.said: list[bool] = []

    @contextlib.contextmanager
    def __call__(
        self,
        services: Collection[model.Service],
        stopped: Callable[[], bool] = bool,
    ) -> Iterator[FakeLock]:
        names = [service.host for service in services]
        for name in names:
            if name in self.held:
                raise exceptions.HostLocked(name, 0, 'a test')
        self.held |= set(names)
        self.taken += names
        try:
            yield self
        finally:
            self.held -= set(names)

    def check(self) -> None:
        if self.lost:
            raise exceptions.LockLost(tuple(sorted(self.held)), 'a test')

    def asking(self, service_id: str, on: bool) -> None:
        if self.said[-1:] != [on]:
            self.said.append(on)

    def asked(self, service_id: str) -> bool:
        self.looks -= 1
        if self.looks >= 0:
            self.look(self.looks)
        return self.looks >= 0

    @contextlib.contextmanager
    def counting(self) -> Iterator[frozenset[str]]:
        yield self.going_down
