"""Who may import whom, by source and by what is loaded in truth."""

from __future__ import annotations

import ast
import json
import pathlib
import subprocess
import sys

import pytest

import osc_instanceha

ROOT = pathlib.Path(osc_instanceha.__file__).parent
PACKAGE = 'osc_instanceha'

#: The core, from the bottom up: each imports only what stands before it.
PURE = [
    'exceptions',
    'model',
    'image_names',
    'options',
    'selection',
    'refusals',
    'plan',
    'hosts',
    'heartbeat',
    'remains',
    'tracking',
    'marks',
    'fencing.driver',
    'fencing.evidence',
    'fencing.masking',
    'fencing.options',
    'fencing.result',
    'fencing.specification',
    'events',
    'ports',
]

#: The run, on top of it: no I/O of its own, but for the passing of time.
RUN = [
    'caller',
    'inventory',
    'limit',
    'proof',
    'following',
    'sending',
    'host_recovery',
    'side_by_side',
    'fencing.deadline',
    'fencing.loading',
    'fencing.device',
    'fencing.levels',
    'host_fencing',
    'host_unfencing',
    'host_runs',
    'fence',
    'unfence',
    'audit',
    'proving',
    'recovery',
]

#: Each speaks to one kind of device.
DRIVERS = [
    'fencing.fence_agent',
    'fencing.ipmi',
    'fencing.ironic',
    'fencing.manual',
    'fencing.pacemaker',
    'fencing.redfish',
]

#: What the drivers need.
DRIVER_PARTS = [
    'fencing.agent_metadata',
    'fencing.bounded_session',
    'fencing.child',
    'fencing.fencing_history',
    'fencing.ipmi_session',
    'fencing.redfish_failures',
    'fencing.redfish_transport',
    'fencing.secret_names',
]

#: The reader of instanceha.yaml.
CONFIG = [
    'config.addresses',
    'config.belonging',
    'config.collisions',
    'config.config',
    'config.device_options',
    'config.devices',
    'config.document',
    'config.hosts',
    'config.loading',
    'config.location',
    'config.merging',
    'config.ownership',
    'config.patterns',
    'config.permissions',
    'config.problems',
    'config.reading',
    'config.running',
    'config.schema',
    'config.secrets',
    'config.specifying',
    'config.substitution',
    'config.syntax',
    'config.targets',
    'config.validation',
]

#: What a module of the core may import when that is needed.
DEFERRED = {'fencing.loading': {'stevedore'}}


def source(module):
    path = ROOT / (module.replace('.', '/') + '.py')
    return path if path.exists() else ROOT / module / '__init__.py'


def imports(module, *, everywhere=True):
    """The modules that a module's source imports; not those for types."""
    tree = ast.parse(source(module).read_text())
    checked = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If)
        and isinstance(node.test, ast.Name)
        and node.test.id == 'TYPE_CHECKING'
        for inner in ast.walk(node)
    }
    nodes = ast.walk(tree) if everywhere else tree.body
    for node in nodes:
        if id(node) in checked:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, 'no relative imports'
            if top(node.module) == PACKAGE:
                yield from (
                    f'{node.module}.{item.name}' for item in node.names
                )
            else:
                yield node.module


def loaded(*modules):
    """What a fresh Python has loaded after importing these."""
    code = (
        'import json, sys\n'
        'before = set(sys.modules)\n'
        f'import {", ".join(modules)}\n'
        'print(json.dumps(sorted(set(sys.modules) - before)))\n'
    )
    answer = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', code],
        check=True,
        capture_output=True,
        text=True,
    )
    return set(json.loads(answer.stdout))


def top(name):
    return name.partition('.')[0]


@pytest.mark.parametrize('module', PURE + RUN)
def test_the_core_imports_downwards_and_the_standard_library(module):
    order = PURE + RUN
    below = {f'{PACKAGE}.{name}' for name in order[: order.index(module)]}
    for name in imports(module):
        if top(name) == PACKAGE:
            assert name in below
        else:
            assert top(name) in {
                *sys.stdlib_module_names,
                *DEFERRED.get(module, ()),
            }


def test_nothing_in_the_core_does_io():
    for module in PURE:
        found = {top(name) for name in imports(module)}
        assert not found & {
            'io',
            'logging',
            'os',
            'pathlib',
            'random',
            'socket',
            'subprocess',
            'threading',
        }
        # Of the clock, only the port knows.
        assert 'time' not in found or module == 'ports'


def test_the_core_loads_only_the_standard_library():
    found = loaded(*[f'{PACKAGE}.{name}' for name in PURE + RUN])
    strange = {
        name
        for name in found
        if top(name) not in {*sys.stdlib_module_names, PACKAGE}
    }
    assert not strange
    mine = {name for name in found if top(name) == PACKAGE}
    assert mine == {
        PACKAGE,
        f'{PACKAGE}.fencing',
        *(f'{PACKAGE}.{name}' for name in PURE + RUN),
    }


def test_the_package_itself_loads_nothing():
    found = loaded(PACKAGE)
    assert {name for name in found if top(name) == PACKAGE} == {PACKAGE}
    assert {top(name) for name in found} <= {
        *sys.stdlib_module_names,
        PACKAGE,
    }


def test_the_plugin_costs_the_other_commands_nothing():
    commands = ('evacuate', 'fence', 'fencing', 'fencing_driver', 'unfence')
    entry_points = [
        f'{PACKAGE}.osc.plugin',
        *(f'{PACKAGE}.osc.v1.{name}' for name in commands),
    ]
    base = loaded('osc_lib.command.command')
    added = loaded(*entry_points) - base
    assert {
        name for name in added if top(name) not in sys.stdlib_module_names
    } == {
        PACKAGE,
        f'{PACKAGE}.osc',
        f'{PACKAGE}.osc.command',
        f'{PACKAGE}.osc.arguments',
        f'{PACKAGE}.osc.authenticating',
        f'{PACKAGE}.osc.host_rows',
        f'{PACKAGE}.osc.plugin',
        f'{PACKAGE}.osc.selecting',
        f'{PACKAGE}.osc.v1',
        *(f'{PACKAGE}.osc.v1.{name}' for name in commands),
    }
    # Nothing heavy of the standard library either.
    assert not {top(name) for name in added} & {'asyncio', 'concurrent'}


def test_the_list_of_drivers_needs_none_of_their_libraries():
    """One that is not installed must not take the others away."""
    found = loaded(*[f'{PACKAGE}.{name}' for name in DRIVERS])
    assert not {top(name) for name in found} & {
        'openstack',
        'pyghmi',
        'sushy',
    }


@pytest.mark.parametrize('module', PURE + RUN + ['osc.v1.fence'])
def test_the_core_knows_no_driver(module):
    assert not set(imports(module)) & {
        f'{PACKAGE}.{name}' for name in DRIVERS + DRIVER_PARTS
    }


def modules():
    return [
        '.'.join(path.relative_to(ROOT).with_suffix('').parts)
        for path in sorted(ROOT.rglob('*.py'))
        if path.name != '__init__.py'
    ]


@pytest.mark.parametrize('module', modules())
def test_only_the_commands_know_the_commands(module):
    if not module.startswith('osc.'):
        assert not [
            name
            for name in imports(module)
            if name.startswith(f'{PACKAGE}.osc')
            or top(name) in ('osc_lib', 'cliff', 'openstackclient', 'tqdm')
        ]


@pytest.mark.parametrize('module', modules())
def test_only_one_package_knows_novaclient(module):
    if not module.startswith('compute.'):
        assert 'novaclient' not in {top(name) for name in imports(module)}


def test_every_module_has_its_place():
    known = {
        *PURE,
        *RUN,
        *DRIVERS,
        *DRIVER_PARTS,
        *CONFIG,
        'agents.fence',
        'agents.marking',
        'agents.metadata',
        'agents.parameters',
        'agents.recovery',
        'agents.rounds',
        'agents.sign',
        'cloud',
        'images',
        'lock_folder',
        'lock_service',
        'locking',
        'projects',
        'repeating',
        'service_failures',
        'sessions',
        'compute.answers',
        'compute.client',
        'compute.failures',
        'compute.microversions',
        'compute.reading',
        'osc.command',
        'osc.arguments',
        'osc.authenticating',
        'osc.host_rows',
        'osc.plugin',
        'osc.progress',
        'osc.selecting',
        'osc.v1.evacuate',
        'osc.v1.fence',
        'osc.v1.fencing',
        'osc.v1.fencing_driver',
        'osc.v1.unfence',
    }
    assert set(modules()) == known
