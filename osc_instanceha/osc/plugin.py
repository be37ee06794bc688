"""OpenStackClient plugin.

Every ``openstack`` command of every user imports this module and the command
modules: nothing but the standard library and osc-lib may be imported here
before a command of ours runs.
"""

from __future__ import annotations

import argparse
from typing import Any
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from osc_instanceha import cloud

API_NAME = 'instanceha'
API_VERSION_OPTION = 'os_instanceha_api_version'
API_VERSIONS = ('1',)
DEFAULT_API_VERSION = '1'


def make_client(instance: Any) -> cloud.Cloud:
    """The cloud that the user's options and environment point to."""
    from osc_instanceha import cloud

    config = instance.get_configuration()
    version = config.get('compute_api_version')
    return cloud.Cloud(
        instance.session,
        region_name=instance.region_name or None,
        interface=instance.interface,
        compute_endpoint=config.get('compute_endpoint_override'),
        compute_api_version=None if version is None else str(version),
    )


def build_option_parser(
    parser: argparse.ArgumentParser,
) -> argparse.ArgumentParser:
    """No global options."""
    return parser
