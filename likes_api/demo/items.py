"""The items of the demo page: the targets of ``data.ndjson``, with texts that the data lacks."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final

# Host applications keep these texts; the data format has ids only, as the vote store needs no more.
_TEXTS: Final = {
    "q_123": "How do I count likes without counting anybody twice?",
    "q_124": "Two tabs, one visitor, both vote at the same moment. Who wins?",
    "q_125": "May I change my mind from down to up?",
    "msg_456": "Let the write decide: one conditional update, and the counts that this update returns.",
    "msg_457": "Both do, one after the other. The later vote finds what the earlier one left.",
}
_ANSWERS: Final = {"q_123": "msg_456", "q_124": "msg_457"}


@dataclass(frozen=True, slots=True)
class User:
    """A user whom the demo page signs in without a password."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A page of a site, with a like button."""

    id: str
    title: str
    boost: int
    locked: bool
    guest_allowed: bool


@dataclass(frozen=True, slots=True)
class Post:
    """A question or an answer, with vote buttons."""

    kind: str
    id: str
    text: str


@dataclass(frozen=True, slots=True)
class Thread:
    """A question, and the answer to it where there is one."""

    question: Post
    answer: Post | None


@dataclass(frozen=True, slots=True)
class Items:
    """All items of the page."""

    users: Sequence[User]
    entries: Sequence[Entry]
    threads: Sequence[Thread]

    def user(self, user_id: str | None) -> User | None:
        """Return the demo user of this id, if there is one."""
        return next((user for user in self.users if user.id == user_id), None)

    def ids(self, kind: str) -> list[str]:
        """Return the ids of all posts of a kind."""
        posts = [post for thread in self.threads for post in (thread.question, thread.answer)]
        return [post.id for post in posts if post is not None and post.kind == kind]


def read_items(*, guest_likes: bool) -> Items:
    """Read the demo data.

    :param guest_likes: whether guests may like the entries that do not say.
    """
    lines = files("likes_api.demo").joinpath("data.ndjson").read_text("utf-8").splitlines()
    records = [json.loads(line) for line in lines]
    of_kind = {kind: [each for each in records if each["kind"] == kind] for kind in ("user", "entry", "question")}
    return Items(
        users=[User(each["id"], each["name"]) for each in of_kind["user"]],
        entries=[_entry(each, guest_likes=guest_likes) for each in of_kind["entry"]],
        threads=[_thread(each["id"]) for each in of_kind["question"]],
    )


def _entry(record: dict[str, Any], *, guest_likes: bool) -> Entry:
    return Entry(
        record["id"],
        record.get("title", record["id"]),
        record.get("boost", 0),
        record.get("locked", False),
        record.get("guest_allowed", guest_likes),
    )


def _thread(question_id: str) -> Thread:
    answer_id = _ANSWERS.get(question_id)
    return Thread(_post("question", question_id), _post("message", answer_id) if answer_id else None)


def _post(kind: str, id_: str) -> Post:
    return Post(kind, id_, _TEXTS.get(id_, id_))
