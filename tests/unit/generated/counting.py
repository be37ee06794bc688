"""How many cases were generated, in the summary of the run.

A whole run with fewer than :data:`LEAST` fails: a generator that no longer
generates would go unnoticed otherwise.
"""

from __future__ import annotations

import functools
import pathlib
from typing import Any

import hypothesis
import pytest

#: Generated cases of a whole run with the default profile.
LEAST = 10_000

_DEFAULT = 'instant'
_EXAMPLES = 60

#: How much more is generated with ``--hypothesis-profile``.
PROFILES = {_DEFAULT: 1, 'more': 10, 'most': 100}


def register() -> None:
    """Make the profiles known, and take the default one."""
    for name, times in PROFILES.items():
        first = name == _DEFAULT
        hypothesis.settings.register_profile(
            name,
            max_examples=_EXAMPLES * times,
            # A busy machine is no reason to fail.
            deadline=None,
            suppress_health_check=[hypothesis.HealthCheck.too_slow],
            # The same cases each time; with the others, cases that are new,
            # and a line that brings back the one that failed.
            derandomize=first,
            database=None,
            print_blob=True,
        )
    hypothesis.settings.load_profile(_DEFAULT)


def times(factor: float) -> hypothesis.settings:
    """So many times as many cases as the profile says."""
    examples = hypothesis.settings().max_examples
    return hypothesis.settings(max_examples=max(1, int(examples * factor)))


class Counter:
    """A pytest plugin that counts them.

    :ivar count: how many there were
    """

    def __init__(self, folder: pathlib.Path) -> None:
        self.count = 0
        self._folder = folder
        self._seen: set[int] = set()
        self._deselected = False

    def pytest_deselected(self) -> None:
        self._deselected = True

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            test = getattr(item, 'obj', None)
            handle = getattr(test, 'hypothesis', None)
            if handle is not None and id(handle) not in self._seen:
                # Once, however many parameters it has.
                self._seen.add(id(handle))
                # hypothesis's own way in for test runners.
                handle.inner_test = self._counted(handle.inner_test)

    def _counted(self, test: Any) -> Any:
        @functools.wraps(test)
        def counted(*args: Any, **kwargs: Any) -> Any:
            self.count += 1
            return test(*args, **kwargs)

        return counted

    def _whole(self, config: pytest.Config) -> bool:
        here = config.invocation_params.dir
        paths = [pathlib.Path(here, arg).resolve() for arg in config.args]
        return paths == [self._folder] and not self._deselected

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if (
            session.exitstatus == pytest.ExitCode.OK
            and self._whole(session.config)
            and not session.config.option.collectonly
            and self.count < LEAST
        ):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        line = f'generated cases: {self.count:,}'
        if self._whole(terminalreporter.config) and self.count < LEAST:
            terminalreporter.write_line(
                f'{line}, must be {LEAST:,} at least', red=True
            )
        elif self.count:
            terminalreporter.write_line(line)
