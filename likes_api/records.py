"""What a target, a user, a person and a token consist of: one definition, for import lines and for ``/admin``.

Source: ``CONTRACTS.md``, section 5.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, validate, validates_schema

from likes_api.identity.bearer import Scope
from likes_api.repository.content import Record
from likes_api.repository.credentials.tokens import TokenRecord
from likes_api.repository.entries import ENTRY_ID

_MAX_REASON = 300
_ID = validate.Length(min=1, max=255)
_NO_NUL = validate.ContainsNoneOf("\0")


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


def load_line(values: dict[str, Any]) -> Record:
    """Make the record that the object of an import line describes.

    :raises ValueError: what is wrong with it; a ``ValidationError`` among others.
    """
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


# What a document holds besides its id and its votes.
_VOTES = frozenset({"liked_by", "disliked_by"})
FIELD_SCHEMAS: dict[str, Schema] = {
    kind: type(schema)(exclude={"id"} | (_VOTES & set(schema.fields))) for kind, schema in _SCHEMAS.items()
}
ID_NAMES: Mapping[str, str] = {kind: schema.fields["id"].data_key or "id" for kind, schema in _SCHEMAS.items()}
FIELDS: Mapping[str, tuple[str, ...]] = {kind: tuple(schema.fields) for kind, schema in FIELD_SCHEMAS.items()}


def changes_of(kind: str) -> Schema:
    """Return the schema of changes to a record, which may leave any field out."""
    return type(FIELD_SCHEMAS[kind])(exclude=FIELD_SCHEMAS[kind].exclude, partial=True)


def load_record(kind: str, id_: str, fields_: Mapping[str, Any], *, partial: bool = False) -> Record:
    """Make the record that a line of this kind would make, without votes; ids in URLs come beside the fields.

    :param kind: one of those that lines may have.
    :param partial: whether fields may be left out that a line has to have.
    :raises ValueError: what is wrong with it, by the name of the field.
    """
    try:
        checked = _SCHEMAS[kind].fields["id"].deserialize(id_)
    except ValidationError as error:
        raise ValueError(f"{ID_NAMES[kind]}: {error.messages}") from None
    try:
        return Record(kind, checked, FIELD_SCHEMAS[kind].load(fields_, partial=partial))
    except ValidationError as error:
        raise ValueError(printable(faults_of(error))) from None


def faults_of(error: ValidationError) -> str:
    """Write down what is wrong, by the names of the fields."""
    return "; ".join(f"{name}: {fault}" for name, fault in error.normalized_messages().items())


def load_token(values: dict[str, Any]) -> TokenRecord:
    """Make the token that the object of an import line describes.

    :raises marshmallow.ValidationError: what is wrong with it.
    """
    given = _TOKEN.load(values)
    return TokenRecord(given["hash"], given["person"], given["scopes"], given["expires"])


def printable(reason: str) -> str:
    """Return a reason as one short line: it may quote a field's name with line breaks, or of 10 MB."""
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in reason[:_MAX_REASON])
    return shown + ("…" if len(reason) > _MAX_REASON else "")
