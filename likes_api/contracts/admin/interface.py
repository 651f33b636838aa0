"""The description of the administration for the published interface."""

from likes_api.contracts.admin import errors, imports, schemas, voters
from likes_api.http.interface import (
    CACHE_CONTROL,
    COUNT,
    FLAG,
    TEXT,
    TIME,
    Answer,
    Body,
    JsonSchema,
    Operation,
    Parameter,
    Refusal,
    list_of,
    object_of,
    one_of,
)
from likes_api.records import FIELD_SCHEMAS, changes_of
from likes_api.votes import TargetKind

_OF_ENTRY = {"title": TEXT, "url": TEXT, "collection": TEXT, "boost": COUNT, "locked": FLAG, "guest_allowed": FLAG}
_OF_POST = {"author": TEXT, "public": FLAG, "visible_to": list_of(TEXT), "post": TEXT}
_TARGET = object_of(
    "Target",
    [*_OF_ENTRY, *_OF_POST],
    type=one_of([kind.value for kind in TargetKind]),
    id=TEXT,
    **_OF_ENTRY,
    **_OF_POST,
    upvotes=COUNT,
    downvotes=COUNT,
)
_PERSON = object_of(
    "Person",
    ["diaspora_id", "name", "avatar", "ignores"],
    guid=TEXT,
    diaspora_id=TEXT,
    name=TEXT,
    avatar=TEXT,
    ignores=list_of(TEXT),
)
_USER = object_of("User", ["name", "email", "image"], id=TEXT, name=TEXT, email=TEXT, image=TEXT)
_ENTRY_EXAMPLE = {"type": "entry", "id": "my-entry-id", "boost": 41, "upvotes": 1, "downvotes": 0}
_PERSON_EXAMPLE = {"guid": "person-bob", "diaspora_id": "bob@example.com", "name": "Bob Testing"}
_USER_EXAMPLE = {"id": "bob", "name": "Bob"}
_CALLER = [errors.unauthorized(), errors.insufficient_scope()]
_TYPE = errors.bad("Invalid target type")
_NOT_FOUND = errors.not_found()
_JSON = [*_CALLER, errors.other_media_type("application/json"), errors.bad("Invalid JSON")]
_BAD_FIELD = errors.bad("boost: ['Not a valid integer.']")
_BAD_ID = errors.bad("id: ['Length must be between 1 and 255.']")
_UNWRITABLE = errors.unwritable("The document cannot take the change")
_SLOW = {voters.SLOW: "Indexes that large collections of the host lack, which are read whole therefore."}
_TARGETS = [FIELD_SCHEMAS[kind.value] for kind in TargetKind]


def _shown(schema: JsonSchema, example: object) -> Answer:
    return Answer(schema, example, CACHE_CONTROL)


def _put(what: str, answer: Answer, body: Body, *more: Refusal) -> Operation:
    return Operation(
        summary=f"Make {what} or replace the fields",
        body=body,
        answers={200: answer, 201: answer},
        refusals=[*_JSON, _BAD_FIELD, _BAD_ID, _NOT_FOUND, _UNWRITABLE, *more],
    )


PUT_TARGET = _put("a target", _shown(_TARGET, _ENTRY_EXAMPLE), Body({"boost": 41}, _TARGETS), _TYPE)
PATCH_TARGET = Operation(
    summary="Change fields of a target",
    body=Body({"locked": True}, [changes_of(kind.value) for kind in TargetKind]),
    answers={200: _shown(_TARGET, _ENTRY_EXAMPLE | {"locked": True})},
    refusals=[*_JSON, _TYPE, _BAD_FIELD, _NOT_FOUND, _UNWRITABLE],
)
GET_TARGET = Operation(
    summary="Read a target", answers={200: _shown(_TARGET, _ENTRY_EXAMPLE)}, refusals=[*_CALLER, _TYPE, _NOT_FOUND]
)
DELETE_TARGET = Operation(summary="Delete a target and its votes", answers={204: Answer()}, refusals=[*_CALLER, _TYPE])
PUT_PERSON = _put(
    "a person",
    _shown(_PERSON, _PERSON_EXAMPLE),
    Body({"diaspora_id": "bob@example.com", "name": "Bob Testing"}, [FIELD_SCHEMAS["person"]]),
)
GET_PERSON = Operation(
    summary="Read a person", answers={200: _shown(_PERSON, _PERSON_EXAMPLE)}, refusals=[*_CALLER, _NOT_FOUND]
)
PUT_USER = _put("a user", _shown(_USER, _USER_EXAMPLE), Body({"name": "Bob"}, [FIELD_SCHEMAS["user"]]))
GET_USER = Operation(
    summary="Read a user", answers={200: _shown(_USER, _USER_EXAMPLE)}, refusals=[*_CALLER, _NOT_FOUND]
)
DELETE_USER = Operation(summary="Delete a user and the sessions", answers={204: Answer()}, refusals=_CALLER)
_IN_TIME = {
    202: Answer(object_of("Progress", done=COUNT), {"done": 4200}, CACHE_CONTROL, _SLOW),
    204: Answer(headers=CACHE_CONTROL, optional_headers=_SLOW),
}
_OTHER_JOB = errors.unwritable("Another erasure or merge of this voter is under way")
DELETE_PERSON = Operation(
    summary="Delete a person, the tokens and the likes; again, until 204",
    answers=_IN_TIME,
    refusals=[*_CALLER, _OTHER_JOB],
)
EXPORT_VOTER = Operation(
    summary="List all votes of a voter",
    answers={
        200: Answer(
            {"type": "string"},
            '{"type":"entry","id":"my-entry-id","vote":1}\n',
            CACHE_CONTROL,
            _SLOW,
            media_type=voters.MEDIA_TYPE,
        )
    },
    refusals=_CALLER,
)
DELETE_VOTER = Operation(
    summary="Take back all votes of a voter; again, until 204", answers=_IN_TIME, refusals=[*_CALLER, _OTHER_JOB]
)
MERGE_VOTER = Operation(
    summary="Make all votes of a voter another one's; again, until 204",
    body=Body({"into": "carol"}, [schemas.MERGE]),
    answers=_IN_TIME,
    refusals=[*_JSON, errors.bad("into: ['Missing data for required field.']"), _OTHER_JOB],
)
_EXPIRES = "2026-12-28T12:00:00.000Z"
POST_SESSION = Operation(
    summary="Sign a user in",
    body=Body({"user": "bob", "expires_in": 3600}, [schemas.SESSION]),
    answers={
        201: _shown(
            object_of("MadeSession", cookie=TEXT, expires=TIME),
            {"cookie": "next-auth.session-token=6f1c...", "expires": _EXPIRES},
        )
    },
    refusals=[*_JSON, errors.bad("user: ['Missing data for required field.']")],
)
POST_TOKEN = Operation(
    summary="Make a bearer token",
    body=Body({"person": "person-bob", "scopes": ["public:read"]}, [schemas.TOKEN]),
    answers={
        201: _shown(object_of("MadeToken", token=TEXT, expires=TIME), {"token": "6f1c...", "expires": _EXPIRES}),
    },
    refusals=[*_JSON, errors.bad("person: ['Missing data for required field.']")],
)
POST_IMPORT = Operation(
    summary="Import lines while they come",
    body=Body('{"kind":"entry","id":"my-entry-id"}\n', json={"type": "string"}, media_type=imports.MEDIA_TYPE),
    answers={
        200: Answer({"type": "string"}, '{"imported":1,"failed":0}\n', media_type=imports.MEDIA_TYPE),
    },
    refusals=[*_CALLER, errors.other_media_type(imports.MEDIA_TYPE)],
)
GET_AUDIT = Operation(
    summary="List lines of audit, the oldest first",
    parameters=[
        Parameter("after", {"type": "integer", "minimum": 0}, "The id of the line behind which the page begins."),
        Parameter("limit", {"type": "integer", "minimum": 1, "maximum": schemas.MAX_LINES}, "How many are listed."),
    ],
    answers={
        200: _shown(
            object_of(lines=list_of(object_of("AuditLine", id=COUNT, at=TIME, by=TEXT, action=TEXT, on=TEXT))),
            {"lines": [{"id": 1, "at": _EXPIRES, "by": "5ad0c1b6e2f4", "action": "put", "on": "entry my-entry-id"}]},
        )
    },
    refusals=[*_CALLER, errors.bad("Invalid after"), errors.bad("Invalid limit")],
)
