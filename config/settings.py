"""Read the settings from environment variables: all faults at once, by name, never by value.

``config/example.env`` lists every variable with its default. An empty variable counts as unset.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any, Self

from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate

from config import setting_fields
from config.jwt_issuers import JwtIssuer, read_issuers
from likes_api.mongodb.connection_string import database_of

# Settings that hold secrets may stand in a file, which the variable with this suffix names.
FILE = "_FILE"
SEVERAL_IN_A_FILE = ("LIKES_NEXTAUTH_SECRET", "LIKES_SECRET_KEY")
IN_FILES = (*SEVERAL_IN_A_FILE, "LIKES_MONGODB_URI", "LIKES_RATELIMIT_STORAGE_URI")


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


class _SettingsSchema(Schema):
    class Meta:
        unknown = EXCLUDE

    mongodb_uri = fields.String(data_key="LIKES_MONGODB_URI", load_default=None, validate=setting_fields.database_uri)
    mongodb_database = fields.String(
        data_key="LIKES_MONGODB_DATABASE", load_default=None, validate=setting_fields.database_name
    )
    collection_prefix = fields.String(
        data_key="LIKES_COLLECTION_PREFIX",
        load_default="likes_",
        validate=validate.Regexp(r"[A-Za-z_][A-Za-z0-9_]{0,31}\Z"),
    )
    mongod = setting_fields.AbsolutePath(data_key="LIKES_MONGOD", load_default=None)
    data_dir = setting_fields.AbsolutePath(data_key="LIKES_DATA_DIR", load_default=lambda: Path("var").absolute())
    bind = fields.String(data_key="LIKES_BIND", load_default="127.0.0.1:8000", validate=setting_fields.bind)
    workers = fields.Integer(data_key="WEB_CONCURRENCY", load_default=2, validate=validate.Range(1, 256))
    secret_keys = setting_fields.CommaSeparated(
        data_key="LIKES_SECRET_KEY", load_default=(), validate=setting_fields.secrets
    )
    nextauth_secrets = setting_fields.CommaSeparated(data_key="LIKES_NEXTAUTH_SECRET", load_default=())
    nextauth_cookie = fields.String(
        data_key="LIKES_NEXTAUTH_COOKIE", load_default=None, validate=validate.Regexp(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
    )
    nextauth_user_claims = setting_fields.CommaSeparated(
        data_key="LIKES_NEXTAUTH_USER_CLAIMS", load_default=("id", "sub"), validate=setting_fields.not_empty
    )
    # Read by itself, whatever else is wrong, for all faults to be reported at once.
    jwt_issuers = setting_fields.AbsolutePath(data_key="LIKES_JWT_ISSUERS", load_default=None)
    guest_likes = fields.Boolean(data_key="LIKES_GUEST_LIKES", load_default=False)
    voters = fields.String(
        data_key="LIKES_VOTERS", load_default="nobody", validate=validate.OneOf(["nobody", "users", "everyone"])
    )
    entries_from = setting_fields.Pattern(data_key="LIKES_ENTRIES_FROM", load_default=None)
    trusted_proxies = fields.Integer(data_key="LIKES_TRUSTED_PROXIES", load_default=0, validate=validate.Range(0, 16))
    cors_origins = setting_fields.Origins(data_key="LIKES_CORS_ORIGINS", load_default=())
    cross_site_cookies = fields.Boolean(data_key="LIKES_CROSS_SITE_COOKIES", load_default=False)
    qa_id_field = fields.String(data_key="LIKES_QA_ID_FIELD", load_default="_id", validate=setting_fields.field_name)
    overflow_at = fields.Integer(data_key="LIKES_OVERFLOW_AT", load_default=1_000, validate=validate.Range(0, 100_000))
    qa_overflow_at = fields.Integer(
        data_key="LIKES_QA_OVERFLOW_AT", load_default=0, validate=validate.Range(0, 100_000)
    )
    audit_days = fields.Integer(data_key="LIKES_AUDIT_DAYS", load_default=400, validate=validate.Range(1, 36_500))
    ratelimit_enabled = fields.Boolean(data_key="LIKES_RATELIMIT_ENABLED", load_default=True)
    ratelimit_storage_uri = fields.String(
        data_key="LIKES_RATELIMIT_STORAGE_URI", load_default=None, validate=setting_fields.limit_storage
    )
    limit_toggle_address = fields.String(
        data_key="LIKES_LIMIT_TOGGLE_ADDRESS", load_default="60/minute", validate=setting_fields.rate_limit
    )
    limit_toggle_burst = fields.String(
        data_key="LIKES_LIMIT_TOGGLE_BURST", load_default="10 per 10 seconds", validate=setting_fields.rate_limit
    )
    limit_toggle_user = fields.String(
        data_key="LIKES_LIMIT_TOGGLE_USER", load_default="30/minute", validate=setting_fields.rate_limit
    )
    limit_toggle_entry = fields.String(
        data_key="LIKES_LIMIT_TOGGLE_ENTRY", load_default="10/minute", validate=setting_fields.rate_limit
    )
    limit_status = fields.String(
        data_key="LIKES_LIMIT_STATUS", load_default="300/minute", validate=setting_fields.rate_limit
    )
    limit_qa_vote = fields.String(
        data_key="LIKES_LIMIT_QA_VOTE", load_default="120/minute", validate=setting_fields.rate_limit
    )
    limit_vote = fields.String(
        data_key="LIKES_LIMIT_VOTE", load_default="120/minute", validate=setting_fields.rate_limit
    )
    metrics_allow = setting_fields.Networks(
        data_key="LIKES_METRICS_ALLOW", load_default=(ip_network("127.0.0.0/8"), ip_network("::1/128"))
    )
    trusted_hosts = setting_fields.CommaSeparated(
        data_key="LIKES_TRUSTED_HOSTS", load_default=(), validate=setting_fields.hosts
    )
    log_format = fields.String(
        data_key="LIKES_LOG_FORMAT", load_default="auto", validate=validate.OneOf(["auto", "json", "text"])
    )
    demo = fields.Boolean(data_key="LIKES_DEMO", load_default=False)
