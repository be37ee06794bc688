"""The configuration files of the services, to be filled with str.format()."""

from __future__ import annotations

AUTH = """
auth_type = password
auth_url = {identity}
username = admin
password = {password}
project_name = admin
user_domain_id = default
project_domain_id = default
region_name = RegionOne
"""

AUTHTOKEN = (
    """
[keystone_authtoken]
www_authenticate_uri = {identity}
interface = public
service_token_roles_required = False
"""
    + AUTH
)

KEYSTONE = """
[DEFAULT]
log_file = {state}/keystone.log
[database]
connection = {db}/keystone.sqlite?timeout=60
sqlite_synchronous = False
[fernet_tokens]
key_repository = {state}/fernet
[fernet_receipts]
key_repository = {state}/receipts
[credential]
key_repository = {state}/credential
[identity]
password_hash_algorithm = bcrypt
password_hash_rounds = 4
"""

PLACEMENT = (
    """
[DEFAULT]
log_file = {state}/placement.log
[placement_database]
connection = {db}/placement.sqlite?timeout=60
sqlite_synchronous = False
"""
    + AUTHTOKEN
)

GLANCE = (
    """
[DEFAULT]
log_file = {state}/glance.log
enabled_backends = files:file
[glance_store]
default_backend = files
[files]
filesystem_store_datadir = {state}/images
[os_glance_staging_store]
filesystem_store_datadir = {state}/staging
[os_glance_tasks_store]
filesystem_store_datadir = {state}/tasks
[database]
connection = {db}/glance.sqlite?timeout=60
sqlite_synchronous = False
[paste_deploy]
flavor = keystone
config_file = {share}/glance/glance-api-paste.ini
"""
    + AUTHTOKEN
)

CINDER = (
    """
[DEFAULT]
log_file = {state}/cinder.log
state_path = {state}/cinder
host = controller
transport_url = fake:/
report_interval = 2
service_down_time = 60
enabled_backends = pretend
default_availability_zone = nova
allow_availability_zone_fallback = True
api_paste_config = {share}/cinder/api-paste.ini
resource_query_filters_file = {share}/cinder/resource_filters.json
glance_api_servers = {image}
quota_volumes = -1
quota_gigabytes = -1
[pretend]
volume_driver = tests.cloud.volumes.PretendVolumeDriver
volume_backend_name = pretend
[database]
connection = {db}/cinder.sqlite?timeout=60
sqlite_synchronous = False
[oslo_concurrency]
lock_path = {state}/cinder/locks
[nova]
interface = public
"""
    + AUTH
    + AUTHTOKEN
)

NEUTRON = (
    """
[DEFAULT]
log_file = {state}/neutron.log
state_path = {state}/neutron
host = controller
transport_url = fake:/
core_plugin = ml2
service_plugins =
api_paste_config = {share}/neutron/api-paste.ini
dhcp_agent_notification = False
notify_nova_on_port_status_changes = False
notify_nova_on_port_data_changes = False
[ml2]
type_drivers = local
project_network_types = local
mechanism_drivers = pretend
[quotas]
quota_network = -1
quota_subnet = -1
quota_port = -1
quota_security_group = -1
quota_security_group_rule = -1
[database]
connection = {db}/neutron.sqlite?timeout=60
sqlite_synchronous = False
[oslo_concurrency]
lock_path = {state}/neutron/locks
"""
    + AUTHTOKEN
)

# service_down_time: heartbeats starve on a busy machine, and a host that is
# only busy must not count as down.  Crashing a host does not wait for it.
# track_instance_changes: the scheduler's memory of who runs where would have
# to be rewritten whenever the databases are put back.
# endpoint_template: some releases take no service type with a hyphen.
# max_concurrent_builds: one thread pool serves every nova-compute here, and a
# held spawn keeps its thread.
NOVA = (
    """
[DEFAULT]
log_file = {state}/nova.log
state_path = {state}
my_ip = 127.0.0.1
host = controller
transport_url = fake:/
compute_driver = fake.PretendDriver
report_interval = {report_interval}
service_down_time = 60
manager_shutdown_timeout = 1
max_concurrent_builds = 50
max_concurrent_snapshots = 50
default_thread_pool_size = 50
block_device_allocate_retries = 600
block_device_allocate_retries_interval = 1
heal_instance_info_cache_interval = -1
[api_database]
connection = {db}/nova_api.sqlite?timeout=60
sqlite_synchronous = False
[database]
connection = {db}/nova_cell1.sqlite?timeout=60
sqlite_synchronous = False
[wsgi]
api_paste_config = {state}/api-paste.ini
[oslo_concurrency]
lock_path = {state}/locks
[filter_scheduler]
build_failure_weight_multiplier = 0
track_instance_changes = False
[quota]
driver = nova.quota.NoopQuotaDriver
[glance]
api_servers = {image}
[cinder]
endpoint_template = {block-storage}/v3
[neutron]
endpoint_override = {network}
"""
    + AUTH
    + """
[service_user]
send_service_user_token = True
"""
    + AUTH
    + """
[placement]
"""
    + AUTH
    + AUTHTOKEN
)
