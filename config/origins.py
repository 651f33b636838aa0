"""Origins as browsers write them, so that two can be compared as text (HTML standard, "serialization of an origin")."""

import re
from ipaddress import IPv4Address, IPv6Address

import idna

_DEFAULT_PORTS = {"http": 80, "https": 443}
# Pages on the web, in applications made of web pages, and in browser extensions.
SCHEMES = (
    "http",
    "https",
    "app",
    "capacitor",
    "chrome-extension",
    "ionic",
    "moz-extension",
    "safari-web-extension",
    "tauri",
)
_ORIGIN = re.compile(
    r"(?P<scheme>[a-z-]+)://(?:\[(?P<v6>[0-9a-f:.]+)\]|(?P<name>[^\s:/?#@\[\]\\%]+))(?::(?P<port>[0-9]{1,5}))?"
)
_NAME = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?")
_MAX_NAME_LENGTH = 253
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_MAX_PORT = 65_535


def normalised(origin: str) -> str:
    """Return an origin in lower case, its host in its ASCII form, without its scheme's own port.

    :raises ValueError: it has a path, a query, user information or a wildcard, or no browser would send it.
    """
    parts = _ORIGIN.fullmatch(origin.lower())
    if parts is None or parts["scheme"] not in SCHEMES:
        raise ValueError("not an origin")
    host = f"[{IPv6Address(parts['v6'])}]" if parts["v6"] else _ascii(parts["name"])
    port = int(parts["port"]) if parts["port"] else None
    if port is not None and not 0 < port <= _MAX_PORT:
        raise ValueError("no such port")
    return f"{parts['scheme']}://{host}{'' if port in {None, _DEFAULT_PORTS.get(parts['scheme'])} else f':{port}'}"


def _ascii(name: str) -> str:
    """Return the ASCII form of a host's name, as browsers make it (UTS #46, non-transitional), or an IPv4 address."""
    ascii_ = name if name.isascii() else idna.encode(name, uts46=True).decode()
    if not _NAME.fullmatch(ascii_) or len(ascii_) > _MAX_NAME_LENGTH:
        raise ValueError("not a host")
    if _NUMBER.fullmatch(ascii_.rpartition(".")[2]):
        return str(IPv4Address(ascii_))
    return ascii_
