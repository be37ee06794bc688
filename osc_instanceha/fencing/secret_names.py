"""Which names of parameters stand for secrets.

A fence agent or another device that takes parameters by name does not say
which of them are secret. These rules cover what ClusterLabs' fence agents
call theirs in their metadata: password, passwd, snmp_priv_passwd,
community, apikey, secret_key, token, hexadecimal_kg, ...
"""

from __future__ import annotations

import re

_SECRET = re.compile(
    r'passw(or)?d|passphrase|passcode|secret|token|credential|community'
    r'|(^|_)(pass|pwd|pw)(_|$)'
    r'|(^|_)kg$'
    # A bare "key" is what SCSI agents call a registration, "tlskey" a path.
    r'|(api|access|private|shared|auth|encryption|bmc)_?key$'
)

#: What is about a secret, and is none.
_ABOUT = re.compile(
    r'_(script|file|path|env|url|timeout|prompt|type|name|id)$'
)

_HUMP = re.compile(r'(?<=[a-z0-9])(?=[A-Z])')


def is_secret_name(name: str) -> bool:
    """Whether the value of a parameter of this name is a secret.

    In doubt it is one. ``password_script``, ``identity_file`` and their like
    are not: what they hold is a path.
    """
    plain = _HUMP.sub('_', name).replace('-', '_').lower()
    return bool(_SECRET.search(plain)) and not _ABOUT.search(plain)
