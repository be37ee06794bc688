"""Small ones of everything, and a Nova that keeps its word.

:class:`FakeCompute` is a simulation, not a mock: it has servers, services and
evacuation records of its own, which go on as its clock does, and it objects
(:class:`InvariantBroken`) to what would destroy data on a real cloud.

``data`` has servers, services and records; ``clock`` and ``pool`` let time
pass; ``scripts`` says what becomes of a request; ``nova`` is the inside of the
simulated Nova, ``compute`` what a run sees of it; ``world`` is all together.
"""

from __future__ import annotations

from tests.unit.builders.clock import FakeClock
from tests.unit.builders.clock import Killed
from tests.unit.builders.compute import FakeCompute
from tests.unit.builders.data import DEAD
from tests.unit.builders.data import EPOCH
from tests.unit.builders.data import evacuation
from tests.unit.builders.data import flavor
from tests.unit.builders.data import group
from tests.unit.builders.data import inventory
from tests.unit.builders.data import LAUNCHED
from tests.unit.builders.data import living
from tests.unit.builders.data import LONG_AGO
from tests.unit.builders.data import server
from tests.unit.builders.data import service
from tests.unit.builders.data import SPARE
from tests.unit.builders.data import stopped_server
from tests.unit.builders.fakes import FakeImages
from tests.unit.builders.fakes import FakeLock
from tests.unit.builders.nova import InvariantBroken
from tests.unit.builders.pool import FakePool
from tests.unit.builders.pool import in_turn
from tests.unit.builders.scripts import BROKE
from tests.unit.builders.scripts import ERRED
from tests.unit.builders.scripts import ERRED_BUT_TAKEN
from tests.unit.builders.scripts import GOOD
from tests.unit.builders.scripts import HOST_IN_USE
from tests.unit.builders.scripts import LOST
from tests.unit.builders.scripts import LOST_AND_LATE
from tests.unit.builders.scripts import LOST_BUT_TAKEN
from tests.unit.builders.scripts import NO_HOST
from tests.unit.builders.scripts import NO_ROOM
from tests.unit.builders.scripts import NOT_SENT
from tests.unit.builders.scripts import REFUSED
from tests.unit.builders.scripts import Script
from tests.unit.builders.scripts import STUCK
from tests.unit.builders.world import outcomes
from tests.unit.builders.world import reasons
from tests.unit.builders.world import World

__all__ = [
    'BROKE',
    'DEAD',
    'EPOCH',
    'ERRED',
    'ERRED_BUT_TAKEN',
    'FakeClock',
    'FakeCompute',
    'FakeImages',
    'FakeLock',
    'FakePool',
    'GOOD',
    'HOST_IN_USE',
    'InvariantBroken',
    'Killed',
    'LAUNCHED',
    'LONG_AGO',
    'LOST',
    'LOST_AND_LATE',
    'LOST_BUT_TAKEN',
    'NOT_SENT',
    'NO_HOST',
    'NO_ROOM',
    'REFUSED',
    'SPARE',
    'STUCK',
    'Script',
    'World',
    'evacuation',
    'flavor',
    'group',
    'in_turn',
    'inventory',
    'living',
    'outcomes',
    'reasons',
    'server',
    'service',
    'stopped_server',
]
