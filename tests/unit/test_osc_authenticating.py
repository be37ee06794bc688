"""A Keystone that does not answer at once, or at all."""

from __future__ import annotations

import types

from keystoneauth1 import exceptions as ksa_exceptions
import pytest

from osc_instanceha import exceptions
from osc_instanceha import sessions
from osc_instanceha.osc import authenticating


class App:
    """The shell, whose Keystone does this, one after the other."""

    def __init__(self, *ends, **config):
        self.options = types.SimpleNamespace(api_timeout=None)
        self.client_manager = types.SimpleNamespace(
            get_configuration=lambda: config
        )
        self.prepared = []
        self._ends = list(ends)

    def prepare_to_run_command(self, command):
        self.prepared.append((command.auth_required, self.options.api_timeout))
        end = self._ends.pop(0)
        if end is not None:
            raise end


def authenticate(app):
    authenticating.authenticate(
        app, types.SimpleNamespace(auth_required=False)
    )


AWAY = [
    ksa_exceptions.ConnectFailure('x'),
    ksa_exceptions.ConnectTimeout('x'),
    ksa_exceptions.UnknownConnectionError('x', ValueError()),
    ksa_exceptions.http.ServiceUnavailable('x'),
]


@pytest.mark.parametrize('end', AWAY)
def test_keystone_is_asked_again(naps, end):
    app = App(end, end, None)
    authenticate(app)
    assert app.prepared == [(True, sessions.TIMEOUT)] * 3


@pytest.mark.parametrize('end', AWAY)
def test_a_keystone_that_stays_away_is_told(naps, end):
    with pytest.raises(exceptions.CloudError, match='The Identity API'):
        authenticate(App(end, end, end))


def test_a_wrong_password_is_not_tried_again():
    app = App(ksa_exceptions.http.Unauthorized('x', http_status=401))
    with pytest.raises(exceptions.Forbidden, match='credentials'):
        authenticate(app)


def test_the_time_out_of_clouds_yaml_stays():
    app = App(None, api_timeout=7)
    authenticate(app)
    assert app.prepared == [(True, None)]
