"""Many votes at once, over HTTP, through two gunicorn workers of eight threads on the real server.

What is acknowledged must explain what is stored, and the documents must be consistent at every instant.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier, Event, Thread
from typing import Any, TypeVar

import pytest
import requests

from harness.documents import all_faults, emptied_afterwards
from harness.server import running_server
from likes_api.embedded_mongod.server import EmbeddedMongod
from likes_api.mongodb.documents import Database, Document
from tests.support.qa_votes import URL, session_of
from tests.support.settings import NEXTAUTH_SECRET

QUESTIONS = ("q_1", "q_2", "q_3")
# The Q&A document's table: own vote and vote cast lead to an action and the own vote afterwards.
TRANSITIONS = {
    (None, "up"): ("liked", "up"),
    ("up", "up"): ("unliked", None),
    ("down", "up"): ("liked", "up"),
    (None, "down"): ("downvoted", "down"),
    ("down", "down"): ("undownvoted", None),
    ("up", "down"): ("downvoted", "down"),
}
Given = TypeVar("Given")
Made = TypeVar("Made")


@pytest.fixture(scope="module")
def url(mongod: EmbeddedMongod, module_database: Database) -> Iterator[str]:
    variables = {
        "LIKES_MONGODB_URI": mongod.uri,
        "LIKES_MONGODB_DATABASE": module_database.name,
        "LIKES_NEXTAUTH_SECRET": NEXTAUTH_SECRET,
        "LIKES_RATELIMIT_ENABLED": "false",
        "WEB_CONCURRENCY": "2",
    }
    with running_server(variables) as url:
        yield url


@pytest.fixture
def database(module_database: Database) -> Iterator[Database]:
    with emptied_afterwards(module_database):
        module_database["questions"].insert_many([{"_id": id_} for id_ in QUESTIONS])
        yield module_database


class Voter:
    """A user with a connection that is kept alive, to be used by one thread."""

    def __init__(self, url: str, user: str) -> None:
        self._url = url + URL
        self._session = requests.Session()
        self._session.headers["Cookie"] = session_of(user)

    def vote(self, question: str, vote: str) -> dict[str, Any]:
        body = {"targetId": question, "targetType": "question", "voteType": vote}
        response = self._session.post(self._url, json=body, timeout=60)
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        assert (answer["liked"], answer["downvoted"]) == (answer["action"] == "liked", answer["action"] == "downvoted")
        return answer

    def close(self) -> None:
        self._session.close()


def at_once(work: Callable[[Given], Made], items: Iterable[Given]) -> list[Made]:
    """Do all of the work in threads of their own that begin together."""
    given = list(items)
    barrier = Barrier(len(given))

    def begin(item: Given) -> Made:
        barrier.wait(10)
        return work(item)

    with ThreadPoolExecutor(len(given)) as pool:
        return list(pool.map(begin, given))


@contextmanager
def watched(database: Database) -> Iterator[None]:
    """Look at all documents again and again meanwhile."""
    over = Event()
    seen: list[str] = []

    def watch() -> None:
        while not over.wait(0.02):
            seen.extend(all_faults(database))

    watcher = Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
    assert not seen
    assert not all_faults(database)


def stored(database: Database, question: str) -> Document:
    found = database["questions"].find_one({"_id": question})
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("vote", "counter", "array"), [("up", "upvotes", "likedBy"), ("down", "downvotes", "dislikedBy")]
)
def test_each_of_64_votes_counts_once_when_64_users_vote_at_once(
    url: str, database: Database, vote: str, counter: str, array: str
) -> None:
    users = [f"user_{number}" for number in range(64)]

    def cast(user: str) -> dict[str, Any]:
        voter = Voter(url, user)
        answer = voter.vote("q_1", vote)
        voter.close()
        return answer

    with watched(database):
        answers = at_once(cast, users)
    # A count includes the vote that it answers, and votes of one batch share one: of n answers one tells n or more.
    counts = sorted(answer[counter] for answer in answers)
    assert all(count >= number for number, count in enumerate(counts, start=1))
    assert counts[-1] == 64
    assert {answer["action"] for answer in answers} == {"liked" if vote == "up" else "downvoted"}
    question = stored(database, "q_1")
    assert question[counter] == 64
    assert sorted(question[array]) == sorted(users)


def test_answers_explain_the_one_vote_left_when_one_user_votes_from_32_threads(url: str, database: Database) -> None:
    def storm(seed: int) -> list[dict[str, Any]]:
        voter, chance = Voter(url, "ada"), random.Random(seed)
        answers = [voter.vote("q_1", chance.choice(["up", "down"])) for _ in range(15)]
        voter.close()
        return answers

    with watched(database):
        answers = [answer for each in at_once(storm, range(32)) for answer in each]
    for answer in answers:
        # The counts are of an instant after the vote; by then another of hers may have taken it back.
        assert answer["upvotes"] + answer["downvotes"] <= 1
    question = stored(database, "q_1")
    up, down = question["upvotes"], question["downvotes"]
    assert up + down <= 1
    done = Counter(answer["action"] for answer in answers)
    assert done.total() == 32 * 15
    # What went into a state came out again, but for the last: taken back, or switched to the other side.
    switched_down = done["liked"] - done["unliked"] - up
    switched_up = done["downvoted"] - done["undownvoted"] - down
    assert 0 <= switched_down <= done["downvoted"]
    assert 0 <= switched_up <= done["liked"]


def test_likes_and_unlikes_alternate_when_one_user_only_votes_up_from_32_threads(url: str, database: Database) -> None:
    def storm(_: int) -> list[str]:
        voter = Voter(url, "ada")
        actions = [voter.vote("q_1", "up")["action"] for _ in range(11)]
        voter.close()
        return actions

    with watched(database):
        done = Counter(action for each in at_once(storm, range(32)) for action in each)
    assert done == {"liked": 176, "unliked": 176}
    assert stored(database, "q_1")["likedBy"] == []


def test_every_users_answers_explain_the_end_when_50_users_switch_at_random(url: str, database: Database) -> None:
    def storm(user: str) -> dict[str, str | None]:
        """Vote, hold every answer against the table, and tell the votes that are left."""
        voter, chance = Voter(url, user), random.Random(user)
        own: dict[str, str | None] = dict.fromkeys(QUESTIONS)
        for _ in range(60):
            question, vote = chance.choice(QUESTIONS), chance.choice(["up", "down"])
            action, own[question] = TRANSITIONS[own[question], vote]
            assert voter.vote(question, vote)["action"] == action
        voter.close()
        return own

    users = [f"user_{number}" for number in range(50)]
    with watched(database):
        left = dict(zip(users, at_once(storm, users), strict=True))
    for question in QUESTIONS:
        document = stored(database, question)
        assert set(document["likedBy"]) == {user for user in users if left[user][question] == "up"}
        assert set(document["dislikedBy"]) == {user for user in users if left[user][question] == "down"}


def test_actions_explain_the_count_when_users_go_up_and_down_together(url: str, database: Database) -> None:

    def storm(user: str) -> list[dict[str, Any]]:
        voter = Voter(url, user)
        answers = [voter.vote("q_2", "up") for _ in range(25)]
        voter.close()
        return answers

    with watched(database):
        answers = [answer for each in at_once(storm, [f"user_{n}" for n in range(40)]) for answer in each]
    done = Counter(answer["action"] for answer in answers)
    assert done == {"liked": 40 * 13, "unliked": 40 * 12}
    assert stored(database, "q_2")["upvotes"] == done["liked"] - done["unliked"] == 40
    assert {answer["upvotes"] for answer in answers} <= set(range(41))
