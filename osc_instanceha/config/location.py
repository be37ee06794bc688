"""Which files the configuration is in: where clouds.yaml is."""

from __future__ import annotations

from collections.abc import Mapping
import os

from osc_instanceha.config import problems as problems_

#: The environment variable that names a file, and how it is called if none
#: does.
MAIN = ('OS_INSTANCEHA_CONFIG', 'instanceha')
SECURE = ('OS_INSTANCEHA_SECURE_CONFIG', 'instanceha-secure')


def find(
    environ: Mapping[str, str], problems: problems_.Problems
) -> tuple[str, ...]:
    """The paths of the file and of the secure file, of those there are."""
    paths = []
    for variable, stem in (MAIN, SECURE):
        path = environ.get(variable)
        if not path:
            path = _search(stem)
        elif not os.path.lexists(path):
            problems.add(
                problems_.Mark(path),
                (),
                f'there is no such file, and {variable} names it; create it '
                f'or unset the variable',
            )
            path = None
        if path:
            paths.append(path)
    return tuple(paths)


def _search(stem: str) -> str | None:
    from openstack.config import loader

    for folder in loader.CONFIG_SEARCH_PATH:
        for suffix in loader.YAML_SUFFIXES + loader.JSON_SUFFIXES:
            path: str = os.path.join(folder, stem + suffix)
            # A link that leads nowhere is a mistake, not an absence.
            if os.path.lexists(path):
                return path
    return None
