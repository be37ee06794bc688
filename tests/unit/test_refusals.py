"""Every state of Nova's, by name."""

from __future__ import annotations

import pytest

from osc_instanceha import refusals
from tests.unit import builders

# nova/objects/fields.py, InstanceState.ALL
EVACUABLE = ('active', 'stopped', 'error')
NOT_EVACUABLE = {
    'building': 'create it again',
    'paused': 'server set --state active',
    'suspended': 'server set --state active',
    'rescued': 'server set --state active',
    'resized': 'confirm or revert',
    'soft-delete': 'restore it',
    'deleted': 'it is deleted',
    'shelved': 'server set --state active',
    'shelved_offloaded': 'on no host',
    'invented by a later Nova': 'by hand',
}

# nova/objects/fields.py, InstanceTaskState.ALL
ENDED_WITH_THE_HOST = (
    None,
    'image_snapshot',
    'image_snapshot_pending',
    'image_pending_upload',
    'image_uploading',
    'image_backup',
    'updating_password',
    'rebooting',
    'reboot_pending',
    'reboot_started',
    'rebooting_hard',
    'reboot_pending_hard',
    'reboot_started_hard',
    'pausing',
    'unpausing',
    'suspending',
    'resuming',
    'powering-off',
    'powering-on',
    'rescuing',
    'unrescuing',
)
HELD = {
    'scheduling': 'nobody knows',
    'block_device_mapping': 'nobody knows',
    'networking': 'nobody knows',
    'spawning': 'nobody knows',
    'resize_prep': 'being resized',
    'resize_migrating': 'being resized',
    'resize_migrated': 'being resized',
    'resize_finish': 'being resized',
    'resize_reverting': 'being resized',
    'resize_confirming': 'being resized',
    'rebuilding': 'being rebuilt',
    'rebuild_block_device_mapping': 'being rebuilt',
    'rebuild_spawning': 'being rebuilt',
    'migrating': 'live-migrated',
    'deleting': 'being deleted',
    'soft-deleting': 'being deleted',
    'restoring': 'nobody knows',
    'shelving': 'nobody knows',
    'shelving_image_pending_upload': 'nobody knows',
    'shelving_image_uploading': 'nobody knows',
    'shelving_offloading': 'nobody knows',
    'unshelving': 'nobody knows',
    'invented by a later Nova': 'nobody knows',
}


@pytest.mark.parametrize('state', EVACUABLE)
def test_nova_takes_it_in_this_state(state):
    assert refusals.by_vm_state(builders.server(vm_state=state)) is None


@pytest.mark.parametrize(('state', 'cure'), NOT_EVACUABLE.items())
def test_nova_does_not_take_it_in_this_state(state, cure):
    reason = refusals.by_vm_state(builders.server(vm_state=state))
    assert reason is not None
    assert state in reason
    assert cure in reason


@pytest.mark.parametrize('state', EVACUABLE)
def test_a_server_that_never_ran_is_not_taken(state):
    server = builders.server(vm_state=state, launched_at=None)
    assert 'never ran' in refusals.by_vm_state(server)


@pytest.mark.parametrize('task', ENDED_WITH_THE_HOST)
def test_this_task_ended_with_the_host(task):
    assert refusals.by_task_state(builders.server(task_state=task)) is None


@pytest.mark.parametrize(('task', 'why'), HELD.items())
def test_a_server_with_this_task_is_held(task, why):
    reason = refusals.by_task_state(builders.server(task_state=task))
    assert reason is not None
    assert reason.startswith('held: ')
    assert task in reason
    assert why in reason


@pytest.mark.parametrize(
    ('task', 'expected'),
    [
        (None, False),
        ('rebooting', False),
        ('rebuilding', True),
        ('rebuild_block_device_mapping', True),
        ('rebuild_spawning', True),
    ],
)
def test_rebuilding(task, expected):
    assert refusals.rebuilding(task) is expected


DEVICES = [
    ('a plain one', {}, {}, None),
    ('libvirt', {'hypervisor': 'h'}, {'h': 'QEMU'}, None),
    ('its hypervisor is unknown', {'hypervisor': 'h'}, {}, None),
    ('Ironic', {'hypervisor': 'h'}, {'h': 'ironic'}, 'do not evacuate'),
    (
        'VMware',
        {'hypervisor': 'h'},
        {'h': 'VMware vCenter Server'},
        'do not evacuate',
    ),
    ("another host's is", {'hypervisor': 'h'}, {'i': 'ironic'}, None),
    (
        'a vTPM by its flavor',
        {'flavor': builders.flavor(extra_specs={'hw:tpm_version': '2.0'})},
        {},
        'virtual TPM',
    ),
    (
        'a vTPM by its image',
        {'image_properties': {'hw_tpm_model': 'tpm-crb'}},
        {},
        'virtual TPM',
    ),
    (
        'something else with tpm in it',
        {'flavor': builders.flavor(extra_specs={'my:hw:tpm_x': '1'})},
        {},
        None,
    ),
    (
        'a flavor that is hidden',
        {'flavor': builders.flavor(extra_specs=None)},
        {},
        None,
    ),
]


@pytest.mark.parametrize(
    ('fields', 'types', 'words'),
    [case[1:] for case in DEVICES],
    ids=[case[0] for case in DEVICES],
)
def test_by_device(fields, types, words):
    reason = refusals.by_device(builders.server(**fields), types)
    if words is None:
        assert reason is None
    else:
        assert words in reason
