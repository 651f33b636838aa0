"""What a vote repository does, whatever keeps the documents: bound to mongomock and to a real mongod.

Whole on both: what mongomock lacks for it is filled in by ``mongomock_gaps``, so nothing is left out there.
"""

from typing import Any, NamedTuple

import pytest
from bson import Int64, ObjectId

from harness.documents import faults
from likes_api.mongodb import collections
from likes_api.mongodb.documents import Database, Document
from likes_api.repository.votes.repository import COLLECTIONS, VoteRepository
from likes_api.votes import Action, Tally, Target, TargetKind, TargetNotFound, Vote, action_of_toggle

UP, DOWN = Vote.UP, Vote.DOWN
QUESTION = Target(TargetKind.QUESTION, "q_123")
VOTE_FIELDS = ("upvotes", "downvotes", "likedBy", "dislikedBy")
STRANGE_VOTERS = [
    "$likedBy",
    "$$ROOT",
    "$",
    "a.b",
    "$ne",
    "",
    "null",
    "Zoë ☃ 𝄞",
    "e\u0301",
    "64b7f0c2a1b2c3d4e5f60718",
    "x" * 255,
]


class Row(NamedTuple):
    """A row of the Q&A document's table, "Vote Behavior"."""

    before: Vote | None
    vote: Vote
    action: Action
    upvotes: int
    downvotes: int
    after: Vote | None


TRANSITIONS = [
    Row(UP, UP, Action.UNLIKED, -1, 0, None),
    Row(DOWN, UP, Action.LIKED, +1, -1, UP),
    Row(None, UP, Action.LIKED, +1, 0, UP),
    Row(DOWN, DOWN, Action.UNDOWNVOTED, 0, -1, None),
    Row(UP, DOWN, Action.DOWNVOTED, -1, +1, DOWN),
    Row(None, DOWN, Action.DOWNVOTED, 0, +1, DOWN),
]


def voted(*, liked: list[str] | None = None, disliked: list[str] | None = None) -> Document:
    """Make the vote fields of a document on which these have voted."""
    up, down = liked or [], disliked or []
    return {"upvotes": len(up), "downvotes": len(down), "likedBy": up, "dislikedBy": down}


def before(vote: Vote | None) -> Document:
    """Make the vote fields of a document on which Ada voted so, and others besides her."""
    ada = {UP: "liked", DOWN: "disliked"}
    others = {"liked": ["bob", "carol"], "disliked": ["dan"]}
    if vote is not None:
        others[ada[vote]] = ["bob", "ada", *others[ada[vote]][1:]] if vote is UP else ["ada", "dan"]
    return voted(**others)


class VoteRepositorySuite:
    """The tests; a subclass in a test module brings the fixture ``database``."""

    @pytest.fixture
    def repository(self, database: Database) -> VoteRepository:
        return VoteRepository(database)

    def put(self, database: Database, document: Document | None = None, target: Target = QUESTION) -> None:
        collections.get(database, COLLECTIONS[target.kind]).insert_one({"_id": target.id} | (document or {}))

    def get(self, database: Database, target: Target = QUESTION) -> Document:
        found = collections.get(database, COLLECTIONS[target.kind]).find_one({"_id": target.id})
        assert found is not None
        return found

    @pytest.mark.parametrize("row", TRANSITIONS, ids=lambda row: f"{row.vote}-on-{row.before}")
    def test_toggle_makes_the_documented_transition(
        self, repository: VoteRepository, database: Database, row: Row
    ) -> None:
        start = before(row.before)
        self.put(database, start)
        tally = repository.toggle(QUESTION, "ada", row.vote)
        assert tally == Tally(start["upvotes"] + row.upvotes, start["downvotes"] + row.downvotes, row.after)
        assert action_of_toggle(row.vote, tally.own) is row.action
        document = self.get(database)
        assert not list(faults(document))
        assert (document["upvotes"], document["downvotes"]) == (tally.upvotes, tally.downvotes)
        assert ("ada" in document["likedBy"], "ada" in document["dislikedBy"]) == (tally.liked, tally.downvoted)
        assert [voter for voter in document["likedBy"] if voter != "ada"] == ["bob", "carol"]
        assert [voter for voter in document["dislikedBy"] if voter != "ada"] == ["dan"]

    @pytest.mark.parametrize("kind", TargetKind)
    def test_votes_are_kept_for_every_kind_of_target(
        self, repository: VoteRepository, database: Database, kind: TargetKind
    ) -> None:
        target = Target(kind, "t1")
        self.put(database, target=target)
        assert repository.toggle(target, "ada", UP) == Tally(1, 0, UP)
        assert repository.set(target, "bob", DOWN) == (Tally(1, 1, DOWN), True)
        assert repository.clear(target, "ada") == (Tally(0, 1, None), True)
        assert repository.tally(target, "bob") == Tally(0, 1, DOWN)

    @pytest.mark.parametrize("current", [None, UP, DOWN])
    @pytest.mark.parametrize("wanted", [UP, DOWN])
    def test_set_makes_the_vote_and_tells_whether_that_changed_anything(
        self, repository: VoteRepository, database: Database, current: Vote | None, wanted: Vote
    ) -> None:
        self.put(database, before(current))
        start = self.get(database)
        others = {UP: (3, 1), DOWN: (2, 2)}
        assert repository.set(QUESTION, "ada", wanted) == (Tally(*others[wanted], wanted), current is not wanted)
        document = self.get(database)
        assert not list(faults(document))
        assert ("ada" in document["likedBy"], "ada" in document["dislikedBy"]) == (wanted is UP, wanted is DOWN)
        if current is wanted:
            assert document == start

    @pytest.mark.parametrize("current", [None, UP, DOWN])
    def test_clear_takes_the_vote_back_and_tells_whether_there_was_one(
        self, repository: VoteRepository, database: Database, current: Vote | None
    ) -> None:
        self.put(database, before(current))
        start = self.get(database)
        assert repository.clear(QUESTION, "ada") == (Tally(2, 1, None), current is not None)
        document = self.get(database)
        assert not list(faults(document))
        assert "ada" not in document["likedBy"] + document["dislikedBy"]
        if current is None:
            assert document == start

    @pytest.mark.parametrize("only", [UP, DOWN])
    @pytest.mark.parametrize("current", [None, UP, DOWN])
    def test_clear_takes_only_one_vote_back_when_it_is_named(
        self, repository: VoteRepository, database: Database, current: Vote | None, only: Vote
    ) -> None:
        self.put(database, before(current))
        start = self.get(database)
        tally, changed = repository.clear(QUESTION, "ada", only)
        assert changed == (current is only)
        assert tally.own == (None if changed else current)
        assert not list(faults(self.get(database)))
        assert changed or self.get(database) == start

    @pytest.mark.parametrize("current", [None, UP, DOWN])
    def test_tally_tells_counts_and_own_vote_without_changing_anything(
        self, repository: VoteRepository, database: Database, current: Vote | None
    ) -> None:
        start = before(current)
        self.put(database, start)
        assert repository.tally(QUESTION, "ada") == Tally(start["upvotes"], start["downvotes"], current)
        assert repository.tally(QUESTION) == Tally(start["upvotes"], start["downvotes"], None)
        assert self.get(database) == {"_id": QUESTION.id} | start

    def test_tallies_leave_unknown_ids_out_when_many_are_asked_for(
        self, repository: VoteRepository, database: Database
    ) -> None:
        self.put(database, before(UP))
        self.put(database, target=Target(TargetKind.QUESTION, "q_124"))
        self.put(database, before(DOWN), Target(TargetKind.MESSAGE, "msg_456"))
        asked = ["q_124", "q_123", "unknown", "msg_456", "q_123"]
        expected = {"q_123": Tally(3, 1, UP), "q_124": Tally(0, 0, None)}
        assert repository.tallies(TargetKind.QUESTION, asked, "ada") == expected
        assert repository.tallies(TargetKind.QUESTION, [], "ada") == {}

    def test_tally_carries_the_boost_of_an_entry_and_of_nothing_else(
        self, repository: VoteRepository, database: Database
    ) -> None:
        entry = Target(TargetKind.ENTRY, "page-1")
        self.put(database, {"boost": 7}, entry)
        self.put(database, {"boost": {"of": "the host"}})
        assert repository.toggle(entry, "ada", UP) == Tally(1, 0, UP, 7)
        assert repository.tally(entry) == Tally(1, 0, None, 7)
        assert repository.toggle(QUESTION, "ada", UP) == Tally(1, 0, UP, 0)

    @pytest.mark.parametrize(
        "document",
        [{}, dict.fromkeys(VOTE_FIELDS), {"upvotes": None, "likedBy": []}, {"downvotes": 0}],
        ids=["no vote fields", "null", "some null, some missing", "one counter"],
    )
    @pytest.mark.parametrize("vote", Vote)
    def test_missing_vote_fields_mean_zero_and_empty(
        self, repository: VoteRepository, database: Database, document: Document, vote: Vote
    ) -> None:
        self.put(database, document)
        assert repository.tally(QUESTION, "ada") == Tally(0, 0, None)
        assert repository.clear(QUESTION, "ada") == (Tally(0, 0, None), False)
        tally = Tally(1, 0, UP) if vote is UP else Tally(0, 1, DOWN)
        assert repository.toggle(QUESTION, "ada", vote) == tally
        assert not list(faults(self.get(database)))
        assert repository.toggle(QUESTION, "ada", vote) == Tally(0, 0, None)
        assert repository.set(QUESTION, "ada", vote) == (tally, True)

    def test_counter_keeps_its_surplus_when_it_was_imported_higher_than_its_array(
        self, repository: VoteRepository, database: Database
    ) -> None:
        surplus = {"upvotes": 40, "downvotes": 7}
        self.put(database, {"upvotes": 41, "downvotes": 7, "likedBy": ["ada"]})
        for vote, tally in (
            (UP, Tally(40, 7, None)),
            (UP, Tally(41, 7, UP)),
            (DOWN, Tally(40, 8, DOWN)),
            (DOWN, Tally(40, 7, None)),
        ):
            assert repository.toggle(QUESTION, "ada", vote) == tally
            assert not list(faults(self.get(database), surplus))
        assert repository.set(QUESTION, "ada", UP) == (Tally(41, 7, UP), True)
        assert repository.clear(QUESTION, "ada") == (Tally(40, 7, None), True)

    @pytest.mark.parametrize("count", [0, -5])
    def test_count_is_the_arrays_length_when_a_counter_is_lower(
        self, repository: VoteRepository, database: Database, count: int
    ) -> None:
        self.put(database, {"upvotes": count, "downvotes": count, "likedBy": ["ada", "bob"], "dislikedBy": ["dan"]})
        assert repository.tally(QUESTION, "ada") == Tally(2, 1, UP)
        assert repository.toggle(QUESTION, "ada", UP) == Tally(1, 1, None)
        assert repository.clear(QUESTION, "bob") == (Tally(0, 1, None), True)
        document = self.get(database)
        assert (document["upvotes"], document["downvotes"]) == (0, 1)
        assert (document["likedBy"], document["dislikedBy"]) == ([], ["dan"])
        assert repository.set(QUESTION, "dan", UP) == (Tally(1, 0, UP), True)

    @pytest.mark.parametrize("voter", STRANGE_VOTERS)
    def test_voter_is_a_plain_string_whatever_it_spells(
        self, repository: VoteRepository, database: Database, voter: str
    ) -> None:
        self.put(database, voted(liked=["bob"], disliked=["dan"]))
        assert repository.toggle(QUESTION, voter, UP) == Tally(2, 1, UP)
        assert self.get(database)["likedBy"] == ["bob", voter]
        assert repository.toggle(QUESTION, voter, DOWN) == Tally(1, 2, DOWN)
        assert self.get(database)["dislikedBy"] == ["dan", voter]
        assert repository.tally(QUESTION, voter) == Tally(1, 2, DOWN)
        assert repository.set(QUESTION, voter, UP) == (Tally(2, 1, UP), True)
        assert repository.set(QUESTION, voter, UP) == (Tally(2, 1, UP), False)
        assert repository.clear(QUESTION, voter) == (Tally(1, 1, None), True)
        assert self.get(database) == {"_id": "q_123"} | voted(liked=["bob"], disliked=["dan"])

    def test_voters_are_two_when_their_names_differ_in_normalization_or_case(
        self, repository: VoteRepository, database: Database
    ) -> None:
        self.put(database)
        voters = ["\u00e9", "e\u0301", "Ada", "ada", "ada "]
        for count, voter in enumerate(voters, start=1):
            assert repository.toggle(QUESTION, voter, UP) == Tally(count, 0, UP)
        assert self.get(database)["likedBy"] == voters

    def test_other_fields_are_untouched_when_voted_on(self, repository: VoteRepository, database: Database) -> None:
        host = {
            "title": "Why?",
            "views": Int64(12),
            "score": 1.5,
            "tags": ["$likedBy", {"$x": 1}],
            "boost": 3,
            "likes": {"upvotes": 9},
            "deleted": None,
            "author": ObjectId(),
        }
        self.put(database, host)
        repository.toggle(QUESTION, "ada", UP)
        repository.set(QUESTION, "ada", DOWN)
        repository.clear(QUESTION, "ada")
        document = self.get(database)
        assert {name: value for name, value in document.items() if name not in VOTE_FIELDS} == {"_id": "q_123"} | host
        assert [name for name in document if name in host] == list(host)

    def test_only_the_named_target_changes_when_voted_on(self, repository: VoteRepository, database: Database) -> None:
        others = [Target(TargetKind.QUESTION, "q_1234"), Target(TargetKind.MESSAGE, "q_123")]
        for target in [QUESTION, *others]:
            self.put(database, before(UP), target)
        repository.toggle(QUESTION, "ada", UP)
        repository.set(QUESTION, "ada", DOWN)
        for target in others:
            assert self.get(database, target) == {"_id": target.id} | before(UP)

    @pytest.mark.parametrize("kind", [TargetKind.QUESTION, TargetKind.MESSAGE])
    @pytest.mark.parametrize("spell", [str.lower, str.upper])
    def test_target_is_found_by_24_hex_digits_when_its_id_is_an_object_id(
        self, repository: VoteRepository, database: Database, kind: TargetKind, spell: Any
    ) -> None:
        key = ObjectId("64b7f0c2a1b2c3d4e5f60718")
        collections.get(database, COLLECTIONS[kind]).insert_one({"_id": key})
        target = Target(kind, spell(str(key)))
        assert repository.toggle(target, "ada", UP) == Tally(1, 0, UP)
        assert repository.set(target, "ada", UP) == (Tally(1, 0, UP), False)
        assert repository.tallies(kind, [target.id], "ada") == {target.id: Tally(1, 0, UP)}
        assert collections.get(database, COLLECTIONS[kind]).find_one({"_id": key})["likedBy"] == ["ada"]  # type: ignore[index]

    def test_target_is_found_by_24_hex_digits_when_they_are_its_string_id(
        self, repository: VoteRepository, database: Database
    ) -> None:
        target = Target(TargetKind.QUESTION, "64b7f0c2a1b2c3d4e5f60718")
        self.put(database, target=target)
        assert repository.toggle(target, "ada", UP) == Tally(1, 0, UP)
        assert repository.tally(target, "ada") == Tally(1, 0, UP)

    @pytest.mark.parametrize("kind", [TargetKind.ENTRY, TargetKind.POST, TargetKind.COMMENT])
    def test_target_of_ours_is_never_found_by_an_object_id(
        self, repository: VoteRepository, database: Database, kind: TargetKind
    ) -> None:
        key = ObjectId()
        collections.get(database, COLLECTIONS[kind]).insert_one({"_id": key})
        with pytest.raises(TargetNotFound):
            repository.toggle(Target(kind, str(key)), "ada", UP)

    def test_target_is_found_in_the_configured_field_when_the_host_has_its_own_ids(self, database: Database) -> None:
        repository = VoteRepository(database, qa_id_field="id")
        key = ObjectId()
        hex_id = "64b7f0c2a1b2c3d4e5f60718"
        database["questions"].insert_many([{"_id": key, "id": "q_123"}, {"_id": "q_123"}, {"id": hex_id}])
        self.put(database, target=Target(TargetKind.ENTRY, "e"))
        assert repository.toggle(QUESTION, "ada", UP) == Tally(1, 0, UP)
        assert repository.tallies(TargetKind.QUESTION, ["q_123", hex_id], "ada") == {
            "q_123": Tally(1, 0, UP),
            hex_id: Tally(0, 0, None),
        }
        assert repository.toggle(Target(TargetKind.ENTRY, "e"), "ada", UP) == Tally(1, 0, UP)
        assert database["questions"].find_one({"_id": key})["likedBy"] == ["ada"]  # type: ignore[index]
        assert self.get(database) == {"_id": "q_123"}
        with pytest.raises(TargetNotFound):
            repository.toggle(Target(TargetKind.QUESTION, str(key)), "ada", UP)

    @pytest.mark.parametrize("number", [float, Int64])
    def test_counts_are_integers_when_the_host_keeps_other_numbers(
        self, repository: VoteRepository, database: Database, number: type
    ) -> None:
        self.put(database, {"upvotes": number(3), "downvotes": number(1), "likedBy": ["ada"], "dislikedBy": ["dan"]})
        for tally in (
            repository.tally(QUESTION, "ada"),
            repository.toggle(QUESTION, "ada", DOWN),
            repository.set(QUESTION, "ada", UP)[0],
        ):
            assert [type(tally.upvotes), type(tally.downvotes)] == [int, int]
        assert tally == Tally(3, 1, UP)

    @pytest.mark.parametrize("id_", ["unknown", "", "$ne", "q_123 ", "64b7f0c2a1b2c3d4e5f60718", "x" * 10_000, "a\0b"])
    def test_target_is_unknown_and_not_made_when_it_does_not_exist(
        self, repository: VoteRepository, database: Database, id_: str
    ) -> None:
        self.put(database)
        unknown = Target(TargetKind.QUESTION, id_)
        with pytest.raises(TargetNotFound):
            repository.toggle(unknown, "ada", UP)
        with pytest.raises(TargetNotFound):
            repository.set(unknown, "ada", DOWN)
        with pytest.raises(TargetNotFound):
            repository.clear(unknown, "ada")
        with pytest.raises(TargetNotFound):
            repository.tally(unknown, "ada")
        assert [each["_id"] for each in database["questions"].find()] == ["q_123"]
