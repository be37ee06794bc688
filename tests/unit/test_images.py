"""What cannot be read is unknown, with a reason; nothing is raised."""

from __future__ import annotations

from keystoneauth1 import adapter as ksa_adapter
import pytest
import requests

from osc_instanceha import images
from tests.unit import builders
from tests.unit import samples

GLANCE, CINDER = 'http://glance', 'http://cinder/v3'


@pytest.fixture
def cloud(requests_mock):
    return {
        name: samples.Api(requests_mock, url)
        for name, url in (
            ('image', GLANCE),
            ('volume', CINDER),
            ('compute', 'http://nova/v2.1'),
        )
    }


def properties(cloud):
    return images.ImageProperties(
        *[
            ksa_adapter.Adapter(
                cloud[name].session(), endpoint_override=cloud[name].url
            )
            for name in ('image', 'volume', 'compute')
        ]
    )


def facts(cloud, server):
    return properties(cloud).facts([server])[server.id]


def from_image(server_id='a', image='i'):
    return builders.server(server_id, image_id=image)


IMAGE = {
    'id': 'i',
    'name': 'debian',
    'status': 'active',
    'tags': ['x'],
    'min_disk': 0,
    'os_hidden': False,
    'visibility': 'public',
    'ha': 'yes',
    'os_distro': 'debian',
    'odd': None,
}


def test_the_properties_of_an_image_are_not_its_attributes(cloud):
    cloud['image'].get('/v2/images/i', IMAGE)
    found = facts(cloud, from_image())
    assert found.properties == {'ha': 'yes', 'os_distro': 'debian'}
    assert found.problem == ''


def test_glance_is_asked_once_for_an_image(cloud):
    one = cloud['image'].get('/v2/images/i', IMAGE)
    other = cloud['image'].get('/v2/images/j', {**IMAGE, 'ha': 'no'})
    found = properties(cloud).facts(
        [from_image('a'), from_image('b'), from_image('c', 'j')]
    )
    assert one.call_count == other.call_count == 1
    assert found['a'] == found['b']
    assert found['c'].properties['ha'] == 'no'


def test_an_image_that_is_gone_is_asked_for_once_too(cloud):
    asked = cloud['image'].get('/v2/images/i', {'status_code': 404})
    found = properties(cloud).facts([from_image('a'), from_image('b')])
    assert asked.call_count == 1
    for item in found.values():
        assert item.properties is None
        assert 'not there' in item.problem
        assert 'image i' in item.problem


BAD = [
    {'status_code': 401},
    {'status_code': 403},
    {'status_code': 500},
    {'status_code': 503},
    {'text': '<html>'},
    {'text': '[]'},
    {'text': 'null'},
    {'exc': requests.exceptions.ConnectionError},
    {'exc': requests.exceptions.ReadTimeout},
]


@pytest.mark.parametrize('answer', BAD)
def test_an_image_that_cannot_be_read_is_unknown(cloud, naps, answer):
    cloud['image'].get('/v2/images/i', answer)
    found = facts(cloud, from_image())
    assert found.properties is None
    assert 'could not be read' in found.problem
    assert '\n' not in found.problem


def volume_backed(*volumes, root='/dev/vda'):
    return builders.server(volume_ids=volumes, root_device=root)


def test_the_only_volume_is_the_root(cloud):
    cloud['volume'].get(
        '/volumes/v', {'volume': {'volume_image_metadata': {'ha': 'yes'}}}
    )
    assert facts(cloud, volume_backed('v')).properties == {'ha': 'yes'}
    assert cloud['compute'].requests == cloud['volume'].requests


def test_a_volume_without_metadata_has_none(cloud):
    cloud['volume'].get('/volumes/v', {'volume': {'id': 'v'}})
    assert facts(cloud, volume_backed('v')).properties == {}


@pytest.mark.parametrize(
    'answer',
    [
        *BAD,
        {},
        {'volume': None},
        {'volume': {'volume_image_metadata': 'x'}},
        {'volume': {'volume_image_metadata': []}},
    ],
)
def test_a_volume_that_cannot_be_read_is_unknown(cloud, naps, answer):
    cloud['volume'].get('/volumes/v', answer)
    found = facts(cloud, volume_backed('v'))
    assert found.properties is None
    assert 'volume v' in found.problem


def attached(cloud, *items):
    cloud['compute'].get(
        '/servers/a/os-volume_attachments', {'volumeAttachments': list(items)}
    )


@pytest.mark.parametrize('volumes', [('v1', 'v2'), ()])
def test_of_several_volumes_the_device_tells_the_root(cloud, volumes):
    # An empty list may be one that Nova could not read.
    attached(
        cloud,
        {'volumeId': 'v1', 'device': '/dev/vdb'},
        {'volumeId': 'v2', 'device': '/dev/vda'},
    )
    cloud['volume'].get(
        '/volumes/v2', {'volume': {'volume_image_metadata': {'ha': 'yes'}}}
    )
    assert facts(cloud, volume_backed(*volumes)).properties == {'ha': 'yes'}


@pytest.mark.parametrize(
    ('devices', 'root'),
    [
        (['/dev/vdb', '/dev/vdc'], '/dev/vda'),
        (['/dev/vda', '/dev/vda'], '/dev/vda'),
        (['/dev/vda', None], None),
        ([None, None], None),
        ([], '/dev/vda'),
    ],
)
def test_a_root_that_cannot_be_told_is_unknown(cloud, devices, root):
    attached(
        cloud,
        *[
            {'volumeId': f'v{number}', 'device': device}
            for number, device in enumerate(devices)
        ],
    )
    found = facts(cloud, volume_backed('v0', 'v1', root=root))
    assert found.properties is None
    assert 'cannot be told' in found.problem


def test_attachments_that_cannot_be_read_are_unknown(cloud, naps):
    cloud['compute'].get(
        '/servers/a/os-volume_attachments', {'status_code': 500}
    )
    found = facts(cloud, volume_backed('v1', 'v2'))
    assert found.properties is None
    assert 'root volume' in found.problem


@pytest.mark.parametrize(
    'items', [[{'device': '/dev/vda'}], [None], ['text'], 5]
)
def test_half_an_attachment_is_unknown(cloud, items):
    cloud['compute'].get(
        '/servers/a/os-volume_attachments', {'volumeAttachments': items}
    )
    assert facts(cloud, volume_backed('v1', 'v2')).properties is None


@pytest.mark.parametrize('code', [429, 500, 503])
def test_a_read_is_repeated_before_it_is_given_up(cloud, naps, code):
    asked = cloud['image'].get(
        '/v2/images/i', {'status_code': code}, {'status_code': code}, IMAGE
    )
    assert facts(cloud, from_image()).properties['ha'] == 'yes'
    assert asked.call_count == 3


def test_one_that_fails_does_not_spoil_the_others(cloud):
    cloud['image'].get('/v2/images/i', {'status_code': 404})
    cloud['image'].get('/v2/images/j', IMAGE)
    found = properties(cloud).facts([from_image('a'), from_image('b', 'j')])
    assert found['a'].properties is None
    assert found['b'].properties['ha'] == 'yes'
