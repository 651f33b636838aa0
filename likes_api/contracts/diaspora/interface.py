"""The description of contract 3 for the published interface."""

from likes_api.contracts.diaspora import errors, paging
from likes_api.http.errors import Refused
from likes_api.http.interface import CACHE_CONTROL, TEXT, Answer, Operation, Parameter, Refusal, list_of, object_of
from likes_api.identity.bearer import AmbiguousCredential, Scope
from likes_api.identity.caller import InvalidCredential

_LIKE = object_of(
    "Like",
    guid={"type": "string", "pattern": "^[0-9a-f]{32}$"},
    author=object_of("Author", ["avatar"], guid=TEXT, diaspora_id=TEXT, name=TEXT, avatar=TEXT),
)
_AUTHOR = {"guid": "person-bob", "diaspora_id": "bob@example.com", "name": "Bob Testing"}
_READ: list[Refusal] = [
    # Of another host than those of LIKES_TRUSTED_HOSTS.
    Refused(400, "Bad request"),
    AmbiguousCredential,
    InvalidCredential,
    errors.no_token(),
    errors.insufficient_scope(Scope.PUBLIC_READ),
    errors.not_found(comment=False),
    errors.not_found(comment=True),
    errors.not_allowed(),
]
_WRITE: list[Refusal] = [*_READ, errors.insufficient_scope(Scope.INTERACTIONS)]

LIKES = Operation(
    summary="List the likes, one's own first, then the oldest",
    parameters=[
        Parameter("page", TEXT, "From 1; any other value is 1."),
        Parameter("per_page", TEXT, f"At most {paging.MAX_SIZE}; any other value is {paging.DEFAULT_SIZE}."),
    ],
    answers={
        200: Answer(
            list_of(_LIKE),
            [{"guid": "aef92b1bb3752300ef7dc86db538c470", "author": _AUTHOR}],
            CACHE_CONTROL,
            {"Link": "The next and the previous page, where there is one (RFC 8288)."},
        )
    },
    refusals=_READ,
    bounded=True,
)
LIKE = Operation(summary="Like it", answers={204: Answer()}, refusals=[*_WRITE, errors.already_liked()])
UNLIKE = Operation(summary="Take the like back", answers={204: Answer()}, refusals=[*_WRITE, errors.not_liked()])
