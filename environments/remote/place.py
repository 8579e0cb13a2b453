"""Where a server is."""

from __future__ import annotations

import ipaddress

TOKEN = "KNOWHOW_TOKEN"
"""The environment variable that holds what a server wants to be told with every request."""


def is_loopback(host: str) -> bool:
    """Is it this machine alone that reaches the host?"""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"
