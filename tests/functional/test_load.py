"""How much is asked of Nova: requests, and evacuations open at once."""

from __future__ import annotations

import pytest

from tests.cloud import client
from tests.functional import command

# Discovery, the services (three times), groups, aggregates, hypervisors,
# servers, evacuations: what a run reads once, whatever the host holds.
FIXED = 12


def lists(cloud: client.Cloud, path: str) -> int:
    return sum(
        request['path'].endswith(path)
        for request in cloud.requests(method='GET')
    )


@pytest.mark.parametrize('count', [5, 30])
def test_requests_for_so_many_servers(cloud, openstack, count):
    servers = cloud.create_servers(count, host='host1', volume_backed=True)
    command.lose(cloud)
    cloud.forget_requests()

    done = openstack.evacuate('host1')

    assert done.code == 0
    assert all(command.on(cloud, server) != 'host1' for server in servers)
    posts = len(command.evacuate_posts(cloud))
    assert posts == count
    # Every round reads the evacuations, and at most one list beside them.
    rounds = lists(cloud, '/os-migrations')
    assert (
        lists(cloud, '/servers/detail') + lists(cloud, '/os-services')
        <= rounds + FIXED
    )
    # And nothing else: no request for one server.
    assert len(cloud.requests()) <= posts + 2 * rounds + FIXED


def test_in_flight_are_open_evacuations_whoever_began_them(cloud, openstack):
    servers = cloud.create_servers(4, host='host1', volume_backed=True)
    persons = cloud.create_server('persons', host='host1', tags=['mine'])
    command.lose(cloud)
    cloud.hold()
    assert cloud.evacuate(persons).status_code == 200
    cloud.wait_held(persons)
    cloud.forget_requests()

    running = openstack.start_evacuate(
        'host1', '--max-in-flight', '3', '--not-tag', 'mine'
    )
    client.wait_for(lambda: sum(map(len, cloud.held().values())) == 3)
    seen = len(cloud.requests(match='/os-migrations'))
    client.wait_for(
        lambda: len(cloud.requests(match='/os-migrations')) >= seen + 3
    )

    # One of the three places is taken by what a person has begun.
    assert len(command.evacuate_posts(cloud)) == 2
    cloud.release()
    done = running.wait()
    assert done.code == 0
    assert all(command.on(cloud, server) != 'host1' for server in servers)


def test_members_of_a_server_group_go_one_after_the_other(cloud, openstack):
    group = cloud.create_group('db', policy='soft-anti-affinity')
    members = cloud.create_servers(
        3, name='member', host='host1', volume_backed=True, group=group
    )
    single = cloud.create_server('single', host='host1', volume_backed=True)
    command.lose(cloud)
    cloud.hold()

    running = openstack.start_evacuate('host1')
    cloud.wait_held(single)
    client.wait_for(lambda: sum(map(len, cloud.held().values())) == 2)
    seen = len(cloud.requests(match='/os-migrations'))
    client.wait_for(
        lambda: len(cloud.requests(match='/os-migrations')) >= seen + 3
    )
    begun = [
        member for member in members if command.evacuate_posts(cloud, member)
    ]
    assert len(begun) == 1
    cloud.release()
    done = running.wait()

    assert done.code == 0
    assert_one_after_the_other(cloud, members)


def assert_one_after_the_other(
    cloud: client.Cloud, members: list[str]
) -> None:
    spans = sorted(
        (row['created_at'], row['updated_at'])
        for member in members
        for row in cloud.migrations(member)
    )
    for (_begun, ended), (begun, _ended) in zip(
        spans, spans[1:], strict=False
    ):
        assert ended <= begun


def test_a_server_group_across_two_hosts(cloud, openstack):
    group = cloud.create_group('db', policy='anti-affinity')
    one, two = (
        cloud.create_server(host, host=host, volume_backed=True, group=group)
        for host in ('host1', 'host2')
    )
    command.lose(cloud, 'host1')
    command.lose(cloud, 'host2')

    done = openstack.evacuate('host1', 'host2')

    assert done.code == 0
    assert_one_after_the_other(cloud, [one, two])
    assert {command.on(cloud, one), command.on(cloud, two)} == {
        'host3',
        'host4',
    }
