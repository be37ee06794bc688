"""Asking again where the trouble may pass.

Only for what changes nothing, however often it is asked.
"""

from __future__ import annotations

from collections.abc import Callable
import time
from typing import TypeVar

from osc_instanceha import exceptions

T = TypeVar('T')

#: Seconds before a question is asked again.
_PAUSES = (0.5, 1.0)

#: Seconds after which it is not asked again, whatever the service wants:
#: whoever waits for the answer has a time-out of his own.
_ENOUGH = 100.0

#: The longest pause, in seconds, that a service may ask for.
_LONGEST = 30.0


def patiently(ask: Callable[[], T]) -> T:
    """Ask, and ask again when the answer is that of a moment.

    :raises CloudError: as ``ask``, for good
    """
    begun = time.monotonic()
    for pause in _PAUSES:
        try:
            return ask()
        except exceptions.CloudError as error:
            wait = max(pause, error.retry_after or 0.0)
            if (
                not error.passing
                or wait > _LONGEST
                or time.monotonic() - begun + wait > _ENOUGH
            ):
                raise
            time.sleep(wait)
    return ask()
