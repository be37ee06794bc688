"""What comes out of a configuration that is right."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import pytest

from osc_instanceha import options
from osc_instanceha import selection
from osc_instanceha.config import config
from osc_instanceha.fencing import specification

#: The whole file, as the documentation has it.
WHOLE = """\
lock: etcd3+http://controller:2379
limits:
  max_hosts_down: 10%
evacuate:
  selection:
    tags: [automatic-recovery]
    any_tags: [gold, silver]
    not_tags: [no-recovery]
    not_any_tags: [a, b]
    flavor_properties: [instanceha:evacuable]
    image_properties: [os_distro=debian]
    properties: [tier=1, ha]
    projects: [0123456789abcdef]
    match: any
  shared_storage: true
  max_in_flight: 20.0
  retries: 0
  timeout: 600
  report_interval: 7.5
fencing:
  devices:
    idrac:
      driver: bmc
      address: https://{short}-idrac.example.org
      system: /redfish/v1/Systems/System.Embedded.1
      username: fencing
      password_file: /etc/openstack/idrac-password
      port: 8443.0
      verify: false
      auth: basic
      timeout: 5
      power_timeout: 90.5
    psu-a:
      driver: agent
      agent: fence_apc
      parameters: {ip: pdu-a, plug: "{number}", ssl: true, retry: 2}
    psu-b:
      driver: agent
      agent: fence_apc
      parameters: {ip: pdu-b, plug: "{number}", ssl: true, retry: 2}
  hosts:
    compute[01-40]!compute07: idrac
    compute41.example.org: {device: idrac, address: https://10.1.2.3}
    rack7-[01-20]:
      - [psu-a, psu-b]
      - {driver: person, vouched: true}
    a,b[1]: {driver: cluster}
"""


@pytest.fixture
def whole(place):
    place.write(WHOLE)
    return place.load()


def test_nothing_is_a_configuration_too(place):
    loaded = place.load()
    assert loaded == config.Config()
    assert loaded.hosts == ()
    assert loaded.levels('compute01') == ()
    assert loaded.lock_url() is None


@pytest.mark.parametrize(
    'text',
    [
        *['', '# nothing', '---\n...', '{}'],
        'limits:\nevacuate:\nfencing:',
        'evacuate:\n  selection:\nfencing:\n  devices:\n  hosts:',
    ],
)
def test_an_empty_file_is_like_none(text, place):
    path = place.write(text)
    assert place.load() == config.Config(files=(str(path),))


def test_how_to_run(whole, place):
    assert whole.lock_url() == 'etcd3+http://controller:2379'
    assert whole.max_hosts_down == options.HostLimit(10, percent=True)
    assert whole.selection == selection.Selection(
        tags=frozenset({'automatic-recovery'}),
        any_tags=frozenset({'gold', 'silver'}),
        not_tags=frozenset({'no-recovery'}),
        not_any_tags=frozenset({'a', 'b'}),
        flavor_properties=(selection.Property('instanceha:evacuable'),),
        image_properties=(selection.Property('os_distro', 'debian'),),
        properties=(
            selection.Property('tier', '1'),
            selection.Property('ha'),
        ),
        projects=frozenset({'0123456789abcdef'}),
        match_any=True,
    )
    assert options.Options(**whole.evacuate) == options.Options(
        shared_storage=True,
        max_in_flight=20,
        retries=0,
        timeout=600,
        report_interval=7.5,
    )
    assert type(whole.evacuate['max_in_flight']) is int
    assert whole.files == (str(place.folder / 'instanceha.yaml'),)


def test_an_empty_selection_is_one(place):
    place.write('evacuate: {selection: {}}')
    assert place.load().selection == selection.Selection()


@pytest.mark.parametrize(
    ('limit', 'parsed'),
    [
        ('3', options.HostLimit(3)),
        ('"3"', options.HostLimit(3)),
        ('0%', options.HostLimit(0, percent=True)),
    ],
)
def test_limits(limit, parsed, place):
    place.write(f'limits: {{max_hosts_down: {limit}}}')
    assert place.load().max_hosts_down == parsed


def test_hosts_in_the_order_of_the_file(whole):
    assert whole.hosts == (
        *[f'compute{n:02}' for n in range(1, 41) if n != 7],
        'compute41.example.org',
        *[f'rack7-{n:02}' for n in range(1, 21)],
        'a',
        'b1',
    )


def test_a_device_of_many(whole, place):
    ((device,),) = whole.levels('compute40')
    secret = device.options['password']
    assert device == specification.Specification(
        'idrac',
        'bmc',
        {
            'address': 'https://compute40-idrac.example.org',
            'system': '/redfish/v1/Systems/System.Embedded.1',
            'username': 'fencing',
            'password': secret,
            'port': 8443,
            'verify': False,
            'auth': 'basic',
        },
        timeout=5.0,
        power_timeout=90.5,
        where=f'{place.folder}/instanceha.yaml:22',
    )
    assert secret.path == '/etc/openstack/idrac-password'
    assert type(device.options['port']) is int


def test_only_what_differs(whole, place):
    ((device,),) = whole.levels('compute41.example.org')
    ((other,),) = whole.levels('compute01')
    assert device.options['address'] == 'https://10.1.2.3'
    assert device.where == f'{place.folder}/instanceha.yaml:43'
    same = ('system', 'username', 'port', 'verify')
    assert [device.options[name] for name in same] == [
        other.options[name] for name in same
    ]
    assert device.timeout == other.timeout


def test_levels(whole):
    (first, second) = whole.levels('rack7-09')
    assert [device.name for device in first] == ['psu-a', 'psu-b']
    assert first[1].options == {
        'agent': 'fence_apc',
        'parameters': {'ip': 'pdu-b', 'plug': '09', 'ssl': True, 'retry': 2},
    }
    assert second == (
        specification.Specification(
            'person', 'person', {'vouched': True}, where=second[0].where
        ),
    )


@pytest.mark.parametrize('host', ['compute07', 'compute1', 'Compute01', ''])
def test_a_name_is_exact(host, whole):
    assert whole.levels(host) == ()


def test_it_cannot_be_changed(whole):
    with pytest.raises(dataclasses.FrozenInstanceError):
        whole.selection = None
    with pytest.raises(TypeError):
        whole.evacuate['retries'] = 9
    with pytest.raises(TypeError):
        whole.fencing['x'] = ()


def test_drivers_are_looked_for_only_to_fence(place, monkeypatch):
    def never():
        raise AssertionError('looked for drivers')

    monkeypatch.setattr('osc_instanceha.fencing.loading.drivers', never)
    place.write('limits: {max_hosts_down: 1}\nfencing:')
    assert place.load(drivers=None).max_hosts_down
    place.write('fencing: {hosts: {}}')
    with pytest.raises(AssertionError, match='looked for drivers'):
        place.load(drivers=None)


def test_a_device_that_no_host_has_need_not_be_whole(place):
    place.write('fencing: {devices: {a: {driver: bmc}}}')
    assert place.load().hosts == ()


def test_without_a_file_no_library_is_loaded():
    code = (
        'import sys\n'
        'from openstack.config import loader\n'
        'before = set(sys.modules)\n'
        'loader.CONFIG_SEARCH_PATH = []\n'
        'from osc_instanceha.config import loading\n'
        'loading.load({})\n'
        'print(*set(sys.modules) - before)'
    )
    found = subprocess.run(
        [sys.executable, '-c', code],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert 'osc_instanceha.config.loading' in found
    assert not {'jsonschema', 'ClusterShell', 'stevedore'} & set(found)


def test_hosts_whose_driver_goes_by_their_names(place):
    place.write('fencing: {hosts: {"a[1-9]": {driver: cluster}}}')
    assert len(place.load().hosts) == 9


def test_yaml_merge_keys_and_aliases(place):
    place.write(
        """\
        fencing:
          devices:
            a: &a {driver: bmc, address: "{host}", password: x, port: 1}
            b:
              <<: *a
              port: 2
          hosts:
            c1: a
            c2: b
            c3: [{<<: *a, system: d}]
        """
    )
    loaded = place.load()
    ((device,),) = loaded.levels('c2')
    assert device.options['port'] == 2
    assert device.options['address'] == 'c2'
    assert device.options['password'].reveal() == 'x'
    ((device,),) = loaded.levels('c3')
    assert device.options['system'] == 'd'


def test_json_with_tabs(place):
    place.write(
        '{\n\t"limits": {\n\t\t"max_hosts_down":\t"10%"\n\t}\n}',
        'instanceha.json',
    )
    assert str(place.load().max_hosts_down) == '10%'


def test_ten_thousand_hosts(place):
    place.write('fencing: {hosts: {"a[00001-10000]": {driver: person}}}')
    assert len(place.load().hosts) == 10_000


@pytest.mark.parametrize('kind', ['aliases', 'merges'])
@pytest.mark.parametrize(('levels', 'width'), [(40, 1), (6, 10)])
def test_aliases_do_not_blow_up(kind, levels, width, place):
    lines = ['a0: &a0 {x: 1}']
    for number in range(1, levels):
        below = ', '.join([f'*a{number - 1}'] * width)
        lines.append(
            f'a{number}: &a{number} '
            + (f'[{below}]' if kind == 'aliases' else f'{{<<: [{below}]}}')
        )
    place.write('\n'.join(lines))
    (line,) = place.problems()
    assert line.endswith('is too large or too deep; use fewer aliases')


def test_a_large_file_is_not_even_parsed(place):
    place.write(b'#' * (512 * 1024 + 1))
    assert place.problems() == [
        'instanceha.yaml: is larger than 512 KiB; write many hosts as '
        'compute[001-999]'
    ]
