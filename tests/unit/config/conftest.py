from __future__ import annotations

from openstack.config import loader
import pytest

from tests.unit.config import place as place_


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setattr(loader, 'CONFIG_SEARCH_PATH', [str(tmp_path)])
    return place_.Place(tmp_path)
