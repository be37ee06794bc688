"""A real Nova cloud in a few Python processes: pip only, no root, no broker.

One process runs nova-api, nova-conductor, nova-scheduler and one nova-compute
per pretended host over oslo.messaging's in-memory transport.  Keystone,
Placement, Glance, Cinder and Neutron are the real WSGI applications, a
process each, because oslo's configuration is global to a process.  All are
children of the launcher.  Everything listens on loopback and keeps its data in
SQLite files below one directory.

The Nova may be an older one, in a virtual environment of its own
(``TESTS_NOVA_PYTHON``, :mod:`tests.cloud.release`).

What is pretended: the hypervisor (Nova's own ``fake`` driver, extended), the
volume driver and the mechanism driver that binds ports.

``python -m tests.cloud`` starts it for a person, :mod:`tests.cloud.client` for
a test.
"""
