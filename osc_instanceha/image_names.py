"""The image properties that Nova itself knows by name."""

#: Names whose presence *and absence* ``GET /servers/detail`` shows for sure
#: from microversion 2.98 on: the ``hw_`` and ``os_`` fields of
#: nova.objects.ImageMetaProps in Nova 31, the first release with 2.98. The
#: ``img_`` names and the two that Glance numbers (``hw_numa_cpus.0``) are left
#: out, since Nova does not copy them all. Any other name is asked of Glance.
SHOWN_BY_NOVA = frozenset(
    """
    hw_architecture hw_emulation_architecture hw_auto_disk_config
    hw_boot_menu hw_cdrom_bus hw_cpu_cores hw_cpu_sockets hw_cpu_max_cores
    hw_cpu_max_sockets hw_cpu_max_threads hw_cpu_policy
    hw_cpu_thread_policy hw_cpu_realtime_mask hw_cpu_threads hw_device_id
    hw_disk_bus hw_disk_type hw_floppy_bus hw_firmware_type
    hw_firmware_stateless hw_input_bus hw_ipxe_boot hw_locked_memory
    hw_machine_type hw_mem_encryption hw_mem_page_size hw_numa_nodes
    hw_pci_numa_affinity_policy hw_pointer_model hw_pmu hw_qemu_guest_agent
    hw_rescue_bus hw_rescue_device hw_rng_model hw_time_hpet
    hw_serial_port_count hw_scsi_model hw_video_model hw_video_ram
    hw_vif_model hw_viommu_model hw_vm_mode hw_watchdog_action
    hw_vif_multiqueue_enabled hw_tpm_model hw_tpm_version
    hw_ephemeral_encryption hw_ephemeral_encryption_secret_uuid
    hw_virtio_packed_ring hw_maxphysaddr_mode hw_maxphysaddr_bits
    os_admin_user os_command_line os_distro os_require_quiesce
    os_secure_boot os_skip_agent_inject_files_at_boot
    os_skip_agent_inject_ssh os_type
    """.split()
)
