"""The front itself: what is to go wrong does, and nothing else."""

from __future__ import annotations

import types

import pytest
import requests

from tests.cloud import front
from tests.cloud import tap
from tests.cloud import web

PAGE = '<html>\n'


@pytest.fixture
def stage():
    def service(environ, start_response):
        url = f'http://{web.HOST}:{port}'
        return web.answer_json(start_response, '200 OK', {'url': url})

    (port,) = web.free_ports(1)
    web.serve(service, port)
    urls = dict.fromkeys(front.SERVICES, f'http://{web.HOST}:{port}')
    with front.Front(types.SimpleNamespace(urls=urls)) as made:
        yield made


def get(stage, service='compute', **options):
    return requests.get(stage.url(service) + '/a?b=c', timeout=5, **options)


def last(stage):
    return stage.taps['compute'].requests[-1]


def test_all_is_well(stage):
    assert get(stage).status_code == 200
    assert last(stage)['path'] == '/a'
    assert last(stage)['query'] == 'b=c'
    assert last(stage)['reached']


def test_keystone_leads_to_the_front(stage):
    known = [stage.url(service) for service in front.SERVICES]
    assert get(stage, 'identity').json()['url'] in known
    assert get(stage).json()['url'] not in known


@pytest.mark.parametrize(
    ('rule', 'error', 'reached'),
    [
        ({'reset': True}, requests.exceptions.ConnectionError, False),
        (
            {'reset': True, 'after': True},
            requests.exceptions.ConnectionError,
            True,
        ),
        ({'truncate': True}, requests.exceptions.ChunkedEncodingError, True),
    ],
)
def test_a_connection_that_is_cut(stage, rule, error, reached):
    stage.taps['compute'].faults = [tap.Fault('^GET /a', times=1, **rule)]
    with pytest.raises(error):
        get(stage)
    assert last(stage)['reached'] is reached
    assert get(stage).status_code == 200


@pytest.mark.parametrize('late', ['delay', 'linger'])
def test_an_answer_that_comes_too_late(stage, late):
    compute = stage.taps['compute']
    compute.faults = [tap.Fault('^GET', times=1, **{late: 600.0})]
    with pytest.raises(requests.exceptions.ReadTimeout):
        requests.get(stage.url('compute'), timeout=0.2)
    assert stage.busy
    assert last(stage)['reached'] is (late == 'linger')
    stage.clear()
    assert get(stage).status_code == 200


def test_a_page_in_place_of_an_answer(stage):
    rule = tap.Fault('^GET', status=502, body=PAGE)
    stage.taps['compute'].faults = [rule]
    answer = get(stage)
    assert (answer.status_code, answer.text) == (502, PAGE)
    assert answer.headers['Content-Type'] == 'text/html'


def test_a_door_that_is_shut_and_opened(stage):
    stage.refuse('compute', front.Refusal('^GET /a', skip=1))
    assert get(stage).status_code == 200
    assert get(stage).status_code == 200
    for _try in range(2):
        with pytest.raises(requests.exceptions.ConnectionError) as caught:
            get(stage)
        assert 'refused' in str(caught.value)
    assert get(stage, 'image').status_code == 200
    stage.clear()
    assert get(stage).status_code == 200
