"""The folder for the locks of one machine, where no other is named."""

from __future__ import annotations

from collections.abc import Iterator
import contextlib
import os
import pathlib
import pwd
import stat

from osc_instanceha import exceptions


def default_url() -> str:
    """The URL of a folder for the locks of this machine and user.

    The same in a terminal, under cron and in a service: nothing of it comes
    from the environment. It is made if it is not there.

    :raises LockUnusable: if others could change what is in it, or it cannot
        be made
    """
    folder = _folder()
    url = f'file://{folder}'
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            folder.mkdir(0o700)
        found = folder.lstat()
    except OSError as error:
        raise exceptions.LockUnusable(url, str(error)) from None
    if not stat.S_ISDIR(found.st_mode):
        problem = 'it is no folder'
    elif found.st_uid != os.geteuid():
        problem = f'it belongs to another user, uid {found.st_uid}'
    elif found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        problem = f'others may write in it: chmod go-w {folder}'
    else:
        return url
    # Whoever removes a file from under a lock lets two runs have it.
    raise exceptions.LockUnusable(url, problem)


def empty_records(
    folder: pathlib.Path,
) -> Iterator[tuple[pathlib.Path, tuple[int, int]]]:
    """What runs began to tell each other in a folder, without a word in it.

    :returns: each with what sets it apart from another of its name
    """
    for path in folder.glob('groups/*/*.raw'):
        with contextlib.suppress(FileNotFoundError):
            found = path.stat()
            if not found.st_size:
                yield path, (found.st_ino, found.st_mtime_ns)


def _folder() -> pathlib.Path:
    uid = os.geteuid()
    if uid == 0:
        return pathlib.Path('/run/osc-instanceha')
    try:
        home = pwd.getpwuid(uid).pw_dir
    except KeyError:
        # A user without an entry, as in a container.
        return pathlib.Path(f'/tmp/osc-instanceha-{uid}')  # noqa: S108
    return pathlib.Path(home, '.cache', 'osc-instanceha')
