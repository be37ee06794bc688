"""Which microversion of the Compute API is used for what.

One client speaks one microversion, and no single one does everything right:
2.13 has the only check of shared storage that Nova offers, from 2.95 on an
evacuated server is left stopped, 2.98 shows image properties.
"""

from __future__ import annotations

import dataclasses

from osc_instanceha import exceptions

Version = tuple[int, int]

#: os-migrations with paging (2.59) and the last of Queens. Everything else
#: that is needed is older.
LEAST: Version = (2, 60)

#: ``onSharedStorage``, for the last time: 2.14 took it away.
GUARDED: Version = (2, 13)

#: The last in which an evacuated server gets its power state back.
KEEPS_POWER_STATE: Version = (2, 94)

#: Nova leaves an evacuated server stopped.
STOPS: Version = (2, 95)

#: ``image.properties`` in the list of servers.
SHOWS_IMAGE: Version = (2, 98)


def text(version: Version) -> str:
    return f'{version[0]}.{version[1]}'


def parse(value: str) -> Version | None:
    """Read what a person may give as ``--os-compute-api-version``.

    :returns: None for no ceiling: ``latest``, or the major version alone
    :raises InvalidInput: if it is no version
    """
    if value in ('', '2', '2.latest', 'latest'):
        return None
    major, dot, minor = value.partition('.')
    if major != '2' or not dot or not minor.isascii() or not minor.isdigit():
        raise exceptions.InvalidInput(
            f'{value!r} is no version of the Compute API: write a '
            f"microversion like 2.96, or 'latest'",
            what='--os-compute-api-version',
        )
    return 2, int(minor)


@dataclasses.dataclass(frozen=True)
class Choice:
    """The microversions to use, under the given maximum.

    :ivar reading: for lists and everything else that reads
    :ivar evacuating: keeps the power state
    :ivar stopping: leaves servers stopped; None where Nova cannot
    """

    reading: Version
    evacuating: Version
    stopping: Version | None


def choose(offered: Version, ceiling: Version | None) -> Choice:
    """Choose what to use.

    :param offered: the highest that the cloud has
    :param ceiling: the highest that may be used; None for no limit
    :raises MicroversionTooLow: if either is below :data:`LEAST`
    """
    if offered < LEAST:
        raise exceptions.MicroversionTooLow(
            f'The Compute API of this cloud ends at {text(offered)}; at least '
            f'{text(LEAST)} (Queens) is needed'
        )
    if ceiling is not None and ceiling < LEAST:
        raise exceptions.MicroversionTooLow(
            f'The Compute API version is limited to {text(ceiling)} by '
            f'--os-compute-api-version, OS_COMPUTE_API_VERSION or clouds.yaml '
            f'(compute_api_version); at least {text(LEAST)} is needed: give '
            f'--os-compute-api-version latest'
        )
    highest = min(offered, ceiling) if ceiling is not None else offered
    return Choice(
        reading=min(highest, SHOWS_IMAGE),
        evacuating=min(highest, KEEPS_POWER_STATE),
        stopping=STOPS if highest >= STOPS else None,
    )
