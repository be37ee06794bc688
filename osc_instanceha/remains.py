"""What a failed evacuation may have left behind.

Nova's destination spawns the guest and then writes down that it did. If that
fails (somebody reset the server's state in between, say), the evacuation is
``failed``, the server is still on its dead host, and a guest of it runs on
the destination, which nothing ever destroys. Evacuating such a server again
runs it twice (nova.compute.manager._do_rebuild_instance: all that comes after
driver.spawn).
"""

from __future__ import annotations

from collections.abc import Sequence
import re

from osc_instanceha import model

#: What Nova says when it fails after the guest was spawned, or finds it
#: there: UnexpectedTaskStateError, InstanceExists, and the failures of the
#: database and the message queue on the way there.
_AFTER_SPAWN = re.compile(
    r'Conflict updating instance|Unexpected\w*TaskState|already exists|'
    r'Messaging|RemoteError|DBError|DBConnection|DBDeadlock',
    re.IGNORECASE,
)


def may_run(
    server: model.Server, evacuation: model.Evacuation | None, words: str
) -> str | None:
    """The host on which a failed evacuation may have left a guest running.

    :param server: as it is now
    :param evacuation: its newest evacuation, which has failed
    :param words: Nova's reason
    :returns: None if there is no sign of one
    """
    if evacuation is None or evacuation.destination is None:
        # It never got to a host: NoValidHost.
        return None
    # Some databases keep whole seconds only.
    begun = evacuation.created.replace(microsecond=0)
    spawned = server.launched_at is not None and server.launched_at >= begun
    if spawned or _AFTER_SPAWN.search(words):
        return evacuation.destination
    return None


def twice(records: Sequence[model.Evacuation]) -> str | None:
    """What to tell of evacuations that were open at the same time, or None.

    Nova takes a second request while the first is under way (bug 1978983).
    Each destination may have spawned the guest, and the one that comes last
    finds the server changed and fails, with its guest running.

    :param records: evacuations that all began after it was seen that none is
        open, and of which none is open any more; newest first
    """
    destinations = {record.destination for record in records} - {None}
    if len(destinations) < 2:
        return None
    listed = ' and '.join(
        f'to {record.destination} ({record.status.value})'
        for record in reversed(records)
        if record.destination is not None
    )
    return (
        f'somebody else has evacuated it at the same time: {listed}; a guest '
        f'of it may be running on each: look there, and destroy the one that '
        f'is not on the host on which Nova shows the server'
    )


def warning(host: str, words: str) -> str:
    """What to tell of it, and what to do."""
    return (
        f'its last evacuation failed ({words}) when a guest of it may have '
        f'been running on {host} already: look there, destroy it, and only '
        f"then evacuate this one by hand with 'openstack server evacuate'"
    )
