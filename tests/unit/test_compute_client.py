"""What changes something is sent once, in the right microversion."""

from __future__ import annotations

import pytest
import requests

from osc_instanceha import exceptions
from osc_instanceha import ports
from osc_instanceha.compute import client
from tests.unit import builders
from tests.unit import samples

ACTION = '/servers/a/action'
TOO_OLD = (
    'Starting with microversion 2.95, evacuate API will stop instance on '
    'destination. To evacuate before upgrades are complete please use an '
    'older microversion.'
)


def compute(nova, **fields):
    return client.NovaCompute(nova.session(), **fields)


def post(nova, *answers):
    nova.mocker.post(nova.url + ACTION, list(answers))


def accepted():
    return {'text': '', 'headers': {'x-openstack-request-id': 'req-1'}}


def fault(code, message):
    return {
        'status_code': code,
        'json': {'badRequest': {'code': code, 'message': message}},
        # Nova names it twice.
        'headers': {
            'x-openstack-request-id': 'req-2',
            'x-compute-request-id': 'req-2',
        },
    }


def evacuate(made, **fields):
    return made.evacuate(
        'a',
        **{
            'guarded': False,
            'target_host': None,
            'stopped': False,
            **fields,
        },
    )


def version(request):
    # The older header goes with every version, the newer one from 2.27 on.
    older = request.headers['X-OpenStack-Nova-API-Version']
    newer = request.headers.get('OpenStack-API-Version', f'compute {older}')
    assert newer == f'compute {older}'
    return older


def posts(nova):
    return [item for item in nova.requests if item.method == 'POST']


REQUESTS = [
    # top, ceiling, how, microversion, body, stops
    ('2.104', None, {}, '2.94', {}, False),
    ('2.96', None, {}, '2.94', {}, False),
    ('2.95', None, {}, '2.94', {}, False),
    ('2.90', None, {}, '2.90', {}, False),
    ('2.60', None, {}, '2.60', {}, False),
    ('2.104', (2, 72), {}, '2.72', {}, False),
    ('2.104', None, {'stopped': True}, '2.95', {}, True),
    ('2.94', None, {'stopped': True}, '2.94', {}, False),
    ('2.104', (2, 94), {'stopped': True}, '2.94', {}, False),
    (
        '2.104',
        None,
        {'guarded': True},
        '2.13',
        {'onSharedStorage': True},
        False,
    ),
    (
        '2.104',
        None,
        {'guarded': True, 'stopped': True},
        '2.13',
        {'onSharedStorage': True},
        False,
    ),
    (
        '2.104',
        None,
        {'target_host': 'spare'},
        '2.94',
        {'host': 'spare'},
        False,
    ),
    (
        '2.104',
        None,
        {'target_host': 'spare', 'stopped': True},
        '2.95',
        {'host': 'spare'},
        True,
    ),
]


@pytest.mark.parametrize(
    ('top', 'ceiling', 'how', 'expected', 'body', 'stops'), REQUESTS
)
def test_an_evacuate_request(
    requests_mock, top, ceiling, how, expected, body, stops
):
    nova = samples.Api(requests_mock, 'http://nova/v2.1', top)
    post(nova, accepted())
    posted = evacuate(compute(nova, ceiling=ceiling), **how)
    assert posted == ports.Posted(
        ports.Answer.ACCEPTED, request_id='req-1', stops=stops
    )
    (sent,) = posts(nova)
    assert version(sent) == expected
    sent_body = sent.json()['evacuate']
    # None of them is said by leaving it out.
    assert {k: v for k, v in sent_body.items() if v is not None} == body
    assert 'force' not in sent_body
    assert 'adminPass' not in sent_body


def test_at_2_60_a_target_host_is_never_forced(requests_mock):
    nova = samples.Api(requests_mock, 'http://nova/v2.1', '2.60')
    post(nova, accepted())
    evacuate(compute(nova), target_host='spare')
    (sent,) = posts(nova)
    assert version(sent) == '2.60'
    assert not sent.json()['evacuate'].get('force')


def test_no_target_host_below_2_29(nova):
    post(nova, accepted())
    with pytest.raises(ValueError, match='BUG'):
        evacuate(compute(nova), guarded=True, target_host='spare')
    assert posts(nova) == []


def test_computes_too_old_for_2_95_are_asked_in_the_older_one(nova):
    post(nova, fault(400, TOO_OLD), accepted(), accepted())
    made = compute(nova)
    posted = evacuate(made, stopped=True)
    assert posted.answer is ports.Answer.ACCEPTED
    # Then we stop it ourselves.
    assert not posted.stops
    evacuate(made, stopped=True)
    assert [version(item) for item in posts(nova)] == ['2.95', '2.94', '2.94']


@pytest.mark.parametrize('how', [{}, {'guarded': True}])
def test_another_refusal_is_not_tried_in_another_version(nova, how):
    post(nova, fault(400, TOO_OLD))
    assert evacuate(compute(nova), **how).answer is ports.Answer.REFUSED
    assert len(posts(nova)) == 1


def test_a_bad_request_at_2_95_for_another_reason_is_final(nova):
    post(nova, fault(400, 'it has a vTPM'))
    posted = evacuate(compute(nova), stopped=True)
    assert posted.answer is ports.Answer.REFUSED
    assert 'vTPM' in posted.message
    assert posted.request_id == 'req-2'
    assert len(posts(nova)) == 1


@pytest.mark.parametrize(
    ('answer', 'expected'),
    [
        (fault(400, 'x'), ports.Answer.REFUSED),
        (fault(403, 'x'), ports.Answer.REFUSED),
        (fault(404, 'x'), ports.Answer.REFUSED),
        (fault(409, 'x'), ports.Answer.REFUSED),
        (
            fault(400, 'Compute service of h is still in use.'),
            ports.Answer.HOST_IN_USE,
        ),
        # A page of somebody between us and Nova.
        (
            {'text': '<html>', 'headers': {'Content-Type': 'text/html'}},
            ports.Answer.UNCERTAIN,
        ),
        (fault(500, 'x'), ports.Answer.ERRED),
        ({'status_code': 500, 'text': 'x'}, ports.Answer.UNCERTAIN),
        ({'status_code': 429}, ports.Answer.NOT_SENT),
        ({'status_code': 502}, ports.Answer.UNCERTAIN),
        ({'status_code': 503}, ports.Answer.UNCERTAIN),
        ({'status_code': 504}, ports.Answer.UNCERTAIN),
        (
            {'exc': requests.exceptions.ConnectionError},
            ports.Answer.UNCERTAIN,
        ),
        ({'exc': requests.exceptions.ReadTimeout}, ports.Answer.UNCERTAIN),
        ({'exc': requests.exceptions.ConnectTimeout}, ports.Answer.UNCERTAIN),
        (
            {'exc': requests.exceptions.ChunkedEncodingError},
            ports.Answer.UNCERTAIN,
        ),
        ({'exc': ZeroDivisionError}, ports.Answer.UNCERTAIN),
    ],
)
@pytest.mark.parametrize('how', [{}, {'guarded': True}, {'stopped': True}])
def test_a_request_is_sent_once_whatever_becomes_of_it(
    nova, answer, expected, how
):
    post(nova, answer)
    assert evacuate(compute(nova), **how).answer is expected
    assert len(posts(nova)) == 1


def test_a_password_in_the_answer_goes_nowhere(nova):
    # Below 2.14 Nova may send one.
    post(
        nova,
        {
            'json': {'adminPass': 'hunter2'},
            'headers': {'x-openstack-request-id': 'req-1'},
        },
    )
    posted = evacuate(compute(nova), guarded=True)
    assert posted.answer is ports.Answer.ACCEPTED
    assert 'hunter2' not in repr(posted)


# Marking.


def put(nova, **fields):
    nova.mocker.put(
        f'{nova.url}/os-services/service-dead',
        **{
            'json': {'service': samples.service()},
            'headers': {'Date': samples.DATE},
            **fields,
        },
    )


def test_a_host_is_marked_in_one_call(nova):
    put(nova)
    marked = compute(nova).mark_down(builders.living('dead'), 'because')
    assert marked.forced_down
    (sent,) = nova.requests
    assert sent.json() == {
        'status': 'disabled',
        'disabled_reason': 'because',
        'forced_down': True,
    }
    assert version(sent) == '2.94'


def test_a_mark_that_did_not_take_is_an_error(nova):
    put(nova, json={'service': samples.service(forced_down=False)})
    with pytest.raises(
        exceptions.UnexpectedAnswer, match='forced_down is False afterwards'
    ):
        compute(nova).mark_down(builders.living('dead'), 'because')


@pytest.mark.parametrize(
    ('fields', 'error'),
    [
        ({'status_code': 403, 'json': {}}, exceptions.Forbidden),
        ({'status_code': 404, 'json': {}}, exceptions.CloudError),
        ({'status_code': 503, 'json': {}}, exceptions.Unreachable),
        ({'json': {}}, exceptions.UnexpectedAnswer),
        ({'json': {'service': None}}, exceptions.UnexpectedAnswer),
    ],
)
def test_a_mark_that_failed_is_an_error_and_not_repeated(nova, fields, error):
    put(nova, **fields)
    with pytest.raises(error):
        compute(nova).mark_down(builders.living('dead'), 'because')
    assert len(nova.requests) == 1


# The way back.


@pytest.mark.parametrize(
    ('call', 'body', 'after'),
    [
        (
            lambda made, it: made.lift(it),
            {'forced_down': False},
            {'forced_down': False},
        ),
        (
            lambda made, it: made.enable(it),
            {'status': 'enabled'},
            {'status': 'enabled', 'disabled_reason': None},
        ),
        (
            lambda made, it: made.disable(it, 'new disks'),
            {'status': 'disabled', 'disabled_reason': 'new disks'},
            {'status': 'disabled', 'disabled_reason': 'new disks'},
        ),
    ],
    ids=['lift', 'enable', 'disable'],
)
class TestTheWayBack:
    def test_it_is_one_call(self, nova, call, body, after):
        put(nova, json={'service': samples.service(**after)})
        changed = call(compute(nova), builders.service())
        (sent,) = nova.requests
        assert sent.json() == body
        assert version(sent) == '2.94'
        assert changed.host == 'dead'
        assert changed.enabled is (after.get('status') == 'enabled')
        assert changed.forced_down is after.get('forced_down', True)

    def test_what_did_not_take_is_an_error(self, nova, call, body, after):
        opposite = {
            'forced_down': True,
            'status': 'disabled' if body.get('status') == 'enabled' else 'x',
        }
        if body.get('status') == 'disabled':
            opposite['status'] = 'enabled'
        if 'status' not in body:
            opposite.pop('status')
        put(nova, json={'service': samples.service(**opposite)})
        with pytest.raises(exceptions.UnexpectedAnswer, match='afterwards'):
            call(compute(nova), builders.service())

    @pytest.mark.parametrize('code', [400, 403, 404, 409, 500, 503])
    def test_what_failed_is_an_error_and_not_repeated(
        self, nova, call, body, after, code
    ):
        put(nova, status_code=code, json={})
        with pytest.raises(exceptions.CloudError) as caught:
            call(compute(nova), builders.service())
        assert caught.value.code == code
        assert len(nova.requests) == 1


# Stopping.


def test_a_stop_is_sent_once(nova):
    post(nova, {'status_code': 202})
    compute(nova).stop('a')
    (sent,) = posts(nova)
    assert 'os-stop' in sent.json()


@pytest.mark.parametrize('code', [409, 500, 503])
def test_a_stop_that_fails_is_an_error(nova, code):
    post(nova, {'status_code': code, 'json': {}})
    with pytest.raises(exceptions.CloudError):
        compute(nova).stop('a')
    assert len(posts(nova)) == 1
