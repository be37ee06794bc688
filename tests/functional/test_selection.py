"""Who is evacuated: by tag, flavor, image, property and project."""

from __future__ import annotations

import pytest

from tests.cloud import client
from tests.functional import command


def selected(openstack: command.Openstack, *args: str) -> set[str]:
    done = openstack.evacuate('host1', '--dry-run', '--allow-data-loss', *args)
    assert done.code == 0, done.stderr
    return {
        name for name, action in done.actions().items() if action == 'evacuate'
    }


@pytest.mark.every_release
def test_every_way_to_select(cloud, openstack):
    cloud.create_server('plain', host='host1')
    cloud.create_server('tagged', host='host1', tags=['ha', 'web'])
    cloud.create_server('nearly', host='host1', tags=['ha-not', 'non-ha'])
    cloud.create_server('flavor', host='host1', flavor='protected')
    cloud.create_server('image', host='host1', image='watchdog')
    cloud.create_server(
        'volume', host='host1', image='watchdog', volume_backed=True
    )
    cloud.create_server('meta', host='host1', metadata={'HA_Enabled': 'yes'})
    cloud.create_server('theirs', host='host1', project='tenant')
    command.lose(cloud)

    everyone = {
        'plain',
        'tagged',
        'nearly',
        'flavor',
        'image',
        'volume',
        'meta',
        'theirs',
    }
    for args, names in (
        ((), everyone),
        (('--tag', 'ha'), {'tagged'}),
        (('--tag', 'ha', '--tag', 'web'), {'tagged'}),
        (('--tag', 'ha', '--tag', 'db'), set()),
        (('--any-tag', 'ha-not', '--any-tag', 'web'), {'tagged', 'nearly'}),
        (('--not-tag', 'ha', '--not-tag', 'web'), everyone - {'tagged'}),
        (('--not-any-tag', 'ha', '--not-any-tag', 'x'), everyone - {'tagged'}),
        (('--flavor-property', 'instanceha:evacuable'), {'flavor'}),
        (('--flavor-property', 'instanceha:evacuable=true'), {'flavor'}),
        (('--flavor-property', 'instanceha:evacuable=tru'), set()),
        (('--image-property', 'hw_watchdog_action'), {'image', 'volume'}),
        (('--image-property', 'ha_policy=gold'), {'image', 'volume'}),
        (('--image-property', 'ha_policy=silver'), set()),
        (('--property', 'HA_Enabled=yes'), {'meta'}),
        (('--project', 'tenant'), {'theirs'}),
        (('--tag', 'ha', '--project', 'tenant'), set()),
        (
            ('--tag', 'ha', '--project', 'tenant', '--match', 'any'),
            {'tagged', 'theirs'},
        ),
        (
            (
                '--tag=ha',
                '--image-property=ha_policy',
                '--match=any',
                '--not-any-tag=web',
            ),
            {'image', 'volume'},
        ),
    ):
        assert selected(openstack, *args) == names, args


def test_a_tenant_opts_in_by_himself(cloud, openstack):
    server = cloud.create_server('theirs', host='host1', project='tenant')
    response = cloud.api(
        microversion='2.26', project='tenant', user='tenant-user'
    ).put(f'/servers/{server}/tags/automatic-recovery')
    assert response.ok, response.text
    command.lose(cloud)
    assert selected(openstack, '--tag', 'automatic-recovery') == {'theirs'}


def glance_requests(cloud: client.Cloud) -> int:
    return len(cloud.requests('image', match='/v2/images/', method='GET'))


@pytest.mark.every_release
def test_a_name_that_nova_shows_costs_no_request(cloud, openstack):
    for number in range(3):
        cloud.create_server(f'w{number}', host='host1', image='watchdog')
    cloud.create_server('plain', host='host1')
    command.lose(cloud)
    cloud.forget_requests()

    names = selected(openstack, '--image-property', 'hw_watchdog_action=reset')

    assert names == {'w0', 'w1', 'w2'}
    assert glance_requests(cloud) == (0 if cloud.has('2.98') else 2)


def test_a_custom_name_costs_one_request_an_image(cloud, openstack):
    for number in range(3):
        cloud.create_server(f'w{number}', host='host1', image='watchdog')
        cloud.create_server(f'c{number}', host='host1', image='cirros')
    command.lose(cloud)
    cloud.forget_requests()

    names = selected(openstack, '--image-property', 'ha_policy=gold')

    assert names == {'w0', 'w1', 'w2'}
    assert glance_requests(cloud) == 2


def test_an_image_that_decides_nothing_is_not_asked_for(cloud, openstack):
    cloud.create_server('one', host='host1', tags=['ha'])
    command.lose(cloud)
    cloud.forget_requests()
    assert (
        selected(openstack, '--tag=x', '--image-property=ha_policy') == set()
    )
    assert cloud.requests('image') == []


def test_an_image_that_is_gone_is_unknown(cloud, openstack):
    image = cloud.call(
        'POST',
        '/v2/images',
        {
            'name': 'gone',
            'disk_format': 'raw',
            'container_format': 'bare',
            'ha_policy': 'gold',
        },
        service='image',
    )['id']
    upload = cloud.api('image').put(
        f'/v2/images/{image}/file',
        data=b'x',
        headers={'Content-Type': 'application/octet-stream'},
    )
    assert upload.ok, upload.text
    server = cloud.create_server('one', host='host1', image='gone')
    other = cloud.create_server('other', host='host1', image='watchdog')
    cloud.call('DELETE', f'/v2/images/{image}', service='image')
    command.lose(cloud)
    cloud.forget_requests()

    done = openstack.evacuate(
        'host1', '--allow-data-loss', '--image-property', 'ha_policy=gold'
    )

    assert done.code == 3
    assert done.outcomes() == {'one': 'refused', 'other': 'evacuated'}
    assert image in done.row(server)['Reason']
    assert 'cannot tell' in done.row(server)['Reason']
    assert command.evacuate_posts(cloud, server) == []
    assert command.on(cloud, other) != 'host1'


@pytest.mark.parametrize('service', ['image', 'block-storage'])
def test_glance_or_cinder_down_makes_it_unknown(cloud, openstack, service):
    server = cloud.create_server(
        'one',
        host='host1',
        image='watchdog',
        volume_backed=service == 'block-storage',
    )
    command.lose(cloud)
    cloud.faults({'match': 'GET', 'status': 500}, service=service)

    done = openstack.evacuate(
        'host1', '--allow-data-loss', '--image-property', 'ha_policy=gold'
    )

    assert done.code == 3
    assert done.row(server)['Outcome'] == 'refused'
    assert command.evacuate_posts(cloud) == []


def test_untagged_during_the_run(cloud, openstack):
    first = cloud.create_server(
        'first', host='host1', volume_backed=True, tags=['ha']
    )
    late = cloud.create_server(
        'late', host='host1', volume_backed=True, tags=['ha']
    )
    command.make_oldest(cloud, first)
    command.lose(cloud)
    cloud.hold()
    running = openstack.start_evacuate(
        'host1', '--tag', 'ha', '--max-in-flight', '1'
    )
    cloud.wait_held(first)
    cloud.call('DELETE', f'/servers/{late}/tags')
    # The list of servers is read again when it is older than five seconds.
    seen = len(cloud.requests(match='/os-migrations'))
    client.wait_for(
        lambda: len(cloud.requests(match='/os-migrations')) >= seen + 4
    )
    cloud.release()
    done = running.wait()

    assert done.code == 0
    assert done.outcomes() == {'first': 'evacuated', 'late': 'skipped'}
    assert command.evacuate_posts(cloud, late) == []
