"""To whom a file belongs that this user trusts.

Who owns a file may write to it whenever they like, whatever its permissions
are now: instanceha.yaml can name the programs that are run to fence a host.
"""

from __future__ import annotations

import os
import pwd
import shlex

_ROOT = 0


def foreign(file: str, owner: int | None) -> str:
    """What is wrong with the owner of a file, and the cure.

    :param owner: its user ID; None for what is not a regular file
    :returns: nothing if it is root or the effective user
    """
    user = os.geteuid()
    if owner is None or owner in (_ROOT, user):
        return ''
    return (
        f'belongs to {_name(owner)}, not to root or to this user; if what '
        f"it says can be trusted: 'chown {_name(user)} {shlex.quote(file)}'"
    )


def _name(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)
