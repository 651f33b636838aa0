"""The votes of somebody who cast 100,000: the first and the last page, on targets of either form and of both mixed."""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bson import ObjectId

from likes_api.embedded_mongod.server import EmbeddedMongod, find_mongod
from likes_api.mongodb.client import connect
from likes_api.mongodb.documents import Database
from likes_api.repository.votes.lists.votes_of_voter import Place, VotesOfVoter
from likes_api.server.deployment import ensure_indexes
from likes_api.votes import Target, TargetKind, Vote

VOTES = 100_000
PAGE = 100
ROUNDS = 9
_CHUNK = 10_000
# Which of the targets are moved.
_FORMS: dict[str, Callable[[int], bool]] = {
    "arrays": lambda _: False,
    "vote documents": lambda _: True,
    "every second moved": lambda number: number % 2 == 0,
}


def main(_seconds: float) -> None:
    """Print the medians of the first and the last page, of entries, questions and messages together."""
    with (
        tempfile.TemporaryDirectory() as directory,
        EmbeddedMongod(find_mongod(None), Path(directory)) as mongod,
        connect(mongod.uri) as client,
    ):
        for name, is_moved in _FORMS.items():
            database = client["bench_lists"]
            ensure_indexes(database)
            put_votes(database, is_moved)
            first, last = (_median(database, begin) for begin in (0, VOTES - PAGE))
            print(f"{name:20} first page {first * 1e3:6.1f} ms, last page {last * 1e3:6.1f} ms")
            client.drop_database(database)


def put_votes(database: Database, is_moved: Callable[[int], bool]) -> None:
    """Put entries that a reader likes: in arrays, or in a vote document each."""
    for begin in range(0, VOTES, _CHUNK):
        numbers = range(begin, begin + _CHUNK)
        ids = {each: ObjectId() for each in numbers if is_moved(each)}
        database["likes_entries"].insert_many(_entry(each, ids.get(each)) for each in numbers)
        if ids:
            database["likes_moved"].insert_many(
                {"_id": id_, "collection": "entries", "target": _name(each), "moved": True, "named": "entries._id"}
                for each, id_ in ids.items()
            )
            database["likes_votes"].insert_many(
                {"_id": {"t": id_, "v": "reader"}, "vote": "up", "place": 0, "field": "entries._id", "key": _name(each)}
                for each, id_ in ids.items()
            )


def _entry(number: int, set_: ObjectId | None) -> dict[str, Any]:
    moved = {"id": set_, "form": "moved", "up": 0, "down": 0, "rev": 0}
    votes = {"likedBy": ["reader"]} if set_ is None else {"likedBy": [], "likesOverflow": moved}
    return {"_id": _name(number), "upvotes": 1, "downvotes": 0, "dislikedBy": [], **votes}


def _name(number: int) -> str:
    return f"entry-{number:06}"


def _median(database: Database, begin: int) -> float:
    lists, kinds = VotesOfVoter(database), (TargetKind.ENTRY, TargetKind.QUESTION, TargetKind.MESSAGE)
    after = Place(TargetKind.ENTRY, _name(begin - 1)) if begin else None
    expected = [(Target(TargetKind.ENTRY, _name(begin + number)), Vote.UP) for number in range(PAGE)]
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        page = lists.page("reader", kinds, list(Vote), after, PAGE, private=False)
        times.append(time.perf_counter() - began)
        assert list(page.votes) == expected
        assert (page.end is None) == (begin == VOTES - PAGE)
    return statistics.median(times)
