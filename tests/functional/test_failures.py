"""What fails is told in Nova's own words, and tried again only when over."""

from __future__ import annotations

import pytest

from tests.cloud import client
from tests.functional import command


def disable_the_others(cloud: client.Cloud) -> None:
    for host in cloud.hosts[1:]:
        assert cloud.set_service(host, status='disabled').ok


@pytest.mark.parametrize('retries', [0, 1])
def test_no_valid_host(cloud, openstack, retries):
    server = cloud.create_server('one', host='host1', volume_backed=True)
    command.lose(cloud)
    disable_the_others(cloud)

    done = openstack.evacuate('host1', '--retries', str(retries))

    assert done.code == 3
    row = done.row(server)
    assert row['Outcome'] == 'failed'
    assert 'No valid host' in row['Reason']
    posts = command.evacuate_posts(cloud, server)
    assert len(posts) == row['Attempts'] == retries + 1
    assert row['Request ID'] == posts[-1]['request_id']
    assert row['Request ID'] in row['Reason']
    assert command.on(cloud, server) == 'host1'


@pytest.mark.every_release
def test_a_claim_that_fails_is_no_success_although_it_is_active(
    cloud, openstack
):
    # Nova leaves the server ACTIVE, with no fault, on the dead host.
    server = cloud.create_server('one', host='host1', volume_backed=True)
    command.lose(cloud)
    for host in cloud.hosts:
        cloud.spawn(host, fail_claims=9)

    done = openstack.evacuate('host1', '--retries', '0')

    assert command.state(cloud, server) == 'active'
    assert done.code == 3
    row = done.row(server)
    assert row['Outcome'] == 'failed'
    assert 'Insufficient compute resources' in row['Reason']
    assert row['Request ID'] in row['Reason']


def test_a_spawn_that_fails_is_tried_again_when_it_is_over(cloud, openstack):
    server = cloud.create_server('one', host='host1', volume_backed=True)
    command.lose(cloud)
    for host in cloud.hosts:
        cloud.spawn(host, fail=1)

    done = openstack.evacuate('host1', '--retries', '3')

    assert done.code == 0
    row = done.row(server)
    assert row['Outcome'] == 'evacuated'
    statuses = [migration['status'] for migration in cloud.migrations(server)]
    assert statuses == ['failed'] * (row['Attempts'] - 1) + ['done']
    assert command.state(cloud, server) == 'active'


def test_a_spawn_that_keeps_failing(cloud, openstack):
    server = cloud.create_server('bad', host='host1', volume_backed=True)
    command.lose(cloud)
    for host in cloud.hosts:
        cloud.spawn(host, fail=9)

    done = openstack.evacuate('host1', '--retries', '1')

    assert done.code == 3
    assert 'injected spawn failure' in done.row(server)['Reason']
    assert len(command.evacuate_posts(cloud, server)) == 2


def test_what_nova_refuses_is_told_in_its_words(cloud, openstack):
    server = cloud.create_server('bad', host='host1', volume_backed=True)
    good = cloud.create_server('good', host='host1', volume_backed=True)
    command.lose(cloud)
    cloud.faults(
        {
            'match': f'{server}/action .*"evacuate"',
            'status': 409,
            'body': {
                'conflictingRequest': {
                    'code': 409,
                    'message': 'Not with a share attached.',
                }
            },
        }
    )

    done = openstack.evacuate('host1')

    assert done.code == 3
    assert done.outcomes() == {'bad': 'failed', 'good': 'evacuated'}
    assert 'Not with a share attached.' in done.row(server)['Reason']
    assert len(command.evacuate_posts(cloud, server)) == 1
    assert command.on(cloud, good) != 'host1'


def test_the_error_500_of_nova_itself_is_a_failure(cloud, openstack):
    server = cloud.create_server('one', host='host1', volume_backed=True)
    command.lose(cloud)
    cloud.faults(
        {
            'match': '"evacuate"',
            'status': 500,
            'headers': {'x-compute-request-id': 'req-1'},
            'body': {'computeFault': {'code': 500, 'message': 'Oh.'}},
        }
    )

    done = openstack.evacuate('host1')

    assert done.code == 3
    assert done.row(server)['Outcome'] == 'failed'
    assert 'Oh.' in done.row(server)['Reason']
    assert len(command.evacuate_posts(cloud)) == 1


def test_deleted_during_the_run(cloud, openstack):
    first = cloud.create_server('first', host='host1', volume_backed=True)
    late = cloud.create_server('late', host='host1', volume_backed=True)
    command.make_oldest(cloud, first)
    command.lose(cloud)
    cloud.hold()
    running = openstack.start_evacuate('host1', '--max-in-flight', '1')
    cloud.wait_held(first)
    cloud.call('DELETE', f'/servers/{late}')
    client.wait_for(lambda: not exists(cloud, late))
    cloud.release()
    done = running.wait()

    assert done.code == 0
    assert done.outcomes() == {'first': 'evacuated', 'late': 'skipped'}
    assert 'deleted' in done.row(late)['Reason']


def exists(cloud: client.Cloud, server: str) -> bool:
    return cloud.api(microversion='2.60').get(f'/servers/{server}').ok
