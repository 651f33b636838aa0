"""The types of settings, as marshmallow's fields, and what a setting's value has to be, as its validators.

Each raises :class:`marshmallow.ValidationError`, whose message says what to write and never shows the value.
"""

import re
from importlib.util import find_spec
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any

from limits import parse_many
from marshmallow import ValidationError, fields

from config.origins import SCHEMES, normalised
from likes_api.mongodb.connection_string import RESERVED_DATABASES, database_of, fault_of

MINIMUM_SECRET_BYTES = 32
_DATABASE_NAMES = f"write up to 63 letters, digits, _ and -, and none of {', '.join(RESERVED_DATABASES)}."
# Fields of questions and messages that are written, so that they cannot be what these are found by.
_WRITTEN_FIELDS = frozenset({"upvotes", "downvotes", "likedBy", "dislikedBy", "likesOverflow"})
_HOST = r"(\[[0-9A-Fa-f:.]+\]|[^\s:,@/?#\[\]]+)(:\d{1,5})?"


class CommaSeparated(fields.Field[tuple[str, ...]]):
    """Values between commas."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> tuple[str, ...]:
        # A tuple was read from a file.
        parts = value if isinstance(value, tuple) else str(value).split(",")
        return tuple(part.strip() for part in parts if part.strip())


class Origins(CommaSeparated):
    """Origins of web pages, between commas, in the form that browsers send."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> tuple[str, ...]:
        try:
            return tuple(normalised(origin) for origin in super()._deserialize(value))
        except ValueError:
            raise ValidationError(
                "Not a list of origins; an origin is scheme://host or scheme://host:port, without path and wildcard, "
                f"and the scheme one of {', '.join(SCHEMES)}."
            ) from None


class Networks(fields.Field[tuple[IPv4Network | IPv6Network, ...]]):
    """Networks of addresses, between commas."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> tuple[IPv4Network | IPv6Network, ...]:
        try:
            return tuple(ip_network(part.strip()) for part in str(value).split(",") if part.strip())
        except ValueError:
            raise ValidationError("Not a list of networks; write them like 10.0.0.0/8,::1/128.") from None


class Pattern(fields.Field[re.Pattern[str]]):
    """A regular expression."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> re.Pattern[str]:
        try:
            return re.compile(str(value))
        except (re.error, OverflowError):
            raise ValidationError("Not a regular expression, as Python writes them.") from None


class AbsolutePath(fields.Field[Path]):
    """A path; ``~`` and relative ones are resolved."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> Path:
        return Path(str(value)).expanduser().absolute()


def rate_limit(value: str) -> None:
    """Require rate limits in Flask-Limiter's notation."""
    try:
        items = parse_many(value)
    except ValueError:
        raise ValidationError("Not a rate limit; write one like 60/minute or 10 per 10 seconds.") from None
    if any(item.amount < 1 for item in items):
        raise ValidationError("Not a rate limit; it lets at least one request through.")


def mongodb_uri(value: str) -> None:
    """Require a connection string, as far as one can tell without a connection."""
    # As far as one can tell without the driver, which would refuse it in each worker, with a traceback that shows it.
    if not re.fullmatch(rf"mongodb(\+srv)?://([^@/]+@)?{_HOST}(,{_HOST})*(/[^?]*)?(\?.*)?", value):
        raise ValidationError(
            "Not a MongoDB URI; write mongodb://host:port or mongodb+srv://host, and @, : and / of a password as "
            "%40, %3A and %2F."
        )
    if (fault := fault_of(value)) is not None:
        raise ValidationError(f"Not a MongoDB URI that works: {fault}")


def database_uri(value: str) -> None:
    """Require a connection string whose database, if it names one, may hold votes."""
    mongodb_uri(value)
    name = database_of(value)
    if name is not None and not _is_database(name):
        raise ValidationError(f"The database it names is not one for votes; {_DATABASE_NAMES}")


def database_name(value: str) -> None:
    """Require the name of a database that may hold votes."""
    if not _is_database(value):
        raise ValidationError(f"Not a database for votes; {_DATABASE_NAMES}")


def _is_database(name: str) -> bool:
    return re.fullmatch(r"[A-Za-z0-9_-]{1,63}", name) is not None and name not in RESERVED_DATABASES


def limit_storage(value: str) -> None:
    """Require a storage that several machines can share."""
    scheme = value.partition("://")[0]
    if "://" not in value or scheme not in {"mongodb", "mongodb+srv", "redis", "rediss", "redis+unix"}:
        raise ValidationError("Not a storage for rate limits; write mongodb://... or redis://...")
    if scheme.startswith("mongodb"):
        mongodb_uri(value)
    if scheme.startswith("redis") and find_spec("redis") is None:
        raise ValidationError("Redis takes its client: pip install 'likes-api[redis]'.")


def hosts(values: tuple[str, ...]) -> None:
    """Require names of hosts."""
    if not all(re.fullmatch(r"\.?[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*|\[[0-9A-Fa-f:]+\]", value) for value in values):
        raise ValidationError("Not a list of hosts; write them without scheme and port: www.example.com,.example.org")


def not_empty(values: tuple[str, ...]) -> None:
    """Require a value besides commas."""
    if not values:
        raise ValidationError("Nothing but commas.")


def secrets(values: tuple[str, ...]) -> None:
    """Require secrets that are long enough."""
    not_empty(values)
    if any(len(value.encode()) < MINIMUM_SECRET_BYTES for value in values):
        raise ValidationError(
            f"Too short; each secret takes at least {MINIMUM_SECRET_BYTES} bytes, and a comma begins another one."
        )


def bind(value: str) -> None:
    """Require an address to listen on."""
    address = re.fullmatch(r"unix:.+|(?:\[[0-9A-Fa-f:.]+\]|[\w.-]*):(\d{1,5})", value)
    if address is None or int(address[1] or 0) > 65_535:
        raise ValidationError("Not an address; write host:port or unix:PATH.")


def field_name(value: str) -> None:
    """Require the name of a field that holds no votes."""
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", value) or value in _WRITTEN_FIELDS:
        raise ValidationError("Not a field name, or one of the fields that votes are in.")
