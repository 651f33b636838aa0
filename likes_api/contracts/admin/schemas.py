"""What the administration reads and writes. The fields of content are those of import lines: ``likes_api.records``."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, validate

from likes_api.contracts.admin import errors
from likes_api.identity.bearer import Scope
from likes_api.records import FIELDS, ID_NAMES, faults_of, load_record, printable
from likes_api.repository.audit import AuditLine
from likes_api.repository.content import Record
from likes_api.votes import Tally, Target, TargetKind, Vote

SESSION_SECONDS = 30 * 86_400
TOKEN_SECONDS = 86_400
# A hundred years: a datetime can hold a moment that far off.
MAX_SECONDS = 36_500 * 86_400
MAX_LINES = 100
_DEFAULT_LINES = 50
_KINDS = {kind.value: kind for kind in TargetKind}
_ID = [validate.Length(min=1, max=255), validate.ContainsNoneOf("\0")]


class _SessionSchema(Schema):
    class Meta:
        unknown = RAISE

    user = fields.String(required=True, validate=_ID)
    expires_in = fields.Integer(strict=True, load_default=SESSION_SECONDS, validate=validate.Range(1, MAX_SECONDS))


class _TokenSchema(Schema):
    class Meta:
        unknown = RAISE

    person = fields.String(required=True, validate=_ID)
    scopes = fields.List(
        fields.String(validate=validate.OneOf([scope.value for scope in Scope])),
        required=True,
        validate=validate.Length(min=1),
    )
    expires_in = fields.Integer(strict=True, load_default=TOKEN_SECONDS, validate=validate.Range(1, MAX_SECONDS))


class _MergeSchema(Schema):
    class Meta:
        unknown = RAISE

    into = fields.String(required=True, validate=_ID)


SESSION, TOKEN, MERGE = _SessionSchema(), _TokenSchema(), _MergeSchema()


def load_kind(type_: str) -> TargetKind:
    """Read the type in a URL.

    :raises Refused: 400, there is no such type.
    """
    if (kind := _KINDS.get(type_)) is None:
        raise errors.bad("Invalid target type")
    return kind


def load_content(kind: str, id_: str, body: Mapping[str, Any], *, partial: bool = False) -> Record:
    """Read the fields of a target, a person or a user.

    :param partial: whether required ones may be left out.
    :raises Refused: 400, a field is unknown, missing or bad.
    """
    try:
        return load_record(kind, id_, body, partial=partial)
    except ValueError as error:
        raise errors.bad(str(error)) from None


def load_session(body: Mapping[str, Any]) -> tuple[str, timedelta]:
    """Read for whom a session is to be made, and for how long.

    :raises Refused: 400, a field is unknown, missing or bad.
    """
    given = _load(SESSION, body)
    return given["user"], timedelta(seconds=given["expires_in"])


def load_token(body: Mapping[str, Any]) -> tuple[str, list[str], timedelta]:
    """Read for whom a token is to be made, its scopes, and for how long.

    :raises Refused: 400, a field is unknown, missing or bad.
    """
    given = _load(TOKEN, body)
    return given["person"], given["scopes"], timedelta(seconds=given["expires_in"])


def load_merge(voter: str, body: Mapping[str, Any]) -> str:
    """Read who gets the votes of a voter.

    :raises Refused: 400, a field is unknown, missing or bad, or it is the voter.
    """
    into: str = _load(MERGE, body)["into"]
    if into == voter:
        raise errors.bad("into: a voter cannot be merged into itself")
    return into


def load_page(query: Mapping[str, str]) -> tuple[int, int]:
    """Read behind which line of audit to begin, and how many to list.

    :raises Refused: 400, one is no number, or there are too many.
    """
    after, limit = (query.get(name, default) for name, default in (("after", "0"), ("limit", str(_DEFAULT_LINES))))
    if not _is_number(after):
        raise errors.bad("Invalid after")
    if not _is_number(limit) or not 1 <= int(limit) <= MAX_LINES:
        raise errors.bad("Invalid limit")
    return int(after), int(limit)


def dump_content(kind: str, id_: str, document: Mapping[str, Any], tally: Tally | None = None) -> dict[str, Any]:
    """Write a target with its counts, or a person or a user."""
    shown = {name: document[name] for name in FIELDS[kind] if name in document}
    if tally is None:
        return {ID_NAMES[kind]: id_} | shown
    return {"type": kind, "id": id_} | shown | {"upvotes": tally.upvotes, "downvotes": tally.downvotes}


def dump_audit(line: AuditLine) -> dict[str, Any]:
    """Write a line of audit."""
    return {"id": line.id, "at": dump_time(line.at), "by": line.by, "action": line.action, "on": line.on}


def dump_vote(target: Target, vote: Vote) -> dict[str, Any]:
    """Write one of a voter's votes."""
    return {"type": target.kind.value, "id": target.id, "vote": 1 if vote is Vote.UP else -1}


def dump_time(moment: datetime) -> str:
    """Write a moment in ISO 8601, UTC, to the millisecond, as the database keeps it."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"


def dump_line(body: Mapping[str, Any]) -> bytes:
    """Write a line of NDJSON."""
    return json.dumps(body, separators=(",", ":")).encode() + b"\n"


def _load(schema: Schema, body: Mapping[str, Any]) -> dict[str, Any]:
    try:
        given: dict[str, Any] = schema.load(body)
    except ValidationError as error:
        raise errors.bad(printable(faults_of(error))) from None
    return given


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 18  # what fits in 64 bits
