from __future__ import annotations

import pytest

from osc_instanceha import exceptions
from osc_instanceha.config import belonging

CURE = 'use the right --os-cloud, or another file through OS_INSTANCEHA_CONFIG'
BOTH = 'cloud:\n  auth_url: https://a:5000/v3\n  region_name: One'


@pytest.mark.parametrize(
    ('url', 'expected'),
    [
        ('https://a.example.org:5000/v3', 'https://a.example.org:5000'),
        ('https://a.example.org:5000/v3/', 'https://a.example.org:5000'),
        ('HTTPS://A.Example.org.:5000/', 'https://a.example.org:5000'),
        ('https://a:5000/v2.0', 'https://a:5000'),
        ('https://a:443/identity/v3', 'https://a/identity'),
        ('http://a:80', 'http://a'),
        ('http://a:443', 'http://a:443'),
        ('https://u:hunter2@a/v3?token=hunter2#x', 'https://a'),
        ('https://[FD00:0::1]:5000/v3', 'https://[fd00::1]:5000'),
        ('https://a/v3x', 'https://a/v3x'),
        ('https://a/xv3', 'https://a/xv3'),
        ('https://a:port', None),
        ('https://[a', None),
        ('a:5000', None),
        ('/v3', None),
        ('', None),
    ],
)
def test_however_the_url_of_a_keystone_is_written(url, expected):
    assert belonging.keystone(url) == expected


@pytest.mark.parametrize(
    ('text', 'auth_url', 'region'),
    [
        ('', None, None),
        ('', 'https://b', 'Two'),
        ('cloud:', 'https://b', 'Two'),
        ('cloud:\n  # auth_url: https://a', 'https://b', 'Two'),
        (BOTH, 'https://a:5000/v3', 'One'),
        (BOTH, 'https://A:5000/', 'One'),
        ('cloud: {auth_url: https://a}', 'https://a:443/v2.0/', None),
        ('cloud: {region_name: One}', None, 'One'),
    ],
)
def test_the_right_cloud(text, auth_url, region, place):
    place.write(text)
    place.load().belonging.check(auth_url, region)


@pytest.mark.parametrize(
    ('text', 'auth_url', 'region', 'line'),
    [
        (
            BOTH,
            'https://b:5000/v3',
            'One',
            "2: cloud.auth_url: this file is for the cloud 'https://a:5000', "
            "this command for 'https://b:5000'",
        ),
        (
            BOTH,
            'https://a:5000/v3',
            'Two',
            "3: cloud.region_name: this file is for the region 'One', this "
            "command for 'Two'",
        ),
        (
            BOTH,
            'https://a:5000',
            None,
            "3: cloud.region_name: this file is for the region 'One', and "
            'this command is for none in particular: set --os-region-name',
        ),
        # One line is enough.
        (
            BOTH,
            'http://a:5000',
            'Two',
            "2: cloud.auth_url: this file is for the cloud 'https://a:5000', "
            "this command for 'http://a:5000'",
        ),
        *[
            (
                BOTH,
                untold,
                'One',
                '2: cloud.auth_url: this file is for the cloud '
                "'https://a:5000', and which one this command is for cannot "
                'be told from how it is authenticated',
            )
            for untold in (None, '', 'a:5000')
        ],
        (
            'cloud: {region_name: One}',
            'https://a',
            'one',
            "1: cloud.region_name: this file is for the region 'One', this "
            "command for 'one'",
        ),
        (
            'cloud: {auth_url: "https://u:hunter2@a"}',
            'https://u:hunter2@b?password=hunter2',
            'one',
            "1: cloud.auth_url: this file is for the cloud 'https://a', this "
            "command for 'https://b'",
        ),
    ],
)
def test_another_cloud_is_refused(text, auth_url, region, line, place):
    path = place.write(text)
    loaded = place.load()
    with pytest.raises(exceptions.InvalidConfig) as caught:
        loaded.belonging.check(auth_url, region)
    assert str(caught.value) == f'{path}:{line}; {CURE}'


def test_the_secure_file_may_say_it(place):
    place.write(BOTH)
    path = place.write('cloud: {region_name: Two}', 'instanceha-secure.yaml')
    loaded = place.load().belonging
    loaded.check('https://a:5000', 'Two')
    with pytest.raises(exceptions.InvalidConfig, match=f'^{path}:1: '):
        loaded.check('https://a:5000', 'One')


CASES = {
    'no URL': (
        'cloud: {auth_url: a.example.org}',
        '1: cloud.auth_url: is no URL; write the one that clouds.yaml has: '
        'https://keystone.example.org:5000/v3',
    ),
    'a region that is a number': (
        'cloud: {region_name: 1}',
        '1: cloud.region_name: YAML reads it as a number; write the name of '
        'a region: quote it',
    ),
    'no region': (
        'cloud: {region_name: }',
        '1: cloud.region_name: has no value; write the name of a region, or '
        'leave the key out',
    ),
    'nothing': (
        'cloud: {auth_url: ""}',
        '1: cloud.auth_url: is empty; write the URL of Keystone',
    ),
    'an unknown key': (
        'cloud: {region: One}',
        "1: cloud.region: unknown key; did you mean 'region_name'?",
    ),
    'the name of a cloud': (
        'cloud: mine',
        '1: cloud: is a text; write a mapping with auth_url or region_name',
    ),
}


@pytest.mark.parametrize('case', CASES)
def test_a_mistake_is_one_line(case, place):
    text, line = CASES[case]
    place.write(text)
    assert place.problems() == [f'instanceha.yaml:{line}']
