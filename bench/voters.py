"""The voters of the benchmarks: voters of every contract, with their credentials."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from time import time

import requests
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from joserfc import jwe
from joserfc.jwk import OctKey

from harness.wrk import Votes
from likes_api.mongodb.documents import Database

USERS = 500
TARGETS = 1_000
SECRET = "a secret for benchmarks and nothing else"
QA_PATH, QA_BODY = "/api/likes", '{"targetId":"q_%d","targetType":"question","voteType":"up"}'
_EMPTY = {"upvotes": 0, "downvotes": 0, "likedBy": [], "dislikedBy": []}


def fill(database: Database) -> None:
    """Make targets of every contract without votes, users with sessions, and people with tokens."""
    numbers = range(1, TARGETS + 1)
    expires = datetime.now(UTC) + timedelta(days=1)
    database.questions.insert_many({"_id": f"q_{number}", **_EMPTY} for number in numbers)
    database.likes_entries.insert_many({"_id": f"e_{number}", "guest_allowed": True, **_EMPTY} for number in numbers)
    database.likes_posts.insert_many(
        {"_id": f"p_{number}", "author": "p1", "public": True, **_EMPTY} for number in numbers
    )
    database.users.insert_many({"_id": f"user-{number:020}"} for number in range(USERS))
    database.sessions.insert_many(
        {"sessionToken": f"session-{number}", "userId": f"user-{number:020}", "expires": expires}
        for number in range(USERS)
    )
    database.sessions.create_index("sessionToken", unique=True)
    database.likes_people.insert_many(
        {"_id": f"p{number}", "diaspora_id": f"p{number}@example.com", "name": "P"} for number in range(USERS)
    )
    database.likes_tokens.insert_many(
        {
            "_id": sha256(_token(number).encode()).hexdigest(),
            "person": f"p{number}",
            "scopes": ["public:read", "interactions"],
            "expiresAt": expires,
        }
        for number in range(USERS)
    )


def qa_by_jwt() -> Votes:
    """Return users of contract 1 with JWT sessions."""
    return Votes(QA_PATH, QA_BODY, [f"Cookie: next-auth.session-token={_jwt(number)}" for number in range(USERS)])


def qa_by_session() -> Votes:
    """Return users of contract 1 with database sessions."""
    cookies = [f"Cookie: next-auth.session-token=session-{number}" for number in range(USERS)]
    return Votes(QA_PATH, QA_BODY, cookies)


def likes_by_users(url: str) -> Votes:
    """Return users of contract 2, each with a CSRF token of their own."""
    cookies = [f"next-auth.session-token={_jwt(number)}" for number in range(USERS)]
    return Votes("/!/simple-likes/e_%d/toggle", "", list(_with_tokens(url, cookies)))


def likes_by_guests(url: str) -> Votes:
    """Return guests of contract 2: one address, and as many user agents."""
    agents = [f"\tUser-Agent: guest {number}" for number in range(USERS)]
    voters = [each + agent for each, agent in zip(_with_tokens(url, [""] * USERS), agents, strict=True)]
    return Votes("/!/simple-likes/e_%d/toggle", "", voters)


def likes_on_posts() -> Votes:
    """Return people of contract 3."""
    bearers = [f"Authorization: Bearer {_token(number)}" for number in range(USERS)]
    return Votes("/api/v1/posts/p_%d/likes", "", bearers, may_refuse=True)


def _with_tokens(url: str, cookies: list[str]) -> Iterator[str]:
    with requests.Session() as session:
        for cookie in cookies:
            answer = session.get(f"{url}/!/simple-likes/csrf-token", headers={"Cookie": cookie}, timeout=5)
            csrf = "; ".join(f"{each.name}={each.value}" for each in answer.cookies)
            session.cookies.clear()
            both = "; ".join(filter(None, (cookie, csrf)))
            yield f"Cookie: {both}\tX-CSRF-TOKEN: {answer.json()['csrf_token']}"


def _token(number: int) -> str:
    return sha256(b"token %d" % number).hexdigest()


def _jwt(number: int) -> str:
    claims = json.dumps({"sub": f"user-{number:020}", "exp": int(time()) + 86_400})
    key = OctKey.import_key(
        HKDF(SHA256(), 32, salt=b"", info=b"NextAuth.js Generated Encryption Key").derive(SECRET.encode())
    )
    return jwe.encrypt_compact({"alg": "dir", "enc": "A256GCM"}, claims, key)
