"""The guids of likes on a real server: the same from every process, unique, and not to be guessed."""

import re
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from threading import Barrier

from likes_api.mongodb.documents import Database
from likes_api.repository.like_guids import LikeGuids
from likes_api.votes import Target, TargetKind

POST = Target(TargetKind.POST, "p")


def test_all_agree_on_a_like_s_guid_when_they_make_the_key_at_once(database: Database) -> None:
    barrier = Barrier(16)

    def name(_: int) -> str:
        guids = LikeGuids(database)
        barrier.wait()
        return guids.guid_of(POST, "bob")

    with ThreadPoolExecutor(16) as threads:
        assert len(set(threads.map(name, range(16)))) == 1
    (kept,) = database["likes_settings"].find()
    assert len(kept["key"]) == 32


def test_guid_is_another_when_the_deployment_is_another(database: Database) -> None:
    first = LikeGuids(database).guid_of(POST, "bob")
    database["likes_settings"].delete_many({})
    assert LikeGuids(database).guid_of(POST, "bob") != first


def test_guids_differ_when_likes_differ_however_alike_their_parts(database: Database) -> None:
    guids = LikeGuids(database)
    ids = [
        "a",
        "b",
        "ab",
        "",
        "a,b",
        'a", "b',
        '"',
        '["a"]',
        "a\0",
        "\0b",
        "|",
        "a|b",
        "é",
        "e\u0301",
        "post",
        "comment",
    ]
    likes = list(product((TargetKind.POST, TargetKind.COMMENT), ids, ids))
    named = {guids.guid_of(Target(kind, id_), voter) for kind, id_, voter in likes}
    assert len(named) == len(likes)
    assert all(re.fullmatch(r"[0-9a-f]{32}", guid) for guid in named)
