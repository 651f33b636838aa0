"""Read the settings from environment variables: all faults at once, by name, never by value.

``config/example.env`` lists every variable with its default. An empty variable counts as unset.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any, Self

from limits import parse_many
from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate

from config.jwt_issuers import JwtIssuer, read_issuers
from config.origins import SCHEMES, normalised
from likes_api.mongodb.connection_string import RESERVED_DATABASES, database_of, fault_of

MINIMUM_SECRET_BYTES = 32
# Settings that hold secrets may stand in a file, which the variable with this suffix names.
FILE = "_FILE"
SEVERAL_IN_A_FILE = ("LIKES_NEXTAUTH_SECRET", "LIKES_SECRET_KEY")
IN_FILES = (*SEVERAL_IN_A_FILE, "LIKES_MONGODB_URI", "LIKES_RATELIMIT_STORAGE_URI")
_DATABASE_NAMES = f"write up to 63 letters, digits, _ and -, and none of {', '.join(RESERVED_DATABASES)}."
# Fields of questions and messages that are written, so that they cannot be what these are found by.
_WRITTEN_FIELDS = frozenset({"upvotes", "downvotes", "likedBy", "dislikedBy", "likesOverflow"})
_HOST = r"(\[[0-9A-Fa-f:.]+\]|[^\s:,@/?#\[\]]+)(:\d{1,5})?"


class SettingsError(ValueError):
    """One or more settings are missing or bad; the message has a line for each, without its value."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Rate limits in Flask-Limiter's notation, such as ``60/minute``."""

    toggle_address: str
    toggle_burst: str
    toggle_user: str
    toggle_entry: str
    status: str
    qa_vote: str
    vote: str


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that an operator can set; see ``config/example.env`` for the meaning of each."""

    mongodb_uri: str | None
    mongodb_database: str
    collection_prefix: str
    mongod: Path | None
    data_dir: Path
    bind: str
    workers: int
    secret_keys: tuple[str, ...]
    nextauth_secrets: tuple[str, ...]
    nextauth_cookie: str | None
    nextauth_user_claims: tuple[str, ...]
    jwt_issuers: tuple[JwtIssuer, ...]
    guest_likes: bool
    voters: str
    entries_from: re.Pattern[str] | None
    trusted_proxies: int
    cors_origins: tuple[str, ...]
    cross_site_cookies: bool
    qa_id_field: str
    overflow_at: int
    qa_overflow_at: int
    audit_days: int
    ratelimit_enabled: bool
    ratelimit_storage_uri: str | None
    limits: Limits
    metrics_allow: tuple[IPv4Network | IPv6Network, ...]
    trusted_hosts: tuple[str, ...]
    log_format: str
    demo: bool

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ, *, database_required: bool = False) -> Self:
        """Read and check all settings.

        :param database_required: without ``LIKES_MONGODB_URI`` there is no embedded MongoDB to fall back on, as under
            plain gunicorn.
        :raises SettingsError: naming every fault, not just the first.
        """
        variables = {name: value for name, value in environment.items() if value.strip()}
        given, faults = _with_files(variables)
        values: dict[str, Any] = {}
        try:
            values = _SettingsSchema().load(given)
        except ValidationError as error:
            faults |= error.normalized_messages()
        try:
            file = given.get("LIKES_JWT_ISSUERS")
            values["jwt_issuers"] = read_issuers(Path(file).expanduser(), environment) if file else ()
        except ValueError as error:
            faults["LIKES_JWT_ISSUERS"] = [str(error)]
        named = {name.removesuffix(FILE) for name in variables}
        if "LIKES_MONGODB_URI" in named and "LIKES_SECRET_KEY" not in named:
            faults["LIKES_SECRET_KEY"] = ["Required with LIKES_MONGODB_URI."]
        if database_required and "LIKES_MONGODB_URI" not in named:
            faults["LIKES_MONGODB_URI"] = ["Required; only `likes-api run` brings a MongoDB of its own."]
        if faults:
            raise SettingsError("\n".join(f"{name}: {' '.join(faults[name])}" for name in sorted(faults)))
        values["mongodb_database"] = values["mongodb_database"] or database_of(values["mongodb_uri"] or "") or "likes"
        limits = {name.removeprefix("limit_"): values.pop(name) for name in list(values) if name.startswith("limit_")}
        return cls(**values, limits=Limits(**limits))


def _with_files(given: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, list[str]]]:
    """Read the settings that are given as files, ``NAME_FILE`` for ``NAME``: one value a line, so it may hold a comma.

    :returns: what is given now, and the faults by the variable's name.
    """
    values: dict[str, Any] = dict(given)
    faults: dict[str, list[str]] = {}
    for name in IN_FILES:
        path = values.pop(name + FILE, None)
        if path is None:
            continue
        try:
            text = Path(path).expanduser().read_text(encoding="utf-8-sig")
        except (OSError, ValueError) as error:
            faults[name + FILE] = [f"The file cannot be read ({type(error).__name__})."]
            continue
        lines = tuple(line.strip() for line in text.split("\n") if line.strip())
        if name in given:
            faults[name + FILE] = [f"Set this or {name}, not both."]
        elif not lines or (len(lines) > 1 and name not in SEVERAL_IN_A_FILE):
            faults[name + FILE] = ["The file is empty." if not lines else "The file has more than one line."]
        else:
            values[name] = lines if name in SEVERAL_IN_A_FILE else lines[0]
    return values, faults


class _CommaSeparated(fields.Field[tuple[str, ...]]):
    def _deserialize(self, value: Any, *_: Any, **__: Any) -> tuple[str, ...]:
        # A tuple was read from a file.
        parts = value if isinstance(value, tuple) else str(value).split(",")
        return tuple(part.strip() for part in parts if part.strip())


class _Origins(_CommaSeparated):
    def _deserialize(self, value: Any, *_: Any, **__: Any) -> tuple[str, ...]:
        try:
            return tuple(normalised(origin) for origin in super()._deserialize(value))
        except ValueError:
            raise ValidationError(
                "Not a list of origins; an origin is scheme://host or scheme://host:port, without path and wildcard, "
                f"and the scheme one of {', '.join(SCHEMES)}."
            ) from None


class _Networks(fields.Field[tuple[IPv4Network | IPv6Network, ...]]):
    def _deserialize(self, value: Any, *_: Any, **__: Any) -> tuple[IPv4Network | IPv6Network, ...]:
        try:
            return tuple(ip_network(part.strip()) for part in str(value).split(",") if part.strip())
        except ValueError:
            raise ValidationError("Not a list of networks; write them like 10.0.0.0/8,::1/128.") from None


class _Pattern(fields.Field[re.Pattern[str]]):
    def _deserialize(self, value: Any, *_: Any, **__: Any) -> re.Pattern[str]:
        try:
            return re.compile(str(value))
        except (re.error, OverflowError):
            raise ValidationError("Not a regular expression, as Python writes them.") from None


class _PathField(fields.Field[Path]):
    def _deserialize(self, value: Any, *_: Any, **__: Any) -> Path:
        return Path(str(value)).expanduser().absolute()


def _limit(value: str) -> None:
    try:
        items = parse_many(value)
    except ValueError:
        raise ValidationError("Not a rate limit; write one like 60/minute or 10 per 10 seconds.") from None
    if any(item.amount < 1 for item in items):
        raise ValidationError("Not a rate limit; it lets at least one request through.")


def _mongodb_uri(value: str) -> None:
    # As far as one can tell without the driver, which would refuse it in each worker, with a traceback that shows it.
    if not re.fullmatch(rf"mongodb(\+srv)?://([^@/]+@)?{_HOST}(,{_HOST})*(/[^?]*)?(\?.*)?", value):
        raise ValidationError(
            "Not a MongoDB URI; write mongodb://host:port or mongodb+srv://host, and @, : and / of a password as "
            "%40, %3A and %2F."
        )
    if (fault := fault_of(value)) is not None:
        raise ValidationError(f"Not a MongoDB URI that works: {fault}")


def _database_uri(value: str) -> None:
    _mongodb_uri(value)
    name = database_of(value)
    if name is not None and not _is_database(name):
        raise ValidationError(f"The database it names is not one for votes; {_DATABASE_NAMES}")


def _database_name(value: str) -> None:
    if not _is_database(value):
        raise ValidationError(f"Not a database for votes; {_DATABASE_NAMES}")


def _is_database(name: str) -> bool:
    return re.fullmatch(r"[A-Za-z0-9_-]{1,63}", name) is not None and name not in RESERVED_DATABASES


def _limit_storage(value: str) -> None:
    scheme = value.partition("://")[0]
    if "://" not in value or scheme not in {"mongodb", "mongodb+srv", "redis", "rediss", "redis+unix"}:
        raise ValidationError("Not a storage for rate limits; write mongodb://... or redis://...")
    if scheme.startswith("mongodb"):
        _mongodb_uri(value)
    if scheme.startswith("redis") and find_spec("redis") is None:
        raise ValidationError("Redis takes its client: pip install 'likes-api[redis]'.")


def _hosts(values: tuple[str, ...]) -> None:
    if not all(re.fullmatch(r"\.?[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*|\[[0-9A-Fa-f:]+\]", value) for value in values):
        raise ValidationError("Not a list of hosts; write them without scheme and port: www.example.com,.example.org")


def _not_empty(values: tuple[str, ...]) -> None:
    if not values:
        raise ValidationError("Nothing but commas.")


def _secrets(values: tuple[str, ...]) -> None:
    _not_empty(values)
    if any(len(value.encode()) < MINIMUM_SECRET_BYTES for value in values):
        raise ValidationError(
            f"Too short; each secret takes at least {MINIMUM_SECRET_BYTES} bytes, and a comma begins another one."
        )


def _bind(value: str) -> None:
    address = re.fullmatch(r"unix:.+|(?:\[[0-9A-Fa-f:.]+\]|[\w.-]*):(\d{1,5})", value)
    if address is None or int(address[1] or 0) > 65_535:
        raise ValidationError("Not an address; write host:port or unix:PATH.")


def _field_name(value: str) -> None:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", value) or value in _WRITTEN_FIELDS:
        raise ValidationError("Not a field name, or one of the fields that votes are in.")


class _SettingsSchema(Schema):
    class Meta:
        unknown = EXCLUDE

    mongodb_uri = fields.String(data_key="LIKES_MONGODB_URI", load_default=None, validate=_database_uri)
    mongodb_database = fields.String(data_key="LIKES_MONGODB_DATABASE", load_default=None, validate=_database_name)
    collection_prefix = fields.String(
        data_key="LIKES_COLLECTION_PREFIX",
        load_default="likes_",
        validate=validate.Regexp(r"[A-Za-z_][A-Za-z0-9_]{0,31}\Z"),
    )
    mongod = _PathField(data_key="LIKES_MONGOD", load_default=None)
    data_dir = _PathField(data_key="LIKES_DATA_DIR", load_default=lambda: Path("var").absolute())
    bind = fields.String(data_key="LIKES_BIND", load_default="127.0.0.1:8000", validate=_bind)
    workers = fields.Integer(data_key="WEB_CONCURRENCY", load_default=2, validate=validate.Range(1, 256))
    secret_keys = _CommaSeparated(data_key="LIKES_SECRET_KEY", load_default=(), validate=_secrets)
    nextauth_secrets = _CommaSeparated(data_key="LIKES_NEXTAUTH_SECRET", load_default=())
    nextauth_cookie = fields.String(
        data_key="LIKES_NEXTAUTH_COOKIE", load_default=None, validate=validate.Regexp(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
    )
    nextauth_user_claims = _CommaSeparated(
        data_key="LIKES_NEXTAUTH_USER_CLAIMS", load_default=("id", "sub"), validate=_not_empty
    )
    # Read by itself, whatever else is wrong, for all faults to be reported at once.
    jwt_issuers = _PathField(data_key="LIKES_JWT_ISSUERS", load_default=None)
    guest_likes = fields.Boolean(data_key="LIKES_GUEST_LIKES", load_default=False)
    voters = fields.String(
        data_key="LIKES_VOTERS", load_default="nobody", validate=validate.OneOf(["nobody", "users", "everyone"])
    )
    entries_from = _Pattern(data_key="LIKES_ENTRIES_FROM", load_default=None)
    trusted_proxies = fields.Integer(data_key="LIKES_TRUSTED_PROXIES", load_default=0, validate=validate.Range(0, 16))
    cors_origins = _Origins(data_key="LIKES_CORS_ORIGINS", load_default=())
    cross_site_cookies = fields.Boolean(data_key="LIKES_CROSS_SITE_COOKIES", load_default=False)
    qa_id_field = fields.String(data_key="LIKES_QA_ID_FIELD", load_default="_id", validate=_field_name)
    overflow_at = fields.Integer(data_key="LIKES_OVERFLOW_AT", load_default=1_000, validate=validate.Range(0, 100_000))
    qa_overflow_at = fields.Integer(
        data_key="LIKES_QA_OVERFLOW_AT", load_default=0, validate=validate.Range(0, 100_000)
    )
    audit_days = fields.Integer(data_key="LIKES_AUDIT_DAYS", load_default=400, validate=validate.Range(1, 36_500))
    ratelimit_enabled = fields.Boolean(data_key="LIKES_RATELIMIT_ENABLED", load_default=True)
    ratelimit_storage_uri = fields.String(
        data_key="LIKES_RATELIMIT_STORAGE_URI", load_default=None, validate=_limit_storage
    )
    limit_toggle_address = fields.String(
        data_key="LIKES_LIMIT_TOGGLE_ADDRESS", load_default="60/minute", validate=_limit
    )
    limit_toggle_burst = fields.String(
        data_key="LIKES_LIMIT_TOGGLE_BURST", load_default="10 per 10 seconds", validate=_limit
    )
    limit_toggle_user = fields.String(data_key="LIKES_LIMIT_TOGGLE_USER", load_default="30/minute", validate=_limit)
    limit_toggle_entry = fields.String(data_key="LIKES_LIMIT_TOGGLE_ENTRY", load_default="10/minute", validate=_limit)
    limit_status = fields.String(data_key="LIKES_LIMIT_STATUS", load_default="300/minute", validate=_limit)
    limit_qa_vote = fields.String(data_key="LIKES_LIMIT_QA_VOTE", load_default="120/minute", validate=_limit)
    limit_vote = fields.String(data_key="LIKES_LIMIT_VOTE", load_default="120/minute", validate=_limit)
    metrics_allow = _Networks(
        data_key="LIKES_METRICS_ALLOW", load_default=(ip_network("127.0.0.0/8"), ip_network("::1/128"))
    )
    trusted_hosts = _CommaSeparated(data_key="LIKES_TRUSTED_HOSTS", load_default=(), validate=_hosts)
    log_format = fields.String(
        data_key="LIKES_LOG_FORMAT", load_default="auto", validate=validate.OneOf(["auto", "json", "text"])
    )
    demo = fields.Boolean(data_key="LIKES_DEMO", load_default=False)
