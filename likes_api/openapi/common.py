"""What operations have in common: parameters of paths, ways to be known, and the words about the whole document."""

from collections.abc import Collection, Mapping
from typing import Any

from likes_api.http.interface import JsonSchema
from likes_api.identity.caller import Credential
from likes_api.votes import TargetKind

INFO: dict[str, Any] = {
    "title": "Likes API",
    "version": "1",
    "info": {
        "description": "Likes and up/down votes for other applications: three documented contracts, the host API and "
        "the administration, over one vote store. Errors have the form of their contract."
    },
    "servers": [{"url": "/"}],
}
TAGS = [
    {"name": "qa_votes", "description": "Votes on questions and messages, by users with a session of the host."},
    {"name": "simple_likes", "description": "Likes of entries, by users and guests."},
    {"name": "host", "description": "Votes and counts of all types of targets, for pages and services."},
    {"name": "diaspora", "description": "Likes of posts and comments, as the diaspora* API has them."},
    {"name": "admin", "description": "Content, people and users, by service tokens with the scope admin."},
    {"name": "ops", "description": "Probes."},
]
REQUEST_ID = "The id of the request in the log: the one that was sent, or one that was made."

_GUID: JsonSchema = {"type": "string", "minLength": 1}
PATH_PARAMETERS: Mapping[str, JsonSchema] = {
    "type_": {"type": "string", "enum": [kind.value for kind in TargetKind]},
    "id_": _GUID,
    "guid": _GUID,
    "post_guid": _GUID,
    "comment_guid": _GUID,
    "entry_id": {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,255}$"},
}

_BEARER = {"type": "http", "scheme": "bearer"}
SECURITY_SCHEMES: Mapping[str, dict[str, Any]] = {
    Credential.SESSION.value: {
        "type": "apiKey",
        "in": "cookie",
        "name": "next-auth.session-token",
        "description": "The session cookie of NextAuth v4; of Auth.js v5 it is authjs.session-token, on https either "
        "has the prefix __Secure-.",
    },
    Credential.JWT.value: _BEARER | {"bearerFormat": "JWT", "description": "A token of the host's own sign-in."},
    Credential.PERSON_TOKEN.value: _BEARER | {"description": "64 hex digits, of a person."},
    "access_token": {"type": "apiKey", "in": "query", "name": "access_token", "description": "The same, in the URL."},
    Credential.SERVICE_TOKEN.value: _BEARER | {"description": "lk_<id>_<secret>, of an application of the host."},
}


def security_of(accepted: Collection[str], blueprint: str) -> list[dict[str, list[str]]]:
    """Return the ways to be known that a view accepts, any one of which is enough; ``{}`` is none at all."""
    ways: list[dict[str, list[str]]] = [{name: []} for name in SECURITY_SCHEMES if name in accepted]
    if blueprint == "diaspora":
        ways.append({"access_token": []})
    return [*ways, {}] if Credential.GUEST in accepted else ways
