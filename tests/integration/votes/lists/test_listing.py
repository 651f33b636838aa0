"""Stretches of a target's likers on a real server."""

from itertools import product

import pytest

from likes_api.mongodb.documents import Database
from likes_api.repository.votes.repository import VoteRepository, Voters
from likes_api.votes import Target, TargetKind, TargetNotFound

POST = Target(TargetKind.POST, "p")


def test_stretches_are_those_of_the_whole_list_when_cut_anywhere(database: Database) -> None:
    database["likes_posts"].insert_one({"_id": "p", "likedBy": list("abcdefg")})
    listing = VoteRepository(database)
    for own, offset, limit in product("adgx", range(10), range(1, 10)):
        whole = [own, *(voter for voter in "abcdefg" if voter != own)] if own in "abcdefg" else list("abcdefg")
        expected = Voters(tuple(whole[offset : offset + limit]), offset + limit < len(whole))
        assert listing.likers(POST, own, offset, limit) == expected


def test_nobody_is_listed_when_the_offset_is_beyond_any_number_of_the_server(database: Database) -> None:
    database["likes_posts"].insert_one({"_id": "p", "likedBy": ["a"]})
    for offset in (1, 2**31 - 2, 2**31, 2**63, 10**40):
        assert VoteRepository(database).likers(POST, "a", offset, 200) == Voters((), more=False)


def test_own_id_is_a_string_when_it_looks_like_an_expression(database: Database) -> None:
    database["likes_posts"].insert_one({"_id": "p", "likedBy": ["a", "$likedBy"], "secret": ["b"]})
    listing = VoteRepository(database)
    assert listing.likers(POST, "$likedBy", 0, 5) == Voters(("$likedBy", "a"), more=False)
    assert listing.likers(POST, "$secret", 0, 5) == Voters(("a", "$likedBy"), more=False)


def test_listing_tells_no_target_from_one_without_likes(database: Database) -> None:
    database["likes_posts"].insert_one({"_id": "p"})
    assert VoteRepository(database).likers(POST, "a", 0, 5) == Voters((), more=False)
    with pytest.raises(TargetNotFound):
        VoteRepository(database).likers(Target(TargetKind.COMMENT, "p"), "a", 0, 5)
