"""Addresses that lead to the same place, made the same."""

from __future__ import annotations

import ipaddress
import urllib.parse

_PORTS = {'http': 80, 'https': 443}


def of_machine(text: str) -> str:
    """A host name or an IP address, as short as it can be written."""
    plain = text.strip().lower().rstrip('.')
    try:
        return str(ipaddress.ip_address(plain))
    except ValueError:
        return plain


def of_url(text: str) -> str | None:
    """A URL without what makes no difference to where it leads.

    Scheme and host are in lower case; the port of the scheme, slashes at
    the end of the path, a user name, a password and a fragment are gone.

    :returns: None for what is no URL with a host
    """
    try:
        parts = urllib.parse.urlsplit(text.strip())
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if not parts.scheme or not host:
        return None
    host = of_machine(host)
    if ':' in host:
        host = f'[{host}]'
    if port not in (None, _PORTS.get(parts.scheme)):
        host = f'{host}:{port}'
    query = f'?{parts.query}' if parts.query else ''
    return f'{parts.scheme}://{host}{parts.path.rstrip("/")}{query}'
