"""A small diaspora* pod, and requests to its likes."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from flask import Flask
from werkzeug.test import TestResponse

from likes_api.identity.bearer import Scope
from likes_api.mongodb.documents import Database
from likes_api.repository.credentials.tokens import TokenRepository
from tests.support.commands import CountedCommands

EVERY_SCOPE = frozenset(scope.value for scope in Scope)
HOUR = timedelta(hours=1)

# Alice writes; Bob calls; to Carol nothing is shared.
ALICE, BOB, CAROL = "a11ce000", "b0b00000", "ca501000"
PUBLIC, SHARED, SECRET, BOBS_OWN = "post-public", "post-shared", "post-secret", "post-of-bob"
POSTS: Mapping[str, Mapping[str, Any]] = {
    PUBLIC: {"author": ALICE, "public": True},
    SHARED: {"author": ALICE, "public": False, "visible_to": [BOB]},
    SECRET: {"author": ALICE, "public": False},
    BOBS_OWN: {"author": BOB, "public": False, "visible_to": []},
}


@dataclass(frozen=True, slots=True)
class Pod:
    """A small diaspora* pod: its database, as tests see it and as the application does, whose commands are counted."""

    database: Database
    observed: Database
    app: Flask
    counted: CountedCommands


@dataclass(frozen=True, slots=True)
class Route:
    """One of the six routes: a method, on a post's likes or on a comment's."""

    method: str
    on_comment: bool

    def url(self, post: str = PUBLIC, comment: str | None = None) -> str:
        """Write the path; the comment is the post's own unless named."""
        middle = f"/comments/{comment or comment_on(post)}" if self.on_comment else ""
        return f"/api/v1/posts/{post}{middle}/likes"

    @property
    def collection(self) -> str:
        return "likes_comments" if self.on_comment else "likes_posts"

    @property
    def not_found(self) -> dict[str, Any]:
        subject = "Post or comment" if self.on_comment else "Post"
        return {"code": 404, "message": f"{subject} with provided guid could not be found"}

    def target(self, post: str = PUBLIC) -> str:
        return comment_on(post) if self.on_comment else post

    def __str__(self) -> str:
        return f"{self.method} {'comment' if self.on_comment else 'post'}"


ROUTES = [Route(method, on_comment) for method in ("GET", "POST", "DELETE") for on_comment in (False, True)]
LISTS, LIKES, UNLIKES = ROUTES[:2], ROUTES[2:4], ROUTES[4:]
NOT_ALLOWED = {"code": 422, "message": "User is not allowed to like"}
EXISTS = {"code": 409, "message": "Like already exists"}
GONE = {"code": 410, "message": "Like doesn't exist"}
_LINK = re.compile(r'<([^<>"]+)>; rel="(next|previous)"')


def comment_on(post: str) -> str:
    return f"comment-on-{post}"


def populate(database: Database) -> None:
    """Bring the people, a post of each kind, and a comment by Carol on each."""
    database["likes_people"].insert_many(
        [
            {"_id": ALICE, "diaspora_id": "alice@example.com", "name": "Alice", "avatar": "http://example.com/a.jpg"},
            {"_id": BOB, "diaspora_id": "bob@example.com", "name": "Bob"},
            {"_id": CAROL, "diaspora_id": "carol@example.com", "name": "Carol", "ignores": [ALICE]},
        ]
    )
    database["likes_posts"].insert_many([{"_id": guid, **fields} for guid, fields in POSTS.items()])
    database["likes_comments"].insert_many([{"_id": comment_on(post), "post": post, "author": CAROL} for post in POSTS])


def token_of(database: Database, person: str = BOB, scopes: Iterable[str] = EVERY_SCOPE) -> str:
    return TokenRepository(database).create(person, frozenset(scopes), HOUR, datetime.now(UTC))


def call(app: Flask, route: Route, token: str | None, url: str | None = None, **options: Any) -> TestResponse:
    """Send a request with a token in its header; ``None`` sends none."""
    headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
    client = app.test_client(use_cookies=False)
    return client.open(url or route.url(), method=route.method, headers=headers | options.pop("headers", {}), **options)


def likers(database: Database, route: Route, post: str = PUBLIC) -> list[str]:
    document = database[route.collection].find_one({"_id": route.target(post)})
    assert document is not None
    assert document.get("upvotes", 0) == len(document.get("likedBy", []))
    found: list[str] = document.get("likedBy", [])
    return found


def set_likers(database: Database, route: Route, voters: list[str], post: str = PUBLIC) -> None:
    changed = {"likedBy": voters, "upvotes": len(voters)}
    assert database[route.collection].update_one({"_id": route.target(post)}, {"$set": changed}).matched_count == 1


def links(response: TestResponse) -> dict[str, str]:
    header = response.headers.get("Link")
    if header is None:
        return {}
    found = {relation: url for url, relation in _LINK.findall(header)}
    assert header == ", ".join(f'<{url}>; rel="{relation}"' for relation, url in found.items())
    return found


def query(url: str) -> list[tuple[str, str]]:
    """Split a query into pairs; Latin-1 tells all bytes apart."""
    return parse_qsl(urlsplit(url).query, keep_blank_values=True, encoding="latin-1")


def authors(response: TestResponse) -> list[str]:
    assert response.status_code == 200
    return [like["author"]["guid"] for like in response.get_json()]


def crowd(pod: Pod, route: Route, size: int, own_place: int | None = None) -> list[str]:
    """Let so many people like, Bob in the given place among them; return them in the order of the list."""
    people = [f"person-{number:04}" for number in range(size - (own_place is not None))]
    pod.database["likes_people"].insert_many(
        [{"_id": guid, "diaspora_id": f"{guid}@example.com", "name": guid.title()} for guid in people]
    )
    voters = people if own_place is None else [*people[:own_place], BOB, *people[own_place:]]
    set_likers(pod.database, route, voters)
    return people if own_place is None else [BOB, *people]
