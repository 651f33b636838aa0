"""Read NDJSON lines into records: targets, users and people, as ``CONTRACTS.md`` section 5 has them, and tokens."""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, BinaryIO, Protocol, TypeVar

from marshmallow import RAISE, Schema, ValidationError, fields, validate, validates_schema

from likes_api.identity.bearer import Scope
from likes_api.repository.content import Record
from likes_api.repository.entries import ENTRY_ID
from likes_api.repository.tokens import TokenRecord

BATCH_LINES = 500
# A batch ends at so many bytes; one line may be longer, for it may hold a million voters.
BATCH_BYTES = 1 << 20
# Room for more than a million voters. A file without line breaks must not fill the memory.
MAX_LINE_BYTES = 64 << 20
_MAX_REASON = 300
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")

_ID = validate.Length(min=1, max=255)
_NO_NUL = validate.ContainsNoneOf("\0")


R = TypeVar("R")


class Store(Protocol[R]):
    """A repository that stores records."""

    def put(self, records: list[R]) -> dict[int, str]:
        """Write records; return the reason for each refusal, by index."""


def bounded_lines(file: BinaryIO) -> Iterator[bytes]:
    """Read lines; one of more than :data:`MAX_LINE_BYTES` is cut off behind its first byte too many."""
    while line := file.readline(MAX_LINE_BYTES + 1):
        rest = line
        while not rest.endswith(b"\n") and (rest := file.readline(MAX_LINE_BYTES)):
            pass
        yield line


def import_lines(lines: Iterable[bytes], store: Store[Record]) -> Iterator[tuple[int, list[str]]]:
    """Import targets, users and people in batches.

    :returns: after each batch, the number of lines read so far, and ``line N: reason`` for each bad line of the batch.
    """
    return _import(lines, store, _record)


def import_tokens(lines: Iterable[bytes], store: Store[TokenRecord]) -> Iterator[tuple[int, list[str]]]:
    """Import bearer tokens, of which only the hash is known, as :func:`import_lines` does."""
    return _import(lines, store, _token)


def _import(
    lines: Iterable[bytes], store: Store[R], load: Callable[[dict[str, Any]], R]
) -> Iterator[tuple[int, list[str]]]:
    for batch in _batches(enumerate(lines, start=1)):
        records: list[R] = []
        numbers: list[int] = []
        faults: dict[int, str] = {}
        for number, line in batch:
            if not line.strip():
                continue
            try:
                records.append(_read(line, load))
                numbers.append(number)
            except ValueError as error:
                faults[number] = str(error)
        faults |= {numbers[index]: reason for index, reason in store.put(records).items()} if records else {}
        yield batch[-1][0], [f"line {number}: {_printable(faults[number])}" for number in sorted(faults)]


def _batches(numbered: Iterable[tuple[int, bytes]]) -> Iterator[list[tuple[int, bytes]]]:
    batch: list[tuple[int, bytes]] = []
    size = 0
    for number, line in numbered:
        if batch and (len(batch) == BATCH_LINES or size + len(line) > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append((number, line))
        size += len(line)
    if batch:
        yield batch


class _Flag(fields.Boolean):
    """A field that accepts JSON's true and false alone, not the other spellings that marshmallow accepts, nor 1."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


class _Line(Schema):
    class Meta:
        unknown = RAISE

    id = fields.String(required=True, validate=[_ID, _NO_NUL])


class _TargetLine(_Line):
    liked_by = fields.List(fields.String(validate=_ID), data_key="likedBy")
    disliked_by = fields.List(fields.String(validate=_ID), data_key="dislikedBy")

    @validates_schema
    def _one_vote_each(self, data: dict[str, Any], **_: Any) -> None:
        liked, disliked = data.get("liked_by", []), data.get("disliked_by", [])
        if len({*liked, *disliked}) != len(liked) + len(disliked):
            raise ValidationError("A voter stands twice in likedBy and dislikedBy.")


class _EntryLine(_TargetLine):
    id = fields.String(required=True, validate=validate.Regexp(ENTRY_ID.pattern + r"\Z"))
    title = fields.String()
    url = fields.String()
    collection = fields.String()
    boost = fields.Integer(strict=True, validate=validate.Range(0, 2**31 - 1))
    locked = _Flag()
    guest_allowed = _Flag()


class _PersonLine(_Line):
    id = fields.String(required=True, validate=[_ID, _NO_NUL], data_key="guid")
    diaspora_id = fields.String(required=True)
    name = fields.String(required=True)
    avatar = fields.String()
    ignores = fields.List(fields.String(validate=_ID))


class _PostLine(_TargetLine):
    id = fields.String(required=True, validate=[_ID, _NO_NUL], data_key="guid")
    author = fields.String(required=True, validate=_ID)
    public = _Flag(required=True)
    visible_to = fields.List(fields.String(validate=_ID))


class _CommentLine(_TargetLine):
    id = fields.String(required=True, validate=[_ID, _NO_NUL], data_key="guid")
    post = fields.String(required=True, validate=_ID)
    author = fields.String(required=True, validate=_ID)


class _UserLine(_Line):
    name = fields.String()
    email = fields.String()
    image = fields.String()


_SCHEMAS: dict[str, Schema] = {
    "entry": _EntryLine(),
    "person": _PersonLine(),
    "post": _PostLine(),
    "comment": _CommentLine(),
    "question": _TargetLine(),
    "message": _TargetLine(),
    "user": _UserLine(),
}


class _TokenLine(Schema):
    class Meta:
        unknown = RAISE

    hash = fields.String(
        required=True, validate=validate.Regexp(r"[0-9a-f]{64}\Z", error="Not a SHA-256 in lower-case hex digits.")
    )
    person = fields.String(required=True, validate=[_ID, _NO_NUL])
    scopes = fields.List(
        fields.String(validate=validate.OneOf([scope.value for scope in Scope])),
        required=True,
        validate=validate.Length(min=1),
    )
    expires = fields.AwareDateTime(
        format="iso",
        required=True,
        validate=validate.Range(datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)),
    )


_TOKEN = _TokenLine()


def _read(line: bytes, load: Callable[[dict[str, Any]], R]) -> R:
    """Read one line.

    :raises ValueError: the line is invalid; the message, for the operator, says why.
    """
    try:
        values = _parse(line)
        if not isinstance(values, dict):
            raise ValueError("not a JSON object")
        return load(values)
    except ValidationError as error:
        raise ValueError("; ".join(f"{name}: {fault}" for name, fault in error.normalized_messages().items())) from None
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except OverflowError:
        raise ValueError("a number is too large") from None


def _record(values: dict[str, Any]) -> Record:
    kind = values.pop("kind", None)
    if not isinstance(kind, str) or kind not in _SCHEMAS:
        raise ValueError(f"kind is none of {', '.join(_SCHEMAS)}")
    given = _SCHEMAS[kind].load(values)
    return Record(
        kind,
        given.pop("id"),
        liked_by=given.pop("liked_by", ()),
        disliked_by=given.pop("disliked_by", ()),
        fields=given,
    )


def _token(values: dict[str, Any]) -> TokenRecord:
    given = _TOKEN.load(values)
    return TokenRecord(given["hash"], given["person"], given["scopes"], given["expires"])


def _parse(line: bytes) -> Any:
    if len(line) > MAX_LINE_BYTES:
        raise ValueError(f"longer than {MAX_LINE_BYTES >> 20} MiB")
    # Not `json.loads`, which accepts encoded surrogates; a file may begin with a byte order mark.
    text = line.decode("utf-8-sig")
    values = json.loads(text)
    if _SURROGATE.search(text):
        try:
            json.dumps(values, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise ValueError("half a surrogate pair, which is not valid Unicode") from None
    return values


def _printable(reason: str) -> str:
    """Return a reason as one short line: it may quote a field's name with line breaks, or of 10 MB."""
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in reason[:_MAX_REASON])
    return shown + ("…" if len(reason) > _MAX_REASON else "")
