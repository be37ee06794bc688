"""The commands, as openstack runs them, on a scene."""

from __future__ import annotations

import io
import json
import logging
import types
from typing import Any

from osc_lib.command import command

from osc_instanceha import options as options_
from osc_instanceha.fencing import options as fencing_options
from tests.unit.fencing import scene as scene_


class Untouched:
    """A cloud that must not be asked for."""

    @staticmethod
    def get_configuration() -> dict[str, Any]:
        return {}

    @property
    def instanceha(self) -> Any:
        raise AssertionError('the cloud was touched')


class Cloud:
    """:class:`~osc_instanceha.cloud.Cloud`, of a scene.

    :ivar asked: the runs that were asked for, with all that they were given
    """

    def __init__(self, scene: scene_.Scene, **config: Any) -> None:
        self.scene = scene
        self.config = types.SimpleNamespace(
            **{'max_hosts_down': None, 'evacuate': {}, **config}
        )
        self.asked: list[tuple[Any, ...]] = []

    def options(self, **fields: Any) -> options_.Options:
        return options_.Options(
            **{
                'max_hosts_down': self.config.max_hosts_down,
                **self.config.evacuate,
                **fields,
            }
        )

    def fence_options(self, **fields: Any) -> fencing_options.FenceOptions:
        return fencing_options.FenceOptions(
            **{
                'max_hosts_down': self.config.max_hosts_down,
                'report_interval': self.options().report_interval,
                **fields,
            }
        )

    def fence(
        self, hosts: Any, options: Any, *, dry_run: bool, lock_timeout: float
    ) -> Any:
        self.asked.append((hosts, options, dry_run, lock_timeout))
        return self.scene.fence(hosts, options=options, dry_run=dry_run)

    def unfence(self, hosts: Any, options: Any, *, lock_timeout: float) -> Any:
        self.asked.append((hosts, options, lock_timeout))
        return self.scene.unfence(hosts, options=options)

    def fencing(self, hosts: Any, *, check: bool) -> Any:
        self.asked.append((hosts, check))
        return self.scene.audit(hosts, check=check)


class Ran:
    """A command that was run.

    :param kind: the command
    :param scene: None for one in which the cloud must not be touched
    :param config: what instanceha.yaml says
    :ivar code: its exit code
    """

    def __init__(
        self,
        kind: type[command.Command],
        words: str,
        scene: scene_.Scene | None = None,
        *,
        verbose_level: int = 1,
        debug: bool = False,
        **config: Any,
    ) -> None:
        self.cloud = None if scene is None else Cloud(scene, **config)
        self.app = app(
            types.SimpleNamespace(
                instanceha=self.cloud, get_configuration=dict
            )
            if scene is not None
            else Untouched(),
            verbose_level=verbose_level,
            debug=debug,
        )
        made = kind(self.app, None)
        parser = made.get_parser('openstack host something')
        self.code = made.run(parser.parse_args(words.split()))
        self.out: str = self.app.stdout.getvalue()
        self.err: str = self.app.stderr.getvalue()

    @property
    def rows(self) -> Any:
        return json.loads(self.out)

    @property
    def table(self) -> list[list[str]]:
        """The cells of a table, the head first."""
        lines = [line for line in self.out.splitlines() if line[:1] == '|']
        return [
            [cell.strip() for cell in line.strip('|').split('|')]
            for line in lines
        ]


def app(manager: Any, *, verbose_level: int, debug: bool) -> Any:
    return types.SimpleNamespace(
        client_manager=manager,
        stdout=io.StringIO(),
        stderr=io.StringIO(),
        options=types.SimpleNamespace(
            debug=debug, verbose_level=verbose_level
        ),
        LOG=logging.getLogger('test'),
        prepare_to_run_command=lambda command: None,
    )


#: Global options of openstack: one of ours with such a name, or the
#: beginning of one, would be swallowed in silence.
GLOBAL = (
    '--insecure --verify --debug --timing --log-file --quiet --verbose '
    '--version --help --region --os-cloud --os-region-name --cacert --cert '
    '--key --default-domain --interface --service-provider --remote-project-id'
).split()


def check_options(kind: type[command.Command]) -> None:
    """No option of ours is a global one or its beginning, or a secret's."""
    made = kind(app(Untouched(), verbose_level=1, debug=False), None)
    ours = {
        word
        for action in made.get_parser('openstack')._actions
        for word in action.option_strings
        if word.startswith('--')
    } - {'--help'}
    for word in GLOBAL:
        assert not [name for name in ours if word.startswith(name)]
    assert not [name for name in ours if name.startswith('--os-')]
    assert not [name for name in ours if 'pass' in name or 'secret' in name]


def help_of(kind: type[command.Command]) -> str:
    made = kind(app(Untouched(), verbose_level=1, debug=False), None)
    return made.get_parser('openstack host something').format_help()
