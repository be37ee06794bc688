"""The look before the bad night: every kind of problem, and no change."""

from __future__ import annotations

import dataclasses

import pytest

from osc_instanceha import events
from osc_instanceha import exceptions
from tests.unit import builders
from tests.unit.fencing import fakes


def problems(run):
    return {(row.host, row.device): row.problem for row in run.results()}


def finished(run):
    seen = list(run)
    return run, seen


def alive(scene, *more):
    made = scene(services=[builders.living('good'), *more])
    made.add(host='good')
    return made


def test_a_good_host_has_no_problem(scene):
    made = alive(scene)
    run, seen = finished(made.audit())
    (row,) = run.results()
    assert row.problem == ''
    assert (row.host, row.level, row.device, row.driver) == (
        'good',
        1,
        'bmc',
        'bmc',
    )
    assert row.evidence.on
    assert row.service.up
    assert [type(event) for event in seen] == [events.PowerSeen]


def wrong(scene):
    """One host for every kind of problem."""
    made = alive(
        scene,
        builders.living('bare'),
        builders.living('silent'),
        builders.living('unsure'),
        builders.living('secret'),
        builders.living('crossed'),
        builders.service('back'),
        builders.service('off'),
        builders.living('word'),
        builders.living('two'),
        builders.service('unseen', up=None, forced_down=None),
    )
    shown = made.compute._shown
    made.compute._shown = lambda item: (
        item if item.host == 'unseen' else shown(item)
    )
    made.add(host='silent', silent=True)
    made.add(host='unsure', unsure=True)
    made.add(host='secret', error=exceptions.DeviceError(fakes.SECRET))
    made.machine('crossed', on=False)
    made.add(host='crossed')
    made.add(host='back')
    made.machine('off', on=False)
    made.add(host='off')
    made.add('word', host='word', kind='word')
    made.machine('two', plugs=2)
    made.add('pdu1', host='two', kind='pdu', plug=0)
    made.add('pdu2', host='two', kind='pdu', plug=1, silent=True)
    made.add('bmc', host='two', level=2)
    made.add(host='unseen')
    made.add(host='unknown')
    return made


def test_every_kind_of_problem(scene):
    made = wrong(scene)
    run, _seen = finished(made.audit())
    found = problems(run)
    expected = {
        ('good', 'bmc'): '',
        ('bare', None): 'no fencing device',
        ('silent', 'bmc'): 'no route to host',
        ('unsure', 'bmc'): 'its answer tells no power state: unknown',
        ('secret', 'bmc'): '***',
        ('off', 'bmc'): '',
        ('word', 'word'): '',
        ('two', 'pdu1'): '',
        ('two', 'pdu2'): 'no route to host',
        ('two', 'bmc'): '',
        ('unseen', 'bmc'): 'its cell does not answer',
        ('unknown', 'bmc'): 'no compute host has this name',
    }
    assert {key: found[key] for key in expected} == expected
    assert 'device of another machine' in found['crossed', 'bmc']
    assert "'openstack host unfence back'" in found['back', 'bmc']
    assert len(found) == len(expected) + 2
    hosts = [row.host for row in run.results()]
    assert hosts == sorted(hosts)
    assert made.compute.changes == []
    for host in made.levels:
        for level in made.levels[host]:
            for spec in level:
                assert spec.options['device'].asked == []
                assert spec.options['device'].reads <= 1


def test_devices_are_in_their_order(scene):
    run, _seen = finished(wrong(scene).audit(['two']))
    assert [(row.level, row.device) for row in run.results()] == [
        (1, 'pdu1'),
        (1, 'pdu2'),
        (2, 'bmc'),
    ]


def test_without_check_no_device_is_asked(scene):
    made = wrong(scene)
    run, seen = finished(made.audit(check=False))
    assert seen == []
    assert all(row.evidence is None for row in run.results())
    assert problems(run)['unknown', 'bmc'] == 'no compute host has this name'
    assert problems(run)['bare', None] == 'no fencing device'
    assert all(
        spec.options['device'].drivers == []
        for levels in made.levels.values()
        for level in levels
        for spec in level
    )


def test_only_the_hosts_that_are_named(scene):
    made = alive(scene, builders.living('bare'))
    run, _seen = finished(made.audit(['bare']))
    assert [row.host for row in run.results()] == ['bare']


def test_a_name_that_is_no_hosts_is_refused(scene):
    made = alive(scene)
    with pytest.raises(exceptions.HostNotFound):
        finished(made.audit(['nope']))
    assert made.made == []


def test_a_cloud_that_is_away_is_an_error(scene):
    made = alive(scene)
    made.compute.fail('services', 1)
    with pytest.raises(exceptions.Unreachable):
        finished(made.audit())


def test_a_state_from_memory_is_neither_proof_nor_problem(scene):
    """As of a cluster, which nobody can ask without fencing."""
    made = alive(scene)
    made.levels['good'][0][0].options['device'].fresh = False
    run, _seen = finished(made.audit())
    (row,) = run.results()
    assert not row.evidence.on
    assert row.problem == ''


def test_an_interrupted_look_has_rows_for_all(scene):
    made = alive(scene, builders.living('good2'))
    made.add(host='good2')
    run = made.audit()
    going = iter(run)
    next(going)
    going.close()
    assert [row.host for row in run.results()] == ['good', 'good2']
    assert {row.problem for row in run.results()} <= {'', 'interrupted'}


def test_devices_are_let_go(scene):
    made = alive(scene)
    finished(made.audit())
    device = made.levels['good'][0][0].options['device']
    assert [item.closed for item in device.drivers] == [1]


def test_a_row_cannot_be_changed(scene):
    run, _seen = finished(alive(scene).audit())
    with pytest.raises(dataclasses.FrozenInstanceError):
        run.results()[0].problem = 'x'
