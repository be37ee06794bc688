from __future__ import annotations

import os

from openstack.config import loader
import pytest

from tests.unit.config import place as place_


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setattr(loader, 'CONFIG_SEARCH_PATH', [str(tmp_path)])
    return place_.Place(tmp_path)


@pytest.fixture
def strangers(monkeypatch):
    """Makes a file, or any file, one of another user than root and this."""
    real = os.geteuid()
    user, other = 4711, 4712
    monkeypatch.setattr(os, 'geteuid', lambda: user)

    def give(path):
        if real == 0:
            os.chown(path, other, -1)
            return other
        return real

    return give
