"""Loading the configuration."""

from __future__ import annotations

from collections.abc import Mapping
import os

from osc_instanceha.config import config
from osc_instanceha.config import location
from osc_instanceha.config import problems as problems_
from osc_instanceha.fencing import driver


def load(
    environ: Mapping[str, str] = os.environ,
    drivers: Mapping[str, type[driver.Driver]] | None = None,
) -> config.Config:
    """Read instanceha.yaml and the secure file, where they are.

    Nothing is read again later but secrets, each when it is needed.

    :param environ: says where the files are, and may hold secrets
    :param drivers: fencing drivers by name; None for those that are
        installed, which are looked for only if there is anything to fence
    :raises InvalidConfig: with all that is wrong
    """
    problems = problems_.Problems()
    files = location.find(environ, problems)
    problems.raise_any()
    if not files:
        return config.Config()
    # With its YAML and JSON schemas, only for who has a file.
    from osc_instanceha.config import reading

    return reading.read(files, environ, drivers)
