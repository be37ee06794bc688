from __future__ import annotations

import pytest

from osc_instanceha import exceptions

ERRORS = [
    exceptions.InvalidInput('bad', what='--tag'),
    exceptions.HostNotFound('h', nearest=['h1', 'h2']),
    exceptions.HostNotFound('h', service_host='h1'),
    exceptions.HostNotFound('h'),
    exceptions.TargetHostUnusable('h', 'it is down'),
    exceptions.ProjectNotFound('p', 'see the list'),
    exceptions.HostNotProvenOff('h', 'it is up', 'Power it off'),
    exceptions.TooManyHostsDown(['a', 'b'], 3, '50%'),
    exceptions.HostLocked('h', 60.0, 'file:///run'),
    exceptions.Unreachable('no answer', code=503, request_id='req-1'),
    exceptions.UnexpectedAnswer('GET /x', 'no id'),
    exceptions.DriverNotFound('redfisch', ['ipmi', 'redfish']),
    exceptions.DeviceError('no'),
    exceptions.DeviceUnreachable('no answer'),
    exceptions.MissingLibrary('ipmi', 'ipmi'),
]


@pytest.mark.parametrize('error', ERRORS, ids=lambda e: type(e).__name__)
def test_every_error_is_one_line_and_of_the_family(error):
    assert isinstance(error, exceptions.InstanceHAError)
    assert str(error)
    assert '\n' not in str(error)


def test_what_nova_said_goes_with_the_error():
    error = exceptions.Forbidden('no', code=403, request_id='req-1')
    assert (error.code, error.request_id) == (403, 'req-1')
    assert isinstance(error, exceptions.CloudError)


def test_the_cure_is_left_out_of_the_rows():
    error = exceptions.HostNotProvenOff('h', 'it is up', 'Power it off')
    assert error.short == 'h is not proven off: it is up'
    assert str(error) == f'{error.short}. Power it off'


def test_a_long_list_of_hosts_is_cut_in_the_message_alone():
    down = [f'host{number}' for number in range(9)]
    error = exceptions.TooManyHostsDown(down, 20, '5')
    assert 'host4, …' in str(error)
    assert 'host5' not in str(error)
    assert error.down == tuple(down)


def test_a_configuration_says_all_that_is_wrong_with_it_line_by_line():
    error = exceptions.InvalidConfig(['a.yaml:1: x', 'a.yaml:2: y'])
    assert isinstance(error, exceptions.InvalidInput)
    assert str(error).splitlines() == list(error.problems)
    assert error.what == 'instanceha.yaml'


@pytest.mark.parametrize(
    ('code', 'passing'),
    [(None, True), (409, True), (429, True), (500, True), (503, True)]
    + [(400, False), (401, False), (403, False), (404, False)],
)
def test_what_may_succeed_a_little_later(code, passing):
    assert exceptions.CloudError('x', code=code).passing is passing
