from __future__ import annotations

import argparse
import importlib.metadata
import types

from keystoneauth1 import session as ksa_session
from keystoneauth1.identity import generic
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


@pytest.mark.parametrize(
    ('auth_url', 'right'),
    [('http://a/v3', True), ('http://A', True), ('http://b/v3', False)],
)
def test_the_configuration_of_another_cloud_is_refused(
    auth_url, right, monkeypatch, tmp_path
):
    path = tmp_path / 'instanceha.yaml'
    path.write_text('cloud: {auth_url: "http://a/v3", region_name: here}')
    monkeypatch.setenv('OS_INSTANCEHA_CONFIG', str(path))
    # What the command line says does not count, but what is used.
    asked = instance(auth={'auth_url': 'http://a/v3'})
    asked.session.auth = generic.Password(auth_url, username='u')
    if right:
        assert plugin.make_client(asked).config.files == (str(path),)
    else:
        with pytest.raises(exceptions.InvalidConfig, match='--os-cloud'):
            plugin.make_client(asked)


def test_a_version_that_is_none_is_an_error_of_ours():
    with pytest.raises(exceptions.InvalidInput):
        plugin.make_client(instance(compute_api_version='3.5'))
