from __future__ import annotations

import argparse
import importlib.metadata
import types

from keystoneauth1 import session as ksa_session
import pytest

from osc_instanceha import cloud
from osc_instanceha import exceptions
from osc_instanceha.osc import plugin
from osc_instanceha.osc.v1 import evacuate


def instance(**config):
    return types.SimpleNamespace(
        session=ksa_session.Session(),
        region_name='here',
        interface='internal',
        get_configuration=lambda: config,
    )


def test_the_names_that_openstackclient_looks_for():
    parser = argparse.ArgumentParser()
    assert plugin.build_option_parser(parser) is parser
    assert plugin.API_NAME == 'instanceha'
    assert plugin.DEFAULT_API_VERSION in plugin.API_VERSIONS


def test_the_entry_points_lead_here():
    found = importlib.metadata.entry_points
    (extension,) = found(group='openstack.cli.extension', name=plugin.API_NAME)
    assert extension.load() is plugin
    (command,) = found(group='openstack.instanceha.v1', name='host_evacuate')
    assert command.load() is evacuate.EvacuateHost


@pytest.mark.parametrize(
    ('config', 'ceiling', 'endpoint'),
    [
        ({}, None, None),
        ({'compute_api_version': '2.72'}, (2, 72), None),
        # YAML reads it as a number.
        ({'compute_api_version': 2.72}, (2, 72), None),
        ({'compute_api_version': '2'}, None, None),
        ({'compute_endpoint_override': 'http://n'}, None, 'http://n'),
    ],
)
def test_the_client_is_made_of_the_users_options(config, ceiling, endpoint):
    made = plugin.make_client(instance(**config))
    assert isinstance(made, cloud.Cloud)
    assert made._compute._ceiling == ceiling
    assert made._compute._endpoint_override == endpoint
    assert made._compute._region_name == 'here'
    assert made._compute._interface == 'internal'


def test_a_version_that_is_none_is_an_error_of_ours():
    with pytest.raises(exceptions.InvalidInput):
        plugin.make_client(instance(compute_api_version='3.5'))
