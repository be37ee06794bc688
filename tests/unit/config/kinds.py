"""Drivers to configure, with every kind of option; none can be made."""

from __future__ import annotations

from osc_instanceha.fencing import driver


class _Nothing(driver.Driver):
    summary = 'nothing'

    def read(self, timeout):
        raise NotImplementedError

    def switch(self, state, timeout):
        raise NotImplementedError


class Bmc(_Nothing):
    options = (
        driver.Option('address', 'URL', required=True, names_target=True),
        driver.Option('system', 'path', names_target=True),
        driver.Option('username', 'user'),
        driver.Option('password', 'password', required=True, secret=True),
        driver.Option('port', 'port', kind=driver.Kind.INTEGER),
        driver.Option(
            'verify', 'certificate', kind=driver.Kind.BOOLEAN_OR_PATH
        ),
        driver.Option('auth', 'how', choices=('basic', 'session')),
    )


class Agent(_Nothing):
    options = (
        driver.Option('agent', 'program', required=True, names_target=True),
        driver.Option(
            'parameters',
            'of it',
            kind=driver.Kind.MAPPING,
            names_target=True,
        ),
    )


class Cluster(_Nothing):
    options = (driver.Option('target', 'name', names_target=True),)


class Person(_Nothing):
    options = (driver.Option('vouched', 'seen', kind=driver.Kind.BOOLEAN),)


DRIVERS = {'bmc': Bmc, 'agent': Agent, 'cluster': Cluster, 'person': Person}
