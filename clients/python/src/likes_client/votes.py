"""The calls of the host API, of Q&A votes (contract 1) and of diaspora* likes (contract 3)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar
from uuid import uuid4

import httpx

from likes_client.answers import (
    AnyTarget,
    ChangedVote,
    Counts,
    Direction,
    Like,
    Me,
    Target,
    TargetStatus,
    TargetType,
    ToggledVote,
    Value,
    Vote,
    VoteOn,
    Voter,
    VotersPage,
    VotesPage,
)
from likes_client.calls import Call, Page, Pages, json_of, nothing, path

T = TypeVar("T")


def set_vote(target: AnyTarget, value: Value) -> Call[ChangedVote]:
    """Set the caller's vote: 1, 0 (none) or -1, which only questions and messages take."""
    return Call("PUT", _vote(target), json_of, json={"value": value})


def clear_vote(target: AnyTarget) -> Call[ChangedVote]:
    """Take back the caller's vote."""
    return Call("DELETE", _vote(target), json_of)


def get_vote(target: AnyTarget) -> Call[Vote]:
    """Return a target's counts and the caller's own vote."""
    return Call("GET", _vote(target), json_of)


def status(targets: Iterable[AnyTarget]) -> Call[list[TargetStatus]]:
    """Return the state of a page's targets, 1 to 200; what is missing or not visible is left out."""
    asked = [{"type": type_, "id": id_} for type_, id_ in targets]
    return Call("POST", "/api/votes/status", _targets, json={"targets": asked}, idempotent=True)


def counts(targets: Iterable[AnyTarget]) -> Call[Mapping[Target, Counts]]:
    """Return the counts of entries, questions and messages, 1 to 100, which caches may keep for seconds."""
    asked = [f"{type_}:{id_}" for type_, id_ in targets]
    return Call("GET", "/api/counts", _counts, parameters={"target": asked})


def voters(target: AnyTarget, vote: Direction = "up", *, limit: int = 50) -> Pages[Voter]:
    """Return who voted, in the order of ids; guests are left out.

    :param limit: how many are asked for at a time, 1 to 100.
    """
    call = partial(voters_page, target, vote, limit=limit)
    return _pages(lambda cursor: call(cursor=cursor), lambda page: page["voters"])


def voters_page(
    target: AnyTarget, vote: Direction = "up", *, limit: int = 50, cursor: str | None = None
) -> Call[VotersPage]:
    """Return one page of those who voted, with the numbers of guests and of all.

    :param cursor: the ``next`` of the page before.
    """
    query = _query(vote=vote, limit=limit, cursor=cursor)
    return Call("GET", path("api", "targets", *target, "voters"), json_of, parameters=query)


def my_votes(target_type: TargetType | None = None, vote: Direction | None = None, *, limit: int = 50) -> Pages[VoteOn]:
    """Return what the caller voted on, ordered by type and id.

    :param limit: how many are asked for at a time, 1 to 100.
    """
    return _pages(
        lambda cursor: my_votes_page(target_type, vote, limit=limit, cursor=cursor), lambda page: page["votes"]
    )


def my_votes_page(
    target_type: TargetType | None = None,
    vote: Direction | None = None,
    *,
    limit: int = 50,
    cursor: str | None = None,
) -> Call[VotesPage]:
    """Return one page of what the caller voted on.

    :param cursor: the ``next`` of the page before.
    """
    query = _query(type=target_type, vote=vote, limit=limit, cursor=cursor)
    return Call("GET", "/api/me/votes", json_of, parameters=query)


def me() -> Call[Me]:
    """Return who the caller is."""
    return Call("GET", "/api/me", json_of)


def toggle_vote(target: AnyTarget, vote: Direction = "up", *, idempotency_key: str | None = None) -> Call[ToggledVote]:
    """Vote on a question or a message as contract 1 has it: the same again takes the vote back.

    :param idempotency_key: one is made where none is given; it stays the same however often the request is sent.
    """
    body = {"targetId": target[1], "targetType": target[0], "voteType": vote}
    # 409: the attempt before is still under way; 500: contract 1's answer where the database fails.
    headers = {"Idempotency-Key": idempotency_key or str(uuid4())}
    return Call(
        "POST", "/api/likes", json_of, json=body, headers=headers, idempotent=True, passing=frozenset({409, 500})
    )


def like(post: str, comment: str | None = None) -> Call[None]:
    """Like a post, or a comment on it.

    It is not sent again where it may have been applied: there is no key for it.

    :raises Conflict: the person likes it already.
    """
    return Call("POST", _likes_path(post, comment), nothing)


def unlike(post: str, comment: str | None = None) -> Call[None]:
    """Take the like of a post, or of a comment on it, back.

    :raises Gone: there is none, and no attempt of this call took it back.
    """
    return Call("DELETE", _likes_path(post, comment), nothing, done_when_repeated=410)


def likes(post: str, comment: str | None = None, *, per_page: int = 100) -> Pages[Like]:
    """Return the likes of a post, or of a comment on it: one's own first, then the oldest."""
    return _likes(_likes_path(post, comment), {"per_page": str(per_page)})


def _vote(target: AnyTarget) -> str:
    return path("api", "targets", *target, "vote")


def _likes_path(post: str, comment: str | None) -> str:
    return path("api", "v1", "posts", post, *(() if comment is None else ("comments", comment)), "likes")


def _targets(response: httpx.Response) -> Any:
    return response.json()["targets"]


def _counts(response: httpx.Response) -> Mapping[Target, Counts]:
    found: Mapping[str, Counts] = response.json()["targets"]
    return {Target(*name.split(":", 1)): each for name, each in found.items()}  # type: ignore[arg-type]


def _pages(call: Callable[[str | None], Call[Any]], items: Callable[[Any], Sequence[T]]) -> Pages[T]:
    """Return the calls of a list with cursors.

    :param call: makes the call for the page at a cursor.
    :param items: returns what is on a page.
    """

    def at(cursor: str | None) -> Pages[T]:
        def read(response: httpx.Response) -> Page[T]:
            page = response.json()
            return Page(items(page), None if page["next"] is None else at(page["next"]))

        return replace(call(cursor), read=read)

    return at(None)


def _likes(path: str, query: Mapping[str, str]) -> Pages[Like]:
    def read(response: httpx.Response) -> Page[Like]:
        following = response.links.get("next")
        # Its query alone: a link of a service that is told a wrong host would take the token elsewhere.
        query = None if following is None else dict(httpx.URL(following["url"]).params)
        return Page(response.json(), None if query is None else _likes(path, query))

    return Call("GET", path, read, parameters=query)


def _query(**given: str | int | None) -> dict[str, str | int]:
    return {name: value for name, value in given.items() if value is not None}
