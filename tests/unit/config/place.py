"""Where configurations under test are."""

from __future__ import annotations

import pathlib
import textwrap

import pytest

from osc_instanceha import exceptions
from osc_instanceha.config import config
from osc_instanceha.config import loading
from tests.unit.config import kinds


class Place:
    """A folder in which instanceha.yaml is found."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self.environ: dict[str, str] = {}

    def write(
        self, text: str | bytes, name: str = 'instanceha.yaml', mode=0o600
    ) -> pathlib.Path:
        path = self.folder / name
        raw = text
        if isinstance(text, str):
            raw = textwrap.dedent(text).encode()
        path.write_bytes(raw)
        path.chmod(mode)
        return path

    def load(self, drivers=kinds.DRIVERS) -> config.Config:
        return loading.load(self.environ, drivers)

    def problems(self, drivers=kinds.DRIVERS) -> list[str]:
        """All that is wrong, without the folder."""
        with pytest.raises(exceptions.InvalidConfig) as caught:
            self.load(drivers)
        assert str(caught.value).splitlines() == list(caught.value.problems)
        return [
            line.replace(f'{self.folder}/', '')
            for line in caught.value.problems
        ]
