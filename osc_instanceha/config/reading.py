"""From files to the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
import types

from osc_instanceha.config import belonging as belonging_
from osc_instanceha.config import collisions
from osc_instanceha.config import config
from osc_instanceha.config import devices as devices_
from osc_instanceha.config import document
from osc_instanceha.config import hosts
from osc_instanceha.config import merging
from osc_instanceha.config import permissions
from osc_instanceha.config import problems as problems_
from osc_instanceha.config import running
from osc_instanceha.config import schema
from osc_instanceha.config import validation
from osc_instanceha.fencing import loading as drivers_
from osc_instanceha.fencing import specification


def read(
    files: Sequence[str],
    environ: Mapping[str, str],
    drivers: devices_.Drivers | None,
) -> config.Config:
    """The configuration in these files, each over the one before.

    :raises InvalidConfig: with all that is wrong
    """
    problems = problems_.Problems(files)
    documents = [
        one for file in files if (one := document.read(file, problems))
    ]
    root = merging.merged([one.root for one in documents])
    if drivers is None:
        drivers = drivers_.drivers() if root.get('fencing') else {}
    secret_options = {
        option.name
        for kind in drivers.values()
        for option in kind.options
        if option.secret
    }
    for one in documents:
        permissions.check(one, secret_options, problems)
    if len(documents) < len(files):
        # What stands in the other file may be what is missing here.
        problems.raise_any()
    validation.check(schema.ROOT, root, (), problems)
    belonging = belonging_.read(root, problems)
    lock = running.lock(root, environ, problems)
    limit = running.max_hosts_down(root, problems)
    selection = running.selection(root, problems)
    fencing = _fencing(root, drivers, environ, problems)
    problems.raise_any()
    return config.Config(
        belonging=belonging,
        lock=lock,
        max_hosts_down=limit,
        selection=selection,
        evacuate=types.MappingProxyType(running.evacuate(root)),
        fencing=types.MappingProxyType(fencing),
        files=tuple(files),
    )


def _fencing(
    root: document.Node,
    drivers: devices_.Drivers,
    environ: Mapping[str, str],
    problems: problems_.Problems,
) -> dict[str, specification.Levels]:
    devices = devices_.Devices(root, drivers, problems)
    entries = hosts.read(root, devices, problems)
    levels = hosts.specify(entries, environ, problems)
    collisions.check(entries, levels, problems)
    return levels
