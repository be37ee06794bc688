"""The test bed is right: records, faults, rows, and the reset."""

from __future__ import annotations

from collections import abc
import json
import os
import subprocess
import sys
import time

import pytest
import requests

from tests.cloud import client
from tests.functional import lifeless

# -- the Compute API's switches


@pytest.mark.every_release
def test_cap(cloud: client.Cloud) -> None:
    cloud.cap('2.60')
    api = cloud.api()
    assert api.get('/').json()['version']['version'] == '2.60'
    assert api.get('/servers', microversion='2.61').status_code == 406
    assert api.get('/servers', microversion='2.60').status_code == 200
    latest = api.get('/servers', microversion='latest')
    assert latest.headers['OpenStack-API-Version'] == 'compute 2.60'
    cloud.cap(None)
    assert api.get('/servers', microversion='2.61').status_code == 200


def test_page_size(cloud: client.Cloud) -> None:
    cloud.create_servers(3)
    cloud.page_size(2)
    page = cloud.call('GET', '/servers/detail')
    assert len(page['servers']) == 2
    assert page['servers_links']
    cloud.page_size(None)
    assert len(cloud.call('GET', '/servers/detail')['servers']) == 3


def test_cell_down(cloud: client.Cloud) -> None:
    uuid = cloud.create_server('web', host='host1')
    cloud.add_migration(uuid)
    cloud.cell_down()
    listing = '/servers/detail?all_tenants=1&host=host1'
    assert cloud.call('GET', listing) == {'servers': []}
    assert cloud.call('GET', '/os-migrations') == {'migrations': []}
    partial = cloud.service('host1')
    assert partial == {
        'binary': 'nova-compute',
        'host': 'host1',
        'status': 'UNKNOWN',
    }
    older = cloud.call('GET', '/os-services?host=host1', microversion='2.68')
    assert older == {'services': []}
    assert cloud.server(uuid)['status'] == 'UNKNOWN'
    assert cloud.evacuate(uuid).status_code == 500
    cloud.cell_down(False)
    assert len(cloud.call('GET', listing)['servers']) == 1
    assert len(cloud.call('GET', '/os-migrations')['migrations']) == 1


def test_faults(cloud: client.Cloud) -> None:
    api = cloud.api(microversion=cloud.microversion)
    cloud.faults(
        {
            'match': 'GET /v2.1/servers',
            'status': 503,
            'times': 1,
            'skip': 1,
            'headers': {'Retry-After': '7'},
            'body': {'why': 'busy'},
        }
    )
    assert api.get('/servers').status_code == 200
    busy = api.get('/servers')
    assert (busy.status_code, busy.json()) == (503, {'why': 'busy'})
    assert busy.headers['Retry-After'] == '7'
    assert api.get('/servers').status_code == 200


def test_lost_answer(cloud: client.Cloud) -> None:
    uuid = cloud.create_server('web', host='host1')
    address = '{}/v2.1/servers/{}'.format(cloud.urls['compute'], uuid)
    headers = {'X-Auth-Token': cloud.session().get_token()}
    cloud.faults({'match': '^DELETE', 'reset': True, 'after': True})
    with pytest.raises(requests.ConnectionError):
        requests.delete(address, headers=headers)
    assert cloud.requests(method='DELETE')[0]['status'] is None
    client.wait_for(lambda: cloud.server_row(uuid)['deleted'])
    assert cloud.running(uuid) == []


def test_record(cloud: client.Cloud) -> None:
    uuid = cloud.create_server('web')
    cloud.forget_requests()
    response = cloud.action(uuid, 'os-stop', microversion='2.90')
    [entry] = cloud.requests()
    assert entry['method'] == 'POST'
    assert entry['path'] == f'/v2.1/servers/{uuid}/action'
    assert json.loads(entry['body']) == {'os-stop': None}
    assert entry['microversion'] == '2.90'
    assert entry['status'] == 202
    assert entry['request_id'] == response.headers['x-openstack-request-id']
    image = cloud.image_id('watchdog')
    cloud.call('GET', '/v2/images/' + image, service='image')
    assert [entry['path'] for entry in cloud.requests('image')][-1] == (
        '/v2/images/' + image
    )
    cloud.call('GET', '/volumes/detail', service='block-storage')
    assert len(cloud.requests('block-storage', match='/volumes/detail')) == 1


def test_rows_can_be_written(cloud: client.Cloud) -> None:
    uuid = cloud.create_server('web', host='host1')
    cloud.set_server(uuid, vm_state='error', launched_at=None)
    assert cloud.server(uuid)['status'] == 'ERROR'
    stuck = cloud.add_migration(
        uuid, status='pre-migrating', dest_compute='host2'
    )
    cloud.set_migration(stuck, status='accepted')
    [shown] = cloud.call(
        'GET', '/os-migrations?source_compute=host1&migration_type=evacuation'
    )['migrations']
    assert (shown['status'], shown['dest_compute']) == ('accepted', 'host2')


# -- starting anew


def test_new_cloud(cloud: client.Cloud) -> None:
    hypervisors = cloud.call('GET', '/os-hypervisors/detail')['hypervisors']
    assert {
        h['service']['host']: h['hypervisor_hostname'] for h in hypervisors
    } == {host: host + '.cloud.example' for host in cloud.hosts}
    for host in cloud.hosts:
        service = cloud.service(host)
        assert (service['state'], service['status']) == ('up', 'enabled')
    images = cloud.call('GET', '/v2/images', service='image')['images']
    properties = {image['name']: image for image in images}
    assert properties.keys() == {'cirros', 'watchdog'}
    assert properties['watchdog']['ha_policy'] == 'gold'
    flavors = {
        flavor['name']: flavor
        for flavor in cloud.call('GET', '/flavors/detail')['flavors']
    }
    assert flavors.keys() == {'small', 'ephemeral', 'protected'}
    assert flavors['ephemeral']['OS-FLV-EXT-DATA:ephemeral'] == 1
    assert flavors['protected']['extra_specs'] == {
        'instanceha:evacuable': 'true'
    }


def assert_new(cloud: client.Cloud) -> None:
    test_new_cloud(cloud)
    for url, key in (
        ('/servers/detail?all_tenants=1', 'servers'),
        ('/os-migrations', 'migrations'),
        ('/os-aggregates', 'aggregates'),
        ('/os-server-groups?all_projects=1', 'server_groups'),
    ):
        assert cloud.call('GET', url)[key] == []
    assert (
        cloud.call(
            'GET', '/volumes/detail?all_tenants=1', service='block-storage'
        )['volumes']
        == []
    )
    assert cloud.call('GET', '/v2.0/ports', service='network')['ports'] == []
    providers = cloud.call('GET', '/resource_providers', service='placement')
    for provider in providers['resource_providers']:
        url = '/resource_providers/{}/'.format(provider['uuid'])
        assert (
            cloud.call('GET', url + 'allocations', service='placement')[
                'allocations'
            ]
            == {}
        )
    for hypervisor in cloud.call(
        'GET', '/os-hypervisors/detail', microversion='2.87'
    )['hypervisors']:
        assert (hypervisor['vcpus_used'], hypervisor['running_vms']) == (0, 0)
    assert cloud.guests() == {}
    assert cloud.migrations() == []
    cloud.forget_requests()


def disturb(cloud: client.Cloud) -> None:
    """Change everything that a reset has to put right."""
    uuid = cloud.create_server(
        'web',
        host='host1',
        volume_backed=True,
        network='private',
        group=cloud.create_group('apart'),
    )
    aggregate = cloud.call(
        'POST',
        '/os-aggregates',
        {'aggregate': {'name': 'rack', 'availability_zone': 'az'}},
    )['aggregate']['id']
    cloud.call(
        'POST',
        f'/os-aggregates/{aggregate}/action',
        {'add_host': {'host': 'host2'}},
    )
    cloud.call(
        'POST',
        '/flavors',
        {'flavor': {'name': 'big', 'vcpus': 2, 'ram': 128, 'disk': 1}},
    )
    cloud.call(
        'DELETE', '/v2/images/' + cloud.image_id('watchdog'), service='image'
    )
    assert cloud.set_service('host4', status='disabled').ok
    lifeless.fence(cloud, 'host1')
    cloud.hold()
    assert lifeless.accepted(cloud.evacuate(uuid))
    cloud.crash(cloud.wait_held(uuid))
    other = cloud.create_server('held', host='host3', wait=False)
    if not cloud.is_crashed('host3'):
        assert cloud.wait_held(other) == 'host3'
    cloud.spawn('host2', delay=60, fail=2)
    cloud.cap('2.60')
    cloud.page_size(1)
    cloud.cell_down()
    cloud.faults({'match': '.', 'status': 500})
    cloud.faults({'match': '.', 'status': 500}, service='image')


@pytest.mark.parametrize('times', [1, 2])
def test_reset(cloud: client.Cloud, times: int) -> None:
    disturb(cloud)
    for _ in range(times):
        began = time.monotonic()
        cloud.reset()
        assert time.monotonic() - began < 5
    assert_new(cloud)
    for host in cloud.hosts:
        uuid = cloud.create_server('again', host=host)
        assert cloud.running(uuid) == [host]


@pytest.mark.every_release
def test_reset_in_the_middle_of_evacuations(cloud: client.Cloud) -> None:
    uuids = cloud.create_servers(6, host='host1')
    lifeless.fence(cloud, 'host1')
    cloud.spawn('host2', delay=60)
    for uuid in uuids:
        assert lifeless.accepted(cloud.evacuate(uuid))
    cloud.reset()
    assert_new(cloud)


def test_nothing_happens_after_a_reset(cloud: client.Cloud) -> None:
    disturb(cloud)
    cloud.reset()
    time.sleep(3)  # more than a heartbeat: what was held would show
    assert_new(cloud)
    assert all(lifeless.beats(cloud, host) for host in cloud.hosts)


# -- for people


@pytest.fixture
def ctl(cloud: client.Cloud) -> abc.Callable[..., str]:
    def run(*arguments: str) -> str:
        return subprocess.run(
            [sys.executable, '-m', 'tests.cloud.ctl', *arguments],
            env={**os.environ, **cloud.env()},
            cwd=client.ROOT,
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    return run


def test_ctl(cloud: client.Cloud, ctl: abc.Callable[..., str]) -> None:
    ctl('crash', 'host1')
    assert cloud.is_crashed('host1')
    ctl('start', 'host1')
    assert not json.loads(ctl('hosts'))['host1']['crashed']
    ctl('reset')


def test_openstack_cli(cloud: client.Cloud) -> None:
    cloud.create_server('web', host='host1')
    listed = subprocess.run(
        [
            os.path.join(os.path.dirname(sys.executable), 'openstack'),
            'server',
            'list',
            '--long',
            '-f',
            'json',
        ],
        env={**os.environ, **cloud.env()},
        check=True,
        capture_output=True,
        text=True,
    )
    [server] = json.loads(listed.stdout)
    assert server['Name'] == 'web'
    # The client's column of this name shows the hypervisor's.
    assert server['Host'] == 'host1.cloud.example'
