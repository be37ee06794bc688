"""fence_instanceha: a fence agent that tells Nova of a fenced host.

Pacemaker starts it often, and for the most part to hear how it is called: so
only what needs the cloud imports what speaks to it.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
import os
import sys
from typing import TYPE_CHECKING

from osc_instanceha.agents import metadata
from osc_instanceha.agents import parameters
from osc_instanceha.fencing import deadline

if TYPE_CHECKING:
    from osc_instanceha import cloud
    from osc_instanceha.agents import marking

#: Exit codes of ClusterLabs' Fence Agent API. OFF is for status only.
DONE, FAILED, OFF = 0, 1, 2

#: Seconds for what asks Nova but changes nothing.
_LOOKING = 15.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what was asked, and return the exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        given = _given(arguments)
        action = _ACTIONS.get(given.action)
        if action is None:
            raise parameters.WrongUsage(
                f'there is no action {given.action!r}, but '
                f'{", ".join(_ACTIONS)}'
            )
        return action(given)
    except parameters.WrongUsage as error:
        _tell(str(error))
        return FAILED


def _given(arguments: Sequence[str]) -> parameters.Given:
    if arguments:
        try:
            return parameters.from_arguments(arguments)
        except SystemExit as end:
            # argparse ends with 2, which means "off" here.
            raise SystemExit(FAILED if end.code else DONE) from None
    given, strange = parameters.from_lines(sys.stdin)
    if strange:
        _tell(f'{strange} unknown parameters are ignored')
    return given


def _tell(text: str) -> None:
    sys.stderr.write(f'fence_instanceha: {text}\n')
    sys.stderr.flush()


def _metadata(_given: parameters.Given) -> int:
    sys.stdout.write(metadata.xml())
    return DONE


def _on(_given: parameters.Given) -> int:
    """Nothing: a host that has power is not yet one that may have servers."""
    return DONE


def _monitor(given: parameters.Given) -> int:
    """Whether it could begin; the cloud is not asked, which might take long.

    :raises WrongUsage: if it could not
    """
    if not given.cloud:
        raise parameters.WrongUsage('cloud is missing')
    for name in ('clouds_file', 'config'):
        path = getattr(given, name)
        try:
            with open(path, 'rb'):
                pass
        except OSError as error:
            raise parameters.WrongUsage(
                f'{name}: {path}: {error.strerror}'
            ) from None
    return DONE


def _validate_all(given: parameters.Given) -> int:
    """Whether what it is told can be understood; the network is not used."""
    _monitor(given)
    from osc_instanceha import exceptions

    try:
        made = _connect(given)
    except exceptions.InstanceHAError as error:
        _tell(str(error))
        return FAILED
    if not made.config.hosts:
        _tell(f'config: {given.config} names no fencing device of any host')
        return FAILED
    return DONE


def _off(given: parameters.Given) -> int:
    host = _host(given)
    work: marking.Marking | None = None

    def run() -> int:
        # In here, since the time that it takes counts too.
        from osc_instanceha.agents import marking

        nonlocal work
        work = marking.Marking(host, lambda: _connect(given), _tell)
        work.run()
        return DONE

    def late() -> str:
        problem = work.problem if work else 'it has only just begun'
        return f'{host} is not fenced after {given.off_timeout:g} s: {problem}'

    return _within(given.off_timeout, run, late)


def _status(given: parameters.Given) -> int:
    """Whether the host is marked in Nova, which is all that this switches."""
    host = _host(given)

    def run() -> int:
        from osc_instanceha import exceptions
        from osc_instanceha.agents import marking

        try:
            marked = marking.is_marked(marking.read(_connect(given), host))
        except exceptions.InstanceHAError as error:
            _tell(str(error))
            return FAILED
        sys.stdout.write(f'Status: {"OFF" if marked else "ON"}\n')
        return OFF if marked else DONE

    return _within(
        _LOOKING, run, lambda: f'Nova did not answer within {_LOOKING:g} s'
    )


def _host(given: parameters.Given) -> str:
    if not given.host:
        raise parameters.WrongUsage('plug is missing: the compute host')
    if not given.cloud:
        raise parameters.WrongUsage('cloud is missing')
    return given.host


def _connect(given: parameters.Given) -> cloud.Cloud:
    # Pacemaker's environment has none of these; a person's may have others.
    os.environ['OS_CLIENT_CONFIG_FILE'] = given.clouds_file
    os.environ['OS_INSTANCEHA_CONFIG'] = given.config
    from osc_instanceha import cloud
    from osc_instanceha.agents import marking

    return cloud.connect(given.cloud, timeout=marking.ANSWER)


def _within(
    seconds: float, run: Callable[[], int], late: Callable[[], str]
) -> int:
    """The exit code of a run, or a failure in time.

    Whoever called would kill this without a word of why.
    """
    try:
        return deadline.within(seconds, run)
    except deadline.Overdue:
        _tell(late())
        sys.stdout.flush()
        # Threads that still wait for an answer would be waited for.
        os._exit(FAILED)


_ACTIONS: dict[str, Callable[[parameters.Given], int]] = {
    'off': _off,
    # What comes back by itself does not stay off: seen so, it fails.
    'reboot': _off,
    'on': _on,
    'status': _status,
    'monitor': _monitor,
    'metadata': _metadata,
    'validate-all': _validate_all,
}
