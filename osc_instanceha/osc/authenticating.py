"""Getting a token, before a command begins.

OpenStackClient does it before it runs a command, asks once, and waits as long
as Keystone takes. That is for a person, who asks again; a monitor calls when
a host has just died, and Keystone with it perhaps.
"""

from __future__ import annotations

from typing import Any


def authenticate(app: Any, command: Any) -> None:
    """Prepare a command as OpenStackClient does, but patiently.

    :param app: the OpenStackClient shell
    :param command: that is to be run; its ``auth_required`` was False so far
    :raises CloudError: if Keystone gives no token
    """
    from osc_instanceha import repeating
    from osc_instanceha import service_failures
    from osc_instanceha import sessions

    if app.client_manager.get_configuration().get('api_timeout') is None:
        # As if it stood in clouds.yaml; without it there is no time-out.
        app.options.api_timeout = sessions.TIMEOUT

    def ask() -> None:
        with service_failures.translated('The Identity API'):
            app.prepare_to_run_command(command)

    command.auth_required = True
    repeating.patiently(ask)
