from __future__ import annotations

import pytest

from osc_instanceha.fencing import secret_names


@pytest.mark.parametrize(
    'name',
    [
        # What the agents of ClusterLabs call theirs.
        *['password', 'passwd', 'snmp_priv_passwd', 'community', 'apikey'],
        *['secret_key', 'token', 'hexadecimal_kg', 'access_key'],
        # And others.
        *['pass', 'user_pass', 'PASSWORD', 'adminPassword', 'kg', 'pwd'],
        *['client-secret', 'api-key', 'private_key', 'passphrase'],
        *['application_credential_secret', 'bmc_password2'],
    ],
)
def test_a_secret(name):
    assert secret_names.is_secret_name(name)


@pytest.mark.parametrize(
    'name',
    [
        *['passwd_script', 'password_script', 'snmp_priv_passwd_script'],
        *['identity_file', 'token_file', 'cookie_file', 'password_file'],
        *['login', 'username', 'auth', 'auth_url', 'privlvl', 'plug', 'ip'],
        # A registration of SCSI's, a path, and what only sounds alike.
        *['key', 'key_value', 'tlskey', 'serviceaccount', 'bypass', 'kgb'],
        *['password_prompt', 'token_timeout', 'compass', 'package', ''],
    ],
)
def test_no_secret(name):
    assert not secret_names.is_secret_name(name)
