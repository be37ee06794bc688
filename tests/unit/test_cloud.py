from __future__ import annotations

from keystoneauth1 import fixture
from keystoneauth1 import noauth
from keystoneauth1 import session as ksa_session
from keystoneauth1.identity import generic
from keystoneauth1.identity import v3
import pytest
import requests

import osc_instanceha
from osc_instanceha import cloud
from osc_instanceha import exceptions
from osc_instanceha import lock_folder
from osc_instanceha import locking
from osc_instanceha import model
from osc_instanceha import options
from osc_instanceha import selection
from osc_instanceha.config import config
from osc_instanceha.fencing import options as fencing_options
from osc_instanceha.fencing import specification
from tests.unit import samples

CLOUDS = 'clouds.yaml'
KEYSTONE, NOVA = 'http://keystone/v3', 'http://nova/v2.1'


@pytest.fixture(autouse=True)
def no_clouds(monkeypatch, tmp_path):
    """Nobody's clouds.yaml, environment and locks but the test's own."""
    for name in list(cloud.os.environ):
        if name.startswith('OS_'):
            monkeypatch.delenv(name)
    monkeypatch.setenv('HOME', str(tmp_path))
    monkeypatch.setenv('XDG_CONFIG_HOME', str(tmp_path))
    monkeypatch.setattr(
        lock_folder, 'default_url', lambda: f'file://{tmp_path}/locks'
    )
    monkeypatch.setenv('OS_CLIENT_CONFIG_FILE', str(tmp_path / CLOUDS))
    write(tmp_path, 'clouds: {}')
    return tmp_path


def write(folder, text):
    (folder / CLOUDS).write_text(text)


def test_a_cloud_that_there_is_not(no_clouds):
    with pytest.raises(exceptions.InvalidInput, match='nope') as caught:
        cloud.connect('nope')
    assert caught.value.what == 'cloud'
    assert '\n' not in str(caught.value)


BROKEN = [
    ('no environment', None, None),
    ('no auth', 'x', 'clouds: {x: {auth: {}}}'),
    (
        'no such plugin',
        'x',
        'clouds: {x: {auth_type: bogus, auth: {auth_url: "http://k"}}}',
    ),
]


@pytest.mark.parametrize(
    ('name', 'text'),
    [case[1:] for case in BROKEN],
    ids=[case[0] for case in BROKEN],
)
def test_a_cloud_that_cannot_be_connected_to(no_clouds, name, text):
    if text:
        write(no_clouds, text)
    with pytest.raises(exceptions.InvalidInput):
        cloud.connect(name)


def test_a_version_that_is_none(no_clouds):
    write(
        no_clouds,
        'clouds: {x: {compute_api_version: nine, auth: {auth_url: "http://k", '
        'username: u, password: p}}}',
    )
    with pytest.raises(exceptions.InvalidInput, match="'nine'"):
        cloud.connect('x')


def catalog(requests_mock):
    token = fixture.V3Token()
    token.set_project_scope()
    token.add_service('compute').add_standard_endpoints(
        public=NOVA, internal='http://inside/v2.1', region='here'
    )
    requests_mock.get(
        KEYSTONE, json={'version': fixture.V3Discovery(KEYSTONE)}
    )
    requests_mock.post(
        f'{KEYSTONE}/auth/tokens',
        json=token,
        headers={'X-Subject-Token': 'token'},
    )
    return samples.Api(requests_mock, NOVA)


def session(password='p'):
    return ksa_session.Session(
        auth=v3.Password(
            KEYSTONE,
            username='u',
            password=password,
            project_name='p',
            user_domain_id='default',
            project_domain_id='default',
        )
    )


def fill(nova, *, forced_down=True):
    service = samples.service(forced_down=forced_down)
    nova.get('/os-services', {'services': [service]})
    nova.get('/servers/detail', {'servers': [samples.server(image='')]})
    nova.get('/os-migrations', {'migrations': []})
    nova.get('/os-server-groups', {'server_groups': []})
    nova.get('/os-aggregates', {'aggregates': []})
    nova.get('/os-hypervisors/detail', {'hypervisors': []})


def test_a_plan_is_made_of_what_nova_says(requests_mock):
    nova = catalog(requests_mock)
    fill(nova)
    made = cloud.connect(session=session(), region_name='here')
    (plan,) = made.plan(['dead'])
    assert [step.action for step in plan.steps] == [model.Action.EVACUATE]
    assert {item.method for item in nova.requests} == {'GET', 'POST'}
    assert [item.path for item in nova.requests if item.method == 'POST'] == [
        '/v3/auth/tokens'
    ]


def test_a_dry_run_takes_no_lock_and_a_run_does(
    requests_mock, no_clouds, monkeypatch
):
    nova = catalog(requests_mock)
    fill(nova)
    taken = []
    hold = locking.hold

    def watch(*args, **kwargs):
        taken.append((args, kwargs))
        return hold(*args, **kwargs)

    monkeypatch.setattr(locking, 'hold', watch)
    made = cloud.Cloud(session())
    list(made.evacuate(['dead'], dry_run=True))
    assert taken == []
    run = iter(made.evacuate(['dead'], lock_timeout=3))
    next(run)
    run.close()
    ((args, kwargs),) = taken
    ((service,),) = args
    assert service.host == 'dead'
    assert kwargs == {'url': None, 'timeout': 3}


def test_the_lock_is_where_the_environment_says(
    requests_mock, monkeypatch, tmp_path
):
    fill(catalog(requests_mock))
    folder = tmp_path / 'elsewhere'
    monkeypatch.setenv('OS_INSTANCEHA_LOCK', f'file://{folder}')
    run = iter(cloud.Cloud(session()).evacuate(['dead']))
    next(run)
    assert list(folder.iterdir())
    run.close()


@pytest.mark.parametrize(
    ('how', 'url'),
    [
        ({}, NOVA),
        ({'interface': 'internal'}, 'http://inside/v2.1'),
        ({'compute_endpoint': 'http://given/v2.1'}, 'http://given/v2.1'),
    ],
)
def test_the_endpoint_is_the_one_asked_for(requests_mock, how, url):
    catalog(requests_mock)
    nova = samples.Api(requests_mock, url)
    up = samples.service(state='up', status='enabled', forced_down=False)
    nova.get('/os-services', {'services': [up]})
    made = cloud.Cloud(session(), **how)
    assert list(made.evacuate(None)) == []
    assert nova.requests[-1].url.startswith(url)


def test_credentials_that_are_wrong_are_one_line_without_the_secret(
    requests_mock,
):
    nova = catalog(requests_mock)
    requests_mock.post(f'{KEYSTONE}/auth/tokens', status_code=401)
    made = cloud.Cloud(session(password='hunter2'))
    with pytest.raises(exceptions.CloudError) as caught:
        list(made.evacuate(['dead']))
    assert 'hunter2' not in str(caught.value)
    assert '\n' not in str(caught.value)
    assert [item for item in nova.requests if 'nova' in item.url] == []


def test_a_cloud_without_compute_in_its_region_is_told(requests_mock, naps):
    catalog(requests_mock)
    made = cloud.Cloud(session(), region_name='elsewhere')
    with pytest.raises(exceptions.CloudError, match='Compute API'):
        list(made.evacuate(['dead']))


def test_a_ceiling_is_kept(requests_mock):
    nova = catalog(requests_mock)
    fill(nova)
    made = cloud.Cloud(session(), compute_api_version='2.72')
    made.plan(['dead'])
    versions = {
        item.headers['OpenStack-API-Version']
        for item in nova.requests
        if item.url.startswith(NOVA)
    }
    assert versions == {'compute 2.72'}


def test_the_caller_keeps_its_session(requests_mock):
    theirs = session()
    transport, timeout = theirs.session, theirs.timeout
    fill(catalog(requests_mock))
    cloud.Cloud(theirs).plan(['dead'], options=options.Options())
    assert theirs.session is transport
    assert theirs.timeout is timeout


@pytest.mark.parametrize('name', osc_instanceha.__all__)
def test_every_public_name_is_there(name):
    assert getattr(osc_instanceha, name) is not None


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match='nope'):
        osc_instanceha.nope  # noqa: B018


# Projects.


def identity(requests_mock, projects=(), domains=()):
    catalog(requests_mock)
    token = fixture.V3Token()
    token.set_project_scope()
    token.add_service('identity').add_standard_endpoints(public=KEYSTONE)
    requests_mock.post(
        f'{KEYSTONE}/auth/tokens',
        json=token,
        headers={'X-Subject-Token': 'token'},
    )
    requests_mock.get('http://keystone/', json={'versions': {'values': []}})

    def one(kind, held):
        for item in held:
            requests_mock.get(
                f'{KEYSTONE}/{kind}s/{item["id"]}', json={kind: item}
            )
        requests_mock.get(f'{KEYSTONE}/{kind}s', json={f'{kind}s': held})

    for wanted in ('web', 'nope', 'default'):
        for kind in ('project', 'domain'):
            requests_mock.get(f'{KEYSTONE}/{kind}s/{wanted}', status_code=404)
    one('project', list(projects))
    one('domain', list(domains))


def test_a_project_is_found_by_its_name(requests_mock):
    identity(requests_mock, [{'id': 'p1', 'name': 'web'}])
    assert cloud.Cloud(session()).project_id('web') == 'p1'


@pytest.mark.parametrize(
    'projects',
    [[], [{'id': 'p1', 'name': 'web'}, {'id': 'p2', 'name': 'web'}]],
)
def test_a_project_that_is_not_one_is_refused(requests_mock, projects):
    identity(requests_mock, projects)
    with pytest.raises(exceptions.ProjectNotFound) as caught:
        cloud.Cloud(session()).project_id('web')
    assert caught.value.project == 'web'


@pytest.mark.parametrize(
    'answer',
    [
        {'text': '<html>', 'headers': {'Content-Type': 'text/html'}},
        {'json': {'projects': []}},
        {'json': {'project': {'name': 'web'}}},
        {'status_code': 503},
        {'exc': requests.exceptions.ConnectionError},
    ],
)
def test_a_keystone_that_does_not_tell_has_not_said_no(
    requests_mock, naps, answer
):
    identity(requests_mock, [{'id': 'p1', 'name': 'web'}])
    requests_mock.get(f'{KEYSTONE}/projects/web', **answer)
    with pytest.raises(exceptions.CloudError, match='Identity API'):
        cloud.Cloud(session()).project_id('web')


def test_a_project_of_another_name_is_not_taken(requests_mock):
    identity(requests_mock, [{'id': 'p1', 'name': 'Web'}])
    with pytest.raises(exceptions.ProjectNotFound):
        cloud.Cloud(session()).project_id('web')


def test_a_project_is_found_by_its_id(requests_mock):
    identity(requests_mock, [{'id': 'web', 'name': 'other'}])
    assert cloud.Cloud(session()).project_id('web') == 'web'


def test_a_domain_that_there_is_not_is_refused(requests_mock):
    identity(requests_mock, [{'id': 'p1', 'name': 'web'}])
    with pytest.raises(exceptions.ProjectNotFound):
        cloud.Cloud(session()).project_id('web', 'nope')


# What instanceha.yaml says.


class Said:
    """A secret that is where it should be."""

    def reveal(self):
        return 'file:///from/the/configuration'


LIMIT = options.HostLimit(7)
PICKED = selection.Selection(tags=frozenset({'ha'}))
TWO_LEVELS = (
    (
        specification.Specification('bmc', 'manual', {'vouched': True}),
        specification.Specification('pdu', 'manual', {'vouched': False}),
    ),
    (specification.Specification('last', 'manual', {'vouched': True}),),
)


def configured(**fields):
    return cloud.Cloud(
        session(),
        config=config.Config(
            **{
                'max_hosts_down': LIMIT,
                'selection': PICKED,
                'evacuate': {'max_in_flight': 3, 'report_interval': 30},
                'fencing': {'dead': TWO_LEVELS, 'other': TWO_LEVELS},
                **fields,
            }
        ),
    )


def test_what_is_said_wins_over_the_configuration_and_that_over_defaults():
    made = configured()
    assert made.options() == options.Options(
        max_hosts_down=LIMIT, max_in_flight=3, report_interval=30
    )
    assert made.options(max_in_flight=9, max_hosts_down=None) == (
        options.Options(max_in_flight=9, report_interval=30)
    )
    with pytest.raises(exceptions.InvalidInput):
        made.options(retries=-1)


@pytest.mark.parametrize(
    ('chosen', 'expected'),
    [
        (None, PICKED),
        (selection.Selection(), selection.Selection()),
        (
            selection.Selection(match_any=True),
            selection.Selection(match_any=True),
        ),
    ],
)
def test_the_default_selection_is_the_configurations(chosen, expected):
    assert configured().evacuate(['dead'], chosen)._selection == expected


def test_without_a_configuration_everything_is_selected():
    made = configured(selection=None)
    assert made.evacuate(['dead'])._selection == selection.Selection()


def test_the_limit_of_the_configuration_holds_for_fencing_too():
    made = configured()
    assert made.fence(['dead'])._options == fencing_options.FenceOptions(
        max_hosts_down=LIMIT,
        report_interval=made.options().report_interval,
    )
    assert made.fence_options(force=True).max_hosts_down == LIMIT
    own = fencing_options.FenceOptions(force=True)
    assert made.fence(['dead'], own)._options == own
    assert made.unfence(['dead'])._options == fencing_options.UnfenceOptions()


@pytest.mark.parametrize(
    'begin',
    [
        lambda made: made.evacuate(['dead'])._devices,
        lambda made: made.fence(['dead'])._devices,
        lambda made: made.unfence(['dead'])._devices,
        lambda made: made.fencing()._devices,
    ],
    ids=['evacuate', 'fence', 'unfence', 'audit'],
)
def test_every_run_has_the_devices_of_the_configuration(begin):
    devices = begin(configured())
    levels = devices('dead', lambda: False)
    assert [
        [(item.specification, item.level) for item in level]
        for level in levels
    ] == [
        [(TWO_LEVELS[0][0], 1), (TWO_LEVELS[0][1], 1)],
        [(TWO_LEVELS[1][0], 2)],
    ]
    assert levels[0][0].check().off
    assert not levels[0][1].check().off
    assert devices('nobody', lambda: False) == ()


def test_devices_are_interrupted_by_the_run_that_they_serve():
    ((first, _second), _last) = configured()._devices('dead', lambda: True)
    assert first.check().problem == 'interrupted'


def test_the_audit_knows_the_hosts_of_the_configuration(requests_mock):
    nova = catalog(requests_mock)
    fill(nova)
    run = configured().fencing()
    assert list(run) == []
    assert [(row.host, row.problem) for row in run.results()] == [
        ('dead', ''),
        ('dead', ''),
        ('dead', ''),
        ('other', 'no compute host has this name'),
        ('other', 'no compute host has this name'),
        ('other', 'no compute host has this name'),
    ]
    assert {item.method for item in nova.requests} <= {'GET', 'POST'}


@pytest.mark.parametrize(
    ('given', 'environment', 'expected'),
    [
        (None, None, 'file:///from/the/configuration'),
        (None, 'file:///environment', 'file:///environment'),
        ('file:///given', 'file:///environment', 'file:///given'),
    ],
)
def test_where_the_locks_are(monkeypatch, given, environment, expected):
    if environment:
        monkeypatch.setenv('OS_INSTANCEHA_LOCK', environment)
    made = cloud.Cloud(
        session(), lock_url=given, config=config.Config(lock=Said())
    )
    assert made._lock(1.0).keywords == {'url': expected, 'timeout': 1.0}


WHOSE = f'cloud: {{auth_url: "{KEYSTONE}", region_name: here}}'


@pytest.mark.parametrize(
    ('auth_url', 'region', 'problem'),
    [
        (KEYSTONE, 'here', None),
        ('http://keystone:80', 'here', None),
        ('http://elsewhere/v3', 'here', "for 'http://elsewhere'"),
        (None, 'here', 'cannot be told'),
        (KEYSTONE, 'there', "for 'there'"),
        (KEYSTONE, None, 'set --os-region-name'),
    ],
)
def test_the_configuration_of_another_cloud_is_refused(
    auth_url, region, problem, requests_mock, monkeypatch, tmp_path
):
    path = tmp_path / 'instanceha.yaml'
    path.write_text(WHOSE)
    monkeypatch.setenv('OS_INSTANCEHA_CONFIG', str(path))
    auth = (
        generic.Password(auth_url, username='u', password='p')
        if auth_url
        else noauth.NoAuth()
    )
    asked = ksa_session.Session(auth=auth)
    if problem is None:
        assert cloud.Cloud(asked, region_name=region).config.belonging
    else:
        with pytest.raises(exceptions.InvalidConfig, match=problem) as caught:
            cloud.Cloud(asked, region_name=region)
        assert '\n' not in str(caught.value)
    assert not requests_mock.called


def test_a_cloud_by_its_name_is_the_right_one(
    no_clouds, monkeypatch, tmp_path
):
    path = tmp_path / 'instanceha.yaml'
    path.write_text(WHOSE)
    monkeypatch.setenv('OS_INSTANCEHA_CONFIG', str(path))
    auth = 'username: u, password: p'
    write(
        no_clouds,
        f"""\
        clouds:
          a: {{region_name: here, auth: {{auth_url: "{KEYSTONE}", {auth}}}}}
          b: {{region_name: here, auth: {{auth_url: "http://b", {auth}}}}}
        """,
    )
    assert cloud.connect('a').config.files == (str(path),)
    with pytest.raises(exceptions.InvalidConfig, match="for 'http://b'"):
        cloud.connect('b')


@pytest.mark.parametrize(
    ('given', 'configured', 'timeout'),
    [(7.0, '', 7.0), (7.0, 'api_timeout: 3, ', 3.0), (None, '', 90.0)],
)
def test_the_time_for_one_answer(no_clouds, given, configured, timeout):
    auth = f'auth_url: "{KEYSTONE}", username: u, password: p'
    write(no_clouds, f'clouds: {{a: {{{configured}auth: {{{auth}}}}}}}')
    made = cloud.connect('a', timeout=given)
    assert made._session.timeout == timeout


def test_a_configuration_that_is_broken_is_told_before_anything(
    monkeypatch, tmp_path
):
    path = tmp_path / 'instanceha.yaml'
    path.write_text('hosts: [')
    monkeypatch.setenv('OS_INSTANCEHA_CONFIG', str(path))
    with pytest.raises(exceptions.InvalidConfig, match=r'instanceha\.yaml'):
        cloud.Cloud(session())
