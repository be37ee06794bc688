"""What may become of an evacuate request."""

from __future__ import annotations

import dataclasses

from osc_instanceha import model
from osc_instanceha import ports
from tests.unit.builders import data


@dataclasses.dataclass(frozen=True)
class Script:
    """What becomes of one evacuate request.

    :ivar begins: whether nova.Nova takes it on
    :ivar ends: the status in which the record ends; None: it never does
    :ivar takes: seconds from beginning to end
    :ivar late: seconds after the answer at which it begins
    :ivar claimed: False: the destination finds that it has no room, which
        leaves the server as it was, ACTIVE on its dead host
    """

    answer: ports.Answer = ports.Answer.ACCEPTED
    begins: bool = True
    ends: model.MigrationStatus | None = model.MigrationStatus.DONE
    takes: float = 10.0
    late: float = 0.0
    claimed: bool = True
    message: str = ''
    code: int | None = None


GOOD = Script()
NO_HOST = Script(ends=model.MigrationStatus.ERROR, takes=2.0)
BROKE = Script(ends=model.MigrationStatus.FAILED, takes=6.0)
NO_ROOM = Script(ends=model.MigrationStatus.FAILED, takes=4.0, claimed=False)
STUCK = Script(ends=None)
LOST_BUT_TAKEN = Script(ports.Answer.UNCERTAIN, message='read timed out')
LOST_AND_LATE = Script(
    ports.Answer.UNCERTAIN, late=60.0, message='read timed out'
)
LOST = Script(ports.Answer.UNCERTAIN, begins=False, message='read timed out')
NOT_SENT = Script(
    ports.Answer.NOT_SENT, begins=False, message='connection refused'
)
ERRED = Script(
    ports.Answer.ERRED, begins=False, message='Unexpected API Error', code=500
)
ERRED_BUT_TAKEN = Script(
    ports.Answer.ERRED, message='Unexpected API Error', code=500
)
REFUSED = Script(
    ports.Answer.REFUSED, begins=False, message='it has a vTPM', code=400
)
HOST_IN_USE = Script(
    ports.Answer.HOST_IN_USE,
    begins=False,
    message=f'Compute service of {data.DEAD} is still in use.',
    code=400,
)
