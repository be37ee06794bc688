from __future__ import annotations

import re

import pytest

from osc_instanceha import caller


def test_whoever_is_a_user_on_a_machine_at_a_time():
    who, when = caller.whoever()
    assert re.fullmatch(r'[^@]+@.+', who)
    assert re.fullmatch(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ', when)


@pytest.mark.parametrize('error', [KeyError, OSError])
def test_whoever_is_somebody_even_without_a_name(monkeypatch, error):
    def nobody():
        raise error

    monkeypatch.setattr(caller.getpass, 'getuser', nobody)
    who, _when = caller.whoever()
    assert re.match(r'uid \d+@', who)
