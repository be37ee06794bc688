"""A cloud whose hosts can be recovered: the Python API."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
import functools
import os
from typing import Any

from keystoneauth1 import adapter as ksa_adapter
from keystoneauth1 import exceptions as ksa_exceptions
from keystoneauth1 import session as ksa_session
import openstack
from openstack import exceptions as sdk_exceptions

from osc_instanceha import audit
from osc_instanceha import exceptions
from osc_instanceha import fence
from osc_instanceha import images
from osc_instanceha import locking
from osc_instanceha import options as options_
from osc_instanceha import plan as plan_
from osc_instanceha import ports
from osc_instanceha import projects
from osc_instanceha import recovery
from osc_instanceha import selection as selection_
from osc_instanceha import service_failures
from osc_instanceha import sessions
from osc_instanceha import unfence
from osc_instanceha.compute import client
from osc_instanceha.compute import microversions
from osc_instanceha.config import config as config_
from osc_instanceha.config import loading
from osc_instanceha.fencing import device
from osc_instanceha.fencing import driver
from osc_instanceha.fencing import levels
from osc_instanceha.fencing import options as fencing_options


class Cloud:
    """One cloud, seen with one set of credentials.

    :param session: authenticated; used for nothing but its authentication,
        its certificates and its time-out
    :param region_name: of the endpoints to use
    :param interface: of the endpoints to use
    :param compute_endpoint: in place of the one in the catalog
    :param compute_api_version: a microversion that is the highest to use;
        ``'latest'`` or None for no limit
    :param lock_url: of a tooz backend; None for the environment's
        ``OS_INSTANCEHA_LOCK``, the configuration's, or files on this machine
    :param config: None for instanceha.yaml, where there is one
    :param clock: that evacuations wait by, for who wants to know that they do
    :raises InvalidInput: if the version is none
    :raises InvalidConfig: if instanceha.yaml cannot be used, or is for
        another cloud
    """

    def __init__(
        self,
        session: ksa_session.Session,
        *,
        region_name: str | None = None,
        interface: str | None = None,
        compute_endpoint: str | None = None,
        compute_api_version: str | None = None,
        lock_url: str | None = None,
        config: config_.Config | None = None,
        clock: ports.Clock | None = None,
    ) -> None:
        self.config = loading.load() if config is None else config
        self.config.belonging.check(
            getattr(session.auth, 'auth_url', None), region_name
        )
        self._clock = clock
        self._session = sessions.sibling(session)
        self._region_name = region_name
        self._interface = interface
        self._lock_url = (
            lock_url
            or os.environ.get('OS_INSTANCEHA_LOCK')
            or self.config.lock_url()
        )
        self._adapter = functools.partial(
            ksa_adapter.Adapter,
            self._session,
            region_name=region_name,
            interface=interface,
        )
        self._compute = client.NovaCompute(
            self._session,
            region_name=region_name,
            interface=interface,
            endpoint_override=compute_endpoint,
            ceiling=microversions.parse(compute_api_version or ''),
        )
        self._images = images.ImageProperties(
            self._adapter(service_type='image'),
            self._adapter(service_type='block-storage'),
            self._adapter(
                service_type='compute', endpoint_override=compute_endpoint
            ),
        )

    def evacuate(
        self,
        hosts: Sequence[str] | None,
        selection: selection_.Selection | None = None,
        options: options_.Options | None = None,
        *,
        dry_run: bool = False,
        lock_timeout: float | None = None,
    ) -> recovery.Recovery:
        """A run that evacuates hosts when it is iterated over.

        :param hosts: exact compute host names; None for every host that is
            forced down in Nova
        :param selection: which of their servers; by default those that the
            configuration selects, or all of them
        :param options: by default :meth:`options` of nothing
        :param dry_run: decide, and change nothing
        :param lock_timeout: seconds to wait for another run on a host;
            by default 60 for hosts that are named, 0 for others, which are
            left to that run
        """
        if lock_timeout is None:
            lock_timeout = 0.0 if hosts is None else locking.TIMEOUT
        return recovery.Recovery(
            hosts,
            compute=self._compute,
            images=self._images,
            lock=self._lock(lock_timeout),
            devices=self._devices,
            selection=selection
            or self.config.selection
            or selection_.Selection(),
            options=options or self.options(),
            dry_run=dry_run,
            clock=self._clock,
        )

    def options(self, **fields: Any) -> options_.Options:
        """Options of an evacuation: these, and the configuration's.

        :param fields: of :class:`Options`
        :raises InvalidInput: if one makes no sense
        """
        return options_.Options(
            **{
                'max_hosts_down': self.config.max_hosts_down,
                **self.config.evacuate,
                **fields,
            }
        )

    def fence(
        self,
        hosts: Sequence[str],
        options: fencing_options.FenceOptions | None = None,
        *,
        dry_run: bool = False,
        lock_timeout: float = locking.TIMEOUT,
    ) -> fence.Fence:
        """A run that fences hosts when it is iterated over.

        :param hosts: exact compute host names
        :param options: by default :meth:`fence_options` of nothing
        :param dry_run: read the power states, and change nothing
        :param lock_timeout: seconds to wait for another run on a host
        """
        return fence.Fence(
            hosts,
            compute=self._compute,
            devices=self._devices,
            lock=self._lock(lock_timeout),
            options=options or self.fence_options(),
            dry_run=dry_run,
        )

    def fence_options(self, **fields: Any) -> fencing_options.FenceOptions:
        """Options of fencing: these, and the configuration's.

        :param fields: of :class:`FenceOptions`
        """
        return fencing_options.FenceOptions(
            **{
                'max_hosts_down': self.config.max_hosts_down,
                'report_interval': self.options().report_interval,
                **fields,
            }
        )

    def unfence(
        self,
        hosts: Sequence[str],
        options: fencing_options.UnfenceOptions | None = None,
        *,
        lock_timeout: float = locking.TIMEOUT,
    ) -> unfence.Unfence:
        """A run that brings hosts back when it is iterated over.

        :param hosts: exact compute host names
        :param lock_timeout: seconds to wait for another run on a host
        """
        return unfence.Unfence(
            hosts,
            compute=self._compute,
            devices=self._devices,
            lock=self._lock(lock_timeout),
            options=options or fencing_options.UnfenceOptions(),
        )

    def fencing(
        self, hosts: Sequence[str] = (), *, check: bool = False
    ) -> audit.Audit:
        """An audit of the fencing devices when it is iterated over.

        :param hosts: exact compute host names; none for all of them
        :param check: read the power state of every device
        """
        return audit.Audit(
            hosts,
            compute=self._compute,
            configured=self.config.hosts,
            devices=self._devices,
            check=check,
        )

    def _lock(self, timeout: float) -> ports.Lock:
        return functools.partial(
            locking.hold, url=self._lock_url, timeout=timeout
        )

    def _devices(self, host: str, stop: Callable[[], bool]) -> levels.Levels:
        target = driver.Target(
            host, self._session, self._region_name, self._interface
        )
        return tuple(
            tuple(
                device.Device(item, target, level=number, stop=stop)
                for item in level
            )
            for number, level in enumerate(self.config.levels(host), 1)
        )

    def plan(
        self,
        hosts: Sequence[str] | None,
        selection: selection_.Selection | None = None,
        options: options_.Options | None = None,
    ) -> tuple[plan_.Plan, ...]:
        """What an evacuation would do with every server, host by host.

        Nothing is changed, and no proof that the hosts are off is asked for.

        :raises InstanceHAError: as :meth:`Recovery.__iter__`
        """
        return self.evacuate(
            hosts, selection, options, dry_run=True
        ).read_plans()

    def project_id(self, project: str, domain: str | None = None) -> str:
        """The ID of the project with this name or ID.

        :param domain: name or ID of its domain
        :raises ProjectNotFound: if there is none, or more than one
        :raises CloudError: if Keystone does not tell
        """
        adapter = self._adapter(service_type='identity')
        return projects.Projects(adapter).find(project, domain)


def connect(
    cloud: str | None = None,
    *,
    session: ksa_session.Session | None = None,
    timeout: float | None = None,
    **options: Any,
) -> Cloud:
    """Connect to a cloud.

    :param cloud: its name in clouds.yaml; None for the environment's OS_*
    :param session: in place of that, a keystoneauth session of the caller's
    :param timeout: the most seconds for one answer, if not of that session
    :param options: see :class:`Cloud`
    :raises InstanceHAError: if there is no such cloud
    """
    if session is not None:
        return Cloud(session, **options)
    try:
        region = openstack.config.get_cloud_region(
            cloud=cloud, load_yaml_config=True
        )
        session = region.get_session()
        if timeout is not None:
            session.timeout = min(timeout, session.timeout or timeout)
    except (
        sdk_exceptions.SDKException,
        ksa_exceptions.ClientException,
    ) as error:
        raise exceptions.InvalidInput(
            service_failures.one_line(error), what='cloud'
        ) from error
    return Cloud(
        session,
        **{
            'region_name': region.get_region_name() or None,
            'interface': region.get_interface('compute'),
            'compute_endpoint': region.config.get('compute_endpoint_override'),
            'compute_api_version': region.config.get('compute_api_version'),
            **options,
        },
    )
