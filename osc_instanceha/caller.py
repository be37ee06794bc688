"""Who runs this, for people who read Nova's records."""

from __future__ import annotations

import datetime
import getpass
import os
import platform


def whoever() -> tuple[str, str]:
    """User and machine, and what time it is, in UTC."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        # A user without a name, as in a container.
        user = f'uid {os.getuid()}'
    now = datetime.datetime.now(datetime.UTC)
    return f'{user}@{platform.node()}', now.strftime('%Y-%m-%dT%H:%M:%SZ')
