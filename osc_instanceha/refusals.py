"""Which servers Nova cannot evacuate, or must not be asked to now.

Nova answers some of these itself, with other codes in other releases; some
it accepts and then leaves the server in ERROR, or worse, runs it twice. So
all of them are known here beforehand. Sources: nova.compute.api.API.evacuate
and its decorators, nova.compute.manager._do_rebuild_instance.
"""

from __future__ import annotations

from collections.abc import Mapping

from osc_instanceha import model

#: vm_state in which nova.compute.api.API.evacuate takes a server.
EVACUABLE_VM_STATES = frozenset(('active', 'stopped', 'error'))

_CURES = {
    'paused': "'openstack server set --state active' makes it evacuable; its "
    'memory is gone with the host',
    'suspended': "'openstack server set --state active' makes it evacuable; "
    'its memory is gone with the host',
    'rescued': "'openstack server set --state active' makes it evacuable, "
    'from its own disk',
    'resized': "confirm or revert the resize, or see to its older copy and "
    "'openstack server set --state active'",
    'shelved': "'openstack server set --state active' makes it evacuable",
    'shelved_offloaded': 'it is on no host',
    'building': 'it never ran: delete it and create it again',
    'soft-delete': 'it is deleted; restore it first',
    'deleted': 'it is deleted',
}

#: Task states that are safe, because what was going on ended with the host:
#: nova.compute.task_states. Not in here: everything that may already have
#: put a copy of the server, or of its disk, on another host.
_ENDED_WITH_THE_HOST = frozenset(
    (
        'image_backup',
        'image_pending_upload',
        'image_snapshot',
        'image_snapshot_pending',
        'image_uploading',
        'pausing',
        'powering-off',
        'powering-on',
        'reboot_pending',
        'reboot_pending_hard',
        'reboot_started',
        'reboot_started_hard',
        'rebooting',
        'rebooting_hard',
        'rescuing',
        'resuming',
        'suspending',
        'unpausing',
        'unrescuing',
        'updating_password',
    )
)

_HELD = {
    'migrating': 'it is being live-migrated and may run on another host '
    'already',
    'deleting': 'it is being deleted, and an evacuation would bring it back',
    'soft-deleting': 'it is being deleted, and an evacuation would bring it '
    'back',
}

#: Drivers that do not set supports_evacuate: Nova accepts the request and
#: leaves the server in ERROR.
_NO_EVACUATION = ('ironic', 'vmware', 'powervm', 'zvm')


def rebuilding(task_state: str | None) -> bool:
    """Whether an evacuation or a rebuild of the server is under way."""
    return task_state is not None and task_state.startswith('rebuil')


def by_task_state(server: model.Server) -> str | None:
    """Why a server in the middle of something is held, or None.

    Nova itself no longer looks (bug 1978983): from 23.2.2, 24.2.0, 25.1.0 and
    26.0.0 on an evacuation is accepted in any task state.
    """
    task = server.task_state
    if task is None or task in _ENDED_WITH_THE_HOST:
        return None
    if rebuilding(task):
        return (
            f'held: it is being rebuilt (task state {task}), and no open '
            f'evacuation from this host tells how that stands; if it is still '
            f'so in some minutes, make sure that no host runs it, then '
            f"'openstack server set --state error' frees it"
        )
    if task.startswith('resize_'):
        why = 'it is being resized and may be on another host already'
    else:
        why = _HELD.get(task, 'nobody knows what that leaves behind')
    return (
        f"held: {why} (task state {task}); once that is certain to be over, "
        f"'openstack server set --state active' frees the server"
    )


def by_vm_state(server: model.Server) -> str | None:
    """Why Nova's evacuate would answer 409 to this state, or None."""
    if server.vm_state not in EVACUABLE_VM_STATES:
        cure = _CURES.get(server.vm_state, 'it needs a look by hand')
        return (
            f'Nova does not evacuate a server that is {server.vm_state}: '
            f'{cure}'
        )
    if not server.launched:
        return (
            f'Nova does not evacuate a server that never ran '
            f'({server.vm_state}, not launched): delete it and create it again'
        )
    return None


def by_device(
    server: model.Server, hypervisor_types: Mapping[str, str]
) -> str | None:
    """Why the server's hypervisor or devices rule it out, or None."""
    kind = hypervisor_types.get(server.hypervisor or '', '')
    if kind.lower().startswith(_NO_EVACUATION):
        return f'hypervisors of the type {kind} do not evacuate'
    specs = server.flavor.extra_specs or {}
    image = server.image_properties or {}
    if any(key.startswith('hw:tpm_') for key in specs) or any(
        key.startswith('hw_tpm_') for key in image
    ):
        return (
            'it has a virtual TPM, whose content is on the host: Nova does '
            'not evacuate it'
        )
    return None
