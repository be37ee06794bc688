"""openstack host fence: real devices, real Nova."""

from __future__ import annotations

import pathlib
import signal

import pytest

from tests.cloud import client
from tests.functional import command
from tests.functional import rack as rack_


def fence(openstack: command.Openstack, *args: str) -> command.Done:
    return openstack('host', 'fence', '-f', 'json', *args)


def hang(cloud: client.Cloud, host: str = 'host1') -> None:
    """nova-compute is silent, but the guests go on."""
    cloud.crash(host, guests_survive=True)
    cloud.forget_requests()


def hosts(done: command.Done, column: str = 'Outcome') -> dict[str, object]:
    return {row['Host']: row[column] for row in done.rows}


@pytest.mark.every_release
def test_powers_off_sees_off_and_marks(cloud, openstack, fencing):
    server = cloud.create_server('web', host='host1')
    hang(cloud)
    assert cloud.running(server) == ['host1']

    done = fence(openstack, 'host1')

    assert (done.code, hosts(done)) == (0, {'host1': 'fenced'})
    assert cloud.running(server) == []
    assert fencing.requests() == ['host1 off']
    (change,) = command.changes(cloud)
    assert change.startswith('PUT /v2.1/os-services/')
    service = cloud.service('host1')
    assert service['forced_down'] is True
    assert service['status'] == 'disabled'
    assert 'fenced by bmc (redfish) at 2' in service['disabled_reason']


def test_the_row_carries_the_evidence(cloud, openstack, fencing):
    hang(cloud)

    (row,) = fence(openstack, 'host1').rows

    assert row['Power State'] == 'off'
    assert row['Device'] == 'bmc (redfish)'
    assert row['Forced Down'] is True
    assert row['Status'] == 'disabled'
    (evidence,) = row['Evidence']
    assert evidence['requested'] == evidence['power_state'] == 'off'
    assert evidence['driver'] == 'redfish'
    assert evidence['detail'] == 'PowerState Off'
    assert evidence['read_at'].endswith('Z')
    assert evidence['problem'] is None


def test_again_changes_nothing(cloud, openstack, fencing):
    hang(cloud)
    fence(openstack, 'host1')
    before = cloud.service('host1')['disabled_reason']
    cloud.forget_requests()

    done = fence(openstack, 'host1')

    assert (done.code, hosts(done)) == (0, {'host1': 'fenced'})
    assert fencing.requests() == ['host1 off']
    assert command.changes(cloud) == []
    assert cloud.service('host1')['disabled_reason'] == before


def test_off_already_is_success(cloud, openstack, fencing):
    fencing.machine('host1').set_power('off')

    done = fence(openstack, 'host1')

    assert (done.code, hosts(done)) == (0, {'host1': 'fenced'})
    assert fencing.requests() == []
    assert cloud.service('host1')['forced_down'] is True


def test_a_host_that_is_up_is_left_alone(cloud, openstack, fencing):
    cloud.forget_requests()

    done = fence(openstack, 'host1')

    assert (done.code, hosts(done)) == (5, {'host1': 'refused'})
    assert 'up' in done.rows[0]['Reason']
    assert '--force' in done.rows[0]['Reason']
    assert fencing.requests() == []
    assert command.changes(cloud) == []


def test_by_force_also_a_host_that_is_up(cloud, openstack, fencing):
    done = fence(openstack, '--force', 'host1')

    assert (done.code, hosts(done)) == (0, {'host1': 'fenced'})
    assert fencing.requests() == ['host1 off']


@pytest.mark.parametrize(
    ('mode', 'words'),
    [
        ('stuck', 'asked for power off, but'),
        ('refuse', ''),
        ('error', ''),
        ('silent', 'answer'),
        ('garbage', 'cannot be understood'),
    ],
)
def test_what_is_not_seen_off_is_not_fenced(
    cloud, openstack, fencing, mode, words
):
    hang(cloud)
    fencing.machine('host1').behave(mode)

    done = fence(openstack, 'host1')

    assert (done.code, hosts(done)) == (4, {'host1': 'failed'})
    assert words in done.rows[0]['Reason']
    assert '--confirm-off' in done.rows[0]['Reason']
    assert command.changes(cloud) == []


def test_slow_is_waited_for(cloud, openstack, fencing):
    hang(cloud)
    fencing.machine('host1').behave('switching')

    done = fence(openstack, 'host1')

    assert (done.code, hosts(done)) == (0, {'host1': 'fenced'})
    assert fencing.machine('host1').power() == 'off'


def test_the_others_do_not_wait_for_one(cloud, openstack, fencing):
    for host in ('host1', 'host2', 'host3'):
        hang(cloud, host)
    fencing.machine('host2').behave('silent')

    done = fence(openstack, 'host1', 'host2', 'host3')

    assert done.code == 4
    assert hosts(done) == {
        'host1': 'fenced',
        'host2': 'failed',
        'host3': 'fenced',
    }
    assert not cloud.service('host2')['forced_down']


def test_the_next_level_is_tried(cloud, openstack, rack, tmp_path):
    openstack.env['OS_INSTANCEHA_CONFIG'] = rack.write(
        tmp_path,
        f'host1:\n- {rack.device("host1-b")}\n- {rack.device("host1")}',
    )
    hang(cloud)
    rack.machine('host1-b').behave('silent')

    done = fence(openstack, 'host1')

    assert (done.code, hosts(done)) == (0, {'host1': 'fenced'})
    assert [item['level'] for item in done.rows[0]['Evidence']][:2] == [1, 2]
    assert rack.requests('host1', 'host1-b') == ['host1 off']


def test_all_devices_of_a_level_have_to_succeed(
    cloud, openstack, rack, tmp_path
):
    openstack.env['OS_INSTANCEHA_CONFIG'] = rack.write(
        tmp_path,
        f'host1:\n- - {rack.device("host1")}\n  - {rack.device("host1-b")}',
    )
    hang(cloud)
    rack.machine('host1-b').behave('stuck')

    done = fence(openstack, 'host1')

    assert (done.code, hosts(done)) == (4, {'host1': 'failed'})
    assert rack.requests('host1', 'host1-b') == ['host1 off', 'host1-b off']
    assert command.changes(cloud) == []

    rack.machine('host1-b').behave('ok')
    assert fence(openstack, 'host1').code == 0
    # The first one was off already.
    assert rack.requests('host1') == ['host1 off']


def test_a_machine_that_still_runs_contradicts_another_device(
    cloud, openstack, rack, tmp_path
):
    openstack.env['OS_INSTANCEHA_CONFIG'] = rack.write(
        tmp_path,
        f'host1:\n- {rack.device("host1")}\n- {rack.device("host1-b")}',
    )
    hang(cloud)
    rack.machine('host1').behave('stuck')

    done = fence(openstack, 'host1')

    assert (done.code, hosts(done)) == (4, {'host1': 'failed'})
    assert 'says that the machine is on' in done.rows[0]['Reason']
    assert command.changes(cloud) == []


def test_off_but_nova_does_not_answer(cloud, openstack, fencing):
    hang(cloud)
    cloud.faults({'match': '^PUT', 'status': 503})

    done = fence(openstack, 'host1')

    assert (done.code, hosts(done)) == (3, {'host1': 'off, not marked'})
    assert 'its power is off (bmc (redfish))' in done.rows[0]['Reason']
    assert fencing.machine('host1').power() == 'off'
    assert not cloud.service('host1')['forced_down']

    cloud.clear()
    again = fence(openstack, 'host1')
    assert (again.code, hosts(again)) == (0, {'host1': 'fenced'})
    assert fencing.requests() == ['host1 off']
    assert cloud.service('host1')['forced_down'] is True


def test_a_passing_trouble_of_nova_is_ridden_out(cloud, openstack, fencing):
    hang(cloud)
    cloud.faults({'match': '^PUT', 'status': 503, 'times': 2})

    done = fence(openstack, 'host1')

    assert (done.code, hosts(done)) == (0, {'host1': 'fenced'})


def test_dry_run_changes_nothing(cloud, openstack, fencing):
    hang(cloud)
    hang(cloud, 'host2')
    fencing.machine('host2').behave('silent')

    done = fence(openstack, '--dry-run', 'host1', 'host2')

    assert done.code == 4
    assert hosts(done) == {'host1': 'can be fenced', 'host2': 'failed'}
    assert hosts(done, 'Power State')['host1'] == 'on'
    assert fencing.requests() == []
    assert command.changes(cloud) == []


def test_a_host_without_a_device(cloud, openstack, rack, tmp_path):
    openstack.env['OS_INSTANCEHA_CONFIG'] = rack.write(
        tmp_path, f'host2: {rack.device("host2")}'
    )
    hang(cloud)

    done = fence(openstack, 'host1')

    assert (done.code, hosts(done)) == (4, {'host1': 'failed'})
    assert 'no fencing device' in done.rows[0]['Reason']


@pytest.mark.parametrize(
    ('number', 'code'), [(signal.SIGINT, 130), (signal.SIGTERM, 143)]
)
def test_an_interrupt_asks_for_nothing_more_and_reports(
    cloud, openstack, rack, tmp_path, number, code
):
    openstack.env['OS_INSTANCEHA_CONFIG'] = rack.write(
        tmp_path,
        f'host1:\n- {rack.device("host1", power_timeout=600)}\n'
        f'- {rack.device("host1-b")}\n'
        f'host2: {rack.device("host2")}',
    )
    hang(cloud)
    hang(cloud, 'host2')
    rack.machine('host1').behave('stuck')
    running = openstack.start('host', 'fence', '-f', 'json', 'host1', 'host2')
    client.wait_for(
        lambda: rack.requests('host1') and 'host2: fenced' in running.heard(),
        'one host fenced, the other asked for',
    )

    running.send(number)
    done = running.wait()

    assert done.code == code
    assert hosts(done) == {'host1': 'failed', 'host2': 'fenced'}
    assert 'interrupted' in done.rows[0]['Reason']
    assert rack.requests('host1', 'host1-b') == ['host1 off']
    assert not cloud.service('host1')['forced_down']


class TestConfirmed:
    """A person has seen the host off."""

    def confirm(self, openstack: command.Openstack) -> command.Done:
        return fence(
            openstack,
            '--confirm-off',
            '--report-interval',
            command.REPORT_INTERVAL,
            'host1',
        )

    def test_is_believed(self, cloud, openstack, rack, tmp_path):
        openstack.env['OS_INSTANCEHA_CONFIG'] = rack.write(
            tmp_path, 'host1: {driver: manual}'
        )
        cloud.crash('host1')
        assert fence(openstack, 'host1').code == 4

        done = self.confirm(openstack)

        assert (done.code, hosts(done)) == (0, {'host1': 'fenced'})
        assert 'by manual' in cloud.service('host1')['disabled_reason']

    def test_also_where_the_device_is_dead(self, cloud, openstack, fencing):
        cloud.crash('host1')
        fencing.machine('host1').behave('silent')

        done = self.confirm(openstack)

        assert (done.code, hosts(done)) == (0, {'host1': 'fenced'})
        assert fencing.requests() == []

    def test_not_against_a_device(self, cloud, openstack, fencing):
        hang(cloud)

        done = self.confirm(openstack)

        assert (done.code, hosts(done)) == (5, {'host1': 'refused'})
        assert 'says that it is on' in done.rows[0]['Reason']
        assert fencing.requests() == []
        assert command.changes(cloud) == []

    def test_not_against_a_living_nova_compute(
        self, cloud, openstack, rack, tmp_path
    ):
        openstack.env['OS_INSTANCEHA_CONFIG'] = rack.write(
            tmp_path, 'host1: {driver: manual}'
        )
        cloud.set_service('host1', forced_down=True)
        cloud.forget_requests()

        done = fence(
            openstack, '--confirm-off', '--report-interval', '3', 'host1'
        )

        assert (done.code, hosts(done)) == (4, {'host1': 'failed'})
        assert 'alive' in done.rows[0]['Reason']
        assert command.changes(cloud) == []


class TestEvacuate:
    """host evacuate --fence, and what the devices say without it."""

    def test_fences_first(self, cloud, openstack, fencing):
        server = cloud.create_server('db', host='host1', volume_backed=True)
        hang(cloud)

        done = openstack.evacuate('--fence', 'host1')

        assert (done.code, done.outcomes()) == (0, {'db': 'evacuated'})
        assert fencing.requests() == ['host1 off']
        assert command.on(cloud, server) != 'host1'

    def test_what_is_not_proven_off_stays(self, cloud, openstack, fencing):
        stays = cloud.create_server('stays', host='host1', volume_backed=True)
        cloud.create_server('goes', host='host2', volume_backed=True)
        hang(cloud)
        hang(cloud, 'host2')
        fencing.machine('host1').behave('stuck')

        done = openstack.evacuate('--fence', 'host1', 'host2')

        assert done.code == 4
        assert done.outcomes() == {'stays': 'refused', 'goes': 'evacuated'}
        assert 'asked for power off' in done.row(stays)['Reason']
        assert command.evacuate_posts(cloud, stays) == []

    def test_not_a_host_that_is_up(self, cloud, openstack, fencing):
        cloud.create_server('db', host='host1', volume_backed=True)

        done = openstack.evacuate('--fence', 'host1')

        assert (done.code, done.outcomes()) == (4, {'db': 'refused'})
        assert fencing.requests() == []

    def test_dry_run_switches_nothing(self, cloud, openstack, fencing):
        cloud.create_server('db', host='host1', volume_backed=True)
        hang(cloud)

        done = openstack.evacuate('--fence', '--dry-run', 'host1')

        assert (done.code, done.actions()) == (0, {'db': 'evacuate'})
        assert fencing.requests() == []
        assert command.changes(cloud) == []

    def test_a_marked_host_that_is_on(self, cloud, openstack, fencing):
        server = cloud.create_server('db', host='host1', volume_backed=True)
        command.lose(cloud)
        fencing.machine('host1').set_power('off')
        fencing.machine('host1').boot(False)
        fencing.machine('host1').set_power('on')

        done = openstack.evacuate('host1')

        assert (done.code, done.outcomes()) == (4, {'db': 'refused'})
        assert 'says that it is on' in done.row(server)['Reason']
        # It has been restarted, and nothing runs there: somebody knows.
        done = openstack.evacuate('--already-fenced', 'host1')
        assert (done.code, done.outcomes()) == (0, {'db': 'evacuated'})


def test_the_default_selection_and_all(
    cloud, openstack, rack, tmp_path: pathlib.Path
):
    cloud.create_server(
        'tagged', host='host1', volume_backed=True, tags=['automatic-recovery']
    )
    cloud.create_server('plain', host='host1', volume_backed=True)
    command.lose(cloud)
    openstack.env['OS_INSTANCEHA_CONFIG'] = rack.write(
        tmp_path,
        'host9: {driver: manual}',
        evacuate='{selection: {tags: [automatic-recovery]}}',
        limits='{max_hosts_down: 1}',
    )

    done = openstack.evacuate('--dry-run', 'host1')
    assert done.actions() == {'tagged': 'evacuate', 'plain': 'skip'}
    done = openstack.evacuate('--dry-run', '--all', 'host1')
    assert done.actions() == {'tagged': 'evacuate', 'plain': 'evacuate'}
    done = openstack.evacuate('--dry-run', 'host1', 'host2')
    assert done.code == 5
    assert fence(openstack, 'host2').code == 5


def test_a_bad_file_is_told_before_anything(cloud, openstack, rack, tmp_path):
    path = rack.write(tmp_path, 'host1: {driver: redfsh}')
    openstack.env['OS_INSTANCEHA_CONFIG'] = path
    cloud.forget_requests()

    done = fence(openstack, 'host1')

    assert (done.code, done.stdout) == (1, '')
    assert f'{path}:' in done.stderr
    assert 'redfsh' in done.stderr
    assert cloud.requests() == []


def test_secret_of_the_rack_is_nowhere(cloud, openstack, fencing):
    hang(cloud)
    done = openstack('--debug', 'host', 'fence', 'host1')
    assert done.code == 0
    assert rack_.PASSWORD not in done.stdout + done.stderr
