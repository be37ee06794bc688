"""What is believed, and how it is told."""

from __future__ import annotations

import datetime
import json

import pytest

from osc_instanceha.fencing import evidence
from osc_instanceha.fencing import result
from tests.unit import builders
from tests.unit.fencing import fakes

ON, OFF, UNKNOWN = fakes.ON, fakes.OFF, fakes.UNKNOWN


def seen(state=OFF, **fields):
    return evidence.Evidence(
        **{
            'device': 'bmc1',
            'driver': 'redfish',
            'level': 1,
            'requested': None,
            'state': state,
            'detail': '',
            'read_at': builders.EPOCH,
            'seconds': 1.23456,
            **fields,
        }
    )


@pytest.mark.parametrize(
    ('item', 'off', 'on', 'running'),
    [
        (seen(OFF), True, False, False),
        (seen(ON), False, True, False),
        (seen(ON, of_machine=True), False, True, True),
        (seen(UNKNOWN), False, False, False),
        (seen(OFF, problem='late'), False, False, False),
        (seen(ON, problem='late', of_machine=True), False, False, False),
        (seen(OFF, fresh=False), False, False, False),
        (seen(ON, fresh=False, of_machine=True), False, False, False),
    ],
)
def test_what_it_proves(item, off, on, running):
    assert (item.off, item.on, item.running) == (off, on, running)


@pytest.mark.parametrize(
    ('item', 'words'),
    [
        (seen(OFF), 'bmc1 (redfish): off'),
        (seen(OFF, detail='Off'), 'bmc1 (redfish): off, Off'),
        (seen(OFF, requested=OFF), 'bmc1 (redfish): off, as asked for'),
        (seen(OFF, device='redfish'), 'redfish: off'),
        (seen(UNKNOWN, problem='no answer'), 'bmc1 (redfish): no answer'),
        (
            seen(OFF, fresh=False),
            'bmc1 (redfish): off, from memory',
        ),
    ],
)
def test_what_a_person_reads(item, words):
    assert str(item) == words


def test_what_a_machine_reads():
    item = seen(OFF, requested=OFF, detail='Off')
    assert json.loads(json.dumps(item.as_dict())) == {
        'device': 'bmc1',
        'driver': 'redfish',
        'level': 1,
        'requested': 'off',
        'power_state': 'off',
        'detail': 'Off',
        'read_at': '2026-08-01T00:00:00Z',
        'seconds': 1.235,
        'problem': None,
        'vouched': False,
        'fresh': True,
    }


def test_a_machine_reads_nulls_where_nothing_is_known():
    shown = seen(UNKNOWN, problem='gone', read_at=None).as_dict()
    assert shown['requested'] is None
    assert shown['read_at'] is None
    assert shown['problem'] == 'gone'


def test_moments_are_shown_in_utc():
    east = datetime.timezone(datetime.timedelta(hours=2))
    moment = datetime.datetime(2026, 8, 1, 2, 0, 0, 999, tzinfo=east)
    assert evidence.stamp(moment) == '2026-08-01T00:00:00Z'


def test_a_device_is_named_once():
    items = [seen(), seen(ON), seen(device='pdu', driver='pdu')]
    assert evidence.names(items) == 'bmc1 (redfish), pdu'


@pytest.mark.parametrize(
    ('items', 'state'),
    [
        ([], UNKNOWN),
        ([seen(OFF)], OFF),
        ([seen(OFF), seen(OFF)], OFF),
        ([seen(ON), seen(ON)], ON),
        ([seen(OFF), seen(ON)], UNKNOWN),
        ([seen(OFF), seen(OFF, problem='x')], UNKNOWN),
        ([seen(OFF, fresh=False)], UNKNOWN),
    ],
)
def test_what_several_agree_on(items, state):
    assert result.agreed(items) is state
    assert (
        result.HostResult(
            'h', result.HostOutcome.FENCED, decisive=tuple(items)
        ).power_state
        is state
    )


@pytest.mark.parametrize(
    ('reason', 'cure', 'words'),
    [('', '', ''), ('Bad', '', 'Bad'), ('Bad', 'Mend it', 'Bad. Mend it')],
)
def test_the_explanation_is_reason_and_cure(reason, cure, words):
    item = result.HostResult('h', result.HostOutcome.FAILED, reason, cure)
    assert item.explanation == words


def test_the_words_of_outcomes_never_change():
    assert {item.name: item.value for item in result.HostOutcome} == {
        'FENCED': 'fenced',
        'NOT_MARKED': 'off, not marked',
        'FENCEABLE': 'can be fenced',
        'UNFENCED': 'unfenced',
        'REFUSED': 'refused',
        'FAILED': 'failed',
    }
