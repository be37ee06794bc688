from __future__ import annotations

import os
import pwd
import types

from openstack.config import loader
import pytest

from tests.unit.config import place as place_


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setattr(loader, 'CONFIG_SEARCH_PATH', [str(tmp_path)])
    return place_.Place(tmp_path)


@pytest.fixture
def stranger(monkeypatch):
    """Gives a file to a user who is neither root nor me, and returns who.

    I am bob; the other one has no name.
    """
    real = os.geteuid()
    bob, other = (4711, 4712) if real == 0 else (real + 1, real)

    def named(user):
        if user != bob:
            raise KeyError(user)
        return types.SimpleNamespace(pw_name='bob')

    monkeypatch.setattr(os, 'geteuid', lambda: bob)
    monkeypatch.setattr(pwd, 'getpwuid', named)

    def give(path, user=other):
        if real == 0:
            os.chown(path, user, -1)
        return user

    return give
