"""``PUT``, ``DELETE`` and ``GET /api/targets/{type}/{id}/vote`` on the real server: who may vote on what."""

import pytest
from flask import Flask

from harness.documents import snapshot
from likes_api.mongodb.documents import Database
from tests.support import diaspora
from tests.support.answers import outcome
from tests.support.commands import CountedCommands
from tests.support.host import (
    ADA,
    BOB,
    COLLECTIONS,
    COMMENT,
    FORGED,
    GUEST,
    NOT_FOUND,
    POST,
    TARGETS,
    UNAUTHORIZED,
    Caller,
    boost_of,
    by_token,
    person,
    refused,
    service,
    state,
)
from tests.support.issuer import HOST_KEY, claims, token

OF_USERS, OF_PEOPLE = ("entry", "question", "message"), ("post", "comment")
LOGIN, LOCKED = refused(401, "Please log in"), refused(403, "Likes disabled")
NOT_ALLOWED, SCOPE = refused(422, "User is not allowed to like"), refused(403, "insufficient_scope")


def voter(database: Database, type_: str) -> Caller:
    return ADA if type_ in OF_USERS else person(database)


def held(database: Database, type_: str) -> list[str]:
    document = database[COLLECTIONS[type_]].find_one({"_id": TARGETS[type_]})
    assert document is not None
    return [*document.get("likedBy", []), *document.get("dislikedBy", [])]


@pytest.mark.parametrize("type_", TARGETS)
def test_vote_is_what_was_set_however_often_it_is_sent(app: Flask, database: Database, type_: str) -> None:
    caller, id_, boost = voter(database, type_), TARGETS[type_], boost_of(type_)
    for changed in (True, False, False):
        assert outcome(caller.put(app, type_, id_, 1)) == (200, state(1, 1, boost=boost, changed=changed))
    response = caller.get(app, type_, id_)
    assert outcome(response) == (200, state(1, 1, boost=boost))
    assert response.headers["Cache-Control"] == "private, no-store"
    assert len(held(database, type_)) == 1
    for changed in (True, False):
        assert outcome(caller.put(app, type_, id_, 0)) == (200, state(0, 0, boost=boost, changed=changed))
    assert held(database, type_) == []
    caller.put(app, type_, id_, 1)
    for changed in (True, False):
        assert outcome(caller.delete(app, type_, id_)) == (200, state(0, 0, boost=boost, changed=changed))


@pytest.mark.parametrize("type_", ["question", "message"])
def test_vote_goes_down_and_up_when_the_target_takes_downvotes(app: Flask, database: Database, type_: str) -> None:
    id_ = TARGETS[type_]
    assert outcome(ADA.put(app, type_, id_, -1)) == (200, state(0, -1, downvotes=1, changed=True))
    assert outcome(BOB.put(app, type_, id_, 1)) == (200, state(1, 1, downvotes=1, changed=True))
    assert outcome(ADA.put(app, type_, id_, -1)) == (200, state(1, -1, downvotes=1, changed=False))
    assert outcome(ADA.put(app, type_, id_, 1)) == (200, state(2, 1, changed=True))
    assert outcome(ADA.put(app, type_, id_, -1)) == (200, state(1, -1, downvotes=1, changed=True))
    assert outcome(ADA.delete(app, type_, id_)) == (200, state(1, 0, changed=True))


@pytest.mark.parametrize("type_", ["entry", "post", "comment"])
def test_downvote_is_422_when_the_target_takes_likes_only(app: Flask, database: Database, type_: str) -> None:
    before = snapshot(database)
    caller = voter(database, type_)
    before = snapshot(database)
    assert outcome(caller.put(app, type_, TARGETS[type_], -1)) == refused(422, "No downvotes here")
    assert snapshot(database) == before


# -- Who may vote on what


def test_jwt_votes_on_what_users_vote_on(app: Flask, database: Database) -> None:
    ada = by_token(token(HOST_KEY, "ES256", claims("ada", aud="likes")))
    for type_ in OF_USERS:
        assert ada.put(app, type_, TARGETS[type_], 1).status_code == 200
        assert held(database, type_) == ["ada"]
    for type_ in OF_PEOPLE:
        assert outcome(ada.put(app, type_, TARGETS[type_], 1)) == UNAUTHORIZED


def test_service_votes_for_users_and_people(app: Flask, database: Database) -> None:
    shop = service(database)
    for type_ in OF_USERS:
        assert (
            shop.for_("zoë").put(app, type_, TARGETS[type_], 1, **{"Likes-On-Behalf-Of": "zo\xc3\xab"}).status_code
            == 200
        )
        assert held(database, type_) == ["zoë"]
    for type_ in OF_PEOPLE:
        assert shop.for_(diaspora.BOB).put(app, type_, TARGETS[type_], 1).status_code == 200
        assert held(database, type_) == [diaspora.BOB]
    carol = shop.for_(diaspora.CAROL)
    assert outcome(carol.put(app, "post", diaspora.SHARED, 1)) == NOT_FOUND
    assert outcome(carol.get(app, "post", diaspora.SHARED)) == NOT_FOUND
    assert outcome(shop.for_(diaspora.BOB).put(app, "post", diaspora.SHARED, 1)) == (200, state(1, 1, changed=True))
    assert outcome(shop.for_(diaspora.BOB).get(app, "post", diaspora.SHARED)) == (200, state(1, 1))
    assert outcome(shop.get(app, "post", diaspora.SHARED)) == (200, state(1, 0))


@pytest.mark.parametrize(
    ("type_", "callers"),
    [
        ("entry", [person]),
        *[(type_, [person, lambda _: GUEST]) for type_ in ("question", "message")],
        *[(type_, [lambda _: ADA, lambda _: GUEST]) for type_ in OF_PEOPLE],
    ],
)
def test_write_is_401_before_the_target_is_looked_up_when_the_credential_is_about_others(
    app: Flask, database: Database, type_: str, callers: list, counted: CountedCommands
) -> None:
    for caller in callers:
        who = caller(database)
        for id_ in (TARGETS[type_], "none"):
            before = snapshot(database)
            with counted.during() as names:
                assert outcome(who.put(app, type_, id_, 1)) == UNAUTHORIZED
                assert outcome(who.delete(app, type_, id_)) == UNAUTHORIZED
            assert len(names) == (2 if "Authorization" in who.headers else 0)  # the token's own
            assert snapshot(database) == before


@pytest.mark.parametrize("type_", [*TARGETS, "page"])
@pytest.mark.parametrize("caller", FORGED)
def test_answer_is_401_when_the_credential_is_not_valid(
    app: Flask, guest_app: Flask, database: Database, type_: str, caller: Caller
) -> None:
    id_, before = TARGETS.get(type_, "x"), snapshot(database)
    for each in (app, guest_app):
        for response in (
            caller.put(each, type_, id_, 1),
            caller.delete(each, type_, id_),
            caller.get(each, type_, id_),
        ):
            assert outcome(response) == UNAUTHORIZED
    assert snapshot(database) == before


def test_anybody_reads_entries_questions_and_messages_and_only_people_posts_and_comments(
    app: Flask, database: Database
) -> None:
    for type_ in OF_USERS:
        ADA.put(app, type_, TARGETS[type_], 1)
        for caller, vote in ((GUEST, 0), (BOB, 0), (person(database), 0), (ADA, 1)):
            assert outcome(caller.get(app, type_, TARGETS[type_])) == (200, state(1, vote, boost=boost_of(type_)))
    for type_ in OF_PEOPLE:
        for caller in (GUEST, ADA):
            assert outcome(caller.get(app, type_, TARGETS[type_])) == UNAUTHORIZED


# -- The rules of targets' own contracts


def test_locked_entry_is_403_whoever_asks_and_whatever_for(app: Flask, guest_app: Flask, database: Database) -> None:
    for each in (app, guest_app):
        for caller in (ADA, GUEST):
            for value in (1, 0, -1):
                assert outcome(caller.put(each, "entry", "locked", value)) == LOCKED
            assert outcome(caller.delete(each, "entry", "locked")) == LOCKED
            assert outcome(caller.get(each, "entry", "locked")) == (200, state(0, 0))


@pytest.mark.parametrize(("entry", "off", "on"), [("plain", 401, 200), ("guests", 200, 200), ("members", 401, 401)])
def test_entry_wins_over_the_setting_when_a_guest_likes(
    app: Flask, guest_app: Flask, database: Database, entry: str, off: int, on: int
) -> None:
    for each, status in ((app, off), (guest_app, on)):
        for value in (-1, 0, 1):
            response = GUEST.put(each, "entry", entry, value)
            expected = 422 if (status, value) == (200, -1) else status
            assert response.status_code == expected
            if status == 401:
                assert outcome(response) == LOGIN


def test_guest_is_the_one_of_contract_2_and_reads_the_own_vote(guest_app: Flask, database: Database) -> None:
    guest = Caller({"User-Agent": "Firefox"}, "192.0.2.9")
    assert outcome(guest.put(guest_app, "entry", "guests", 1)) == (200, state(1, 1, changed=True))
    assert outcome(guest.get(guest_app, "entry", "guests")) == (200, state(1, 1))
    [id_] = database["likes_entries"].find_one("guests")["likedBy"]
    me = guest.ask(guest_app, "GET", "/api/me")
    assert outcome(me) == (200, {"kind": "guest", "id": id_})
    assert id_.startswith("guest_")
    assert outcome(GUEST.get(guest_app, "entry", "guests")) == (200, state(1, 0))


@pytest.mark.parametrize("on_comment", [False, True])
@pytest.mark.parametrize(
    ("post", "status"), [(POST, 200), (diaspora.SHARED, 200), (diaspora.BOBS_OWN, 200), (diaspora.SECRET, 404)]
)
def test_post_takes_likes_of_those_who_may_see_it(
    app: Flask, database: Database, post: str, status: int, on_comment: bool
) -> None:
    type_, id_ = ("comment", diaspora.comment_on(post)) if on_comment else ("post", post)
    bob = person(database)
    answers = [bob.put(app, type_, id_, 1), bob.get(app, type_, id_), bob.delete(app, type_, id_)]
    assert [answer.status_code for answer in answers] == [status] * 3


@pytest.mark.parametrize("on_comment", [False, True])
def test_scopes_are_those_of_contract_3(app: Flask, database: Database, on_comment: bool) -> None:
    type_, name = ("comment", diaspora.comment_on) if on_comment else ("post", str)
    shared, secret = name(diaspora.SHARED), name(diaspora.SECRET)
    none, reads = person(database, scopes=["interactions"]), person(database, scopes=["public:read"])
    both = person(database, scopes=["public:read", "interactions"])
    before = snapshot(database)
    for id_ in (name(POST), "none"):
        for value in (0, 1, -1):
            assert outcome(none.put(app, type_, id_, value)) == SCOPE
            assert outcome(reads.put(app, type_, id_, value)) == SCOPE
        assert outcome(none.get(app, type_, id_)) == SCOPE
    assert outcome(both.get(app, type_, shared)) == NOT_ALLOWED
    for value in (0, 1, -1):
        assert outcome(both.put(app, type_, shared, value)) == NOT_ALLOWED
        assert outcome(both.put(app, type_, secret, value)) == NOT_FOUND
    assert snapshot(database) == before
    assert reads.get(app, type_, name(POST)).status_code == 200


@pytest.mark.parametrize("on_comment", [False, True])
def test_person_whom_the_author_ignores_takes_back_but_does_not_like(
    app: Flask, database: Database, on_comment: bool
) -> None:
    type_, id_ = ("comment", COMMENT) if on_comment else ("post", POST)
    bob = person(database)
    bob.put(app, type_, id_, 1)
    database["likes_people"].update_one({"_id": diaspora.ALICE}, {"$set": {"ignores": [diaspora.BOB]}})
    assert outcome(bob.put(app, type_, id_, 1)) == NOT_ALLOWED
    assert outcome(bob.get(app, type_, id_)) == (200, state(1, 1))
    assert outcome(bob.put(app, type_, id_, 0)) == (200, state(0, 0, changed=True))
    own = "comment" if on_comment else "post"
    assert (
        bob.put(app, own, diaspora.comment_on(diaspora.BOBS_OWN) if on_comment else diaspora.BOBS_OWN, 1).status_code
        == 200
    )


@pytest.mark.parametrize("type_", TARGETS)
def test_answer_is_404_when_there_is_no_such_target(app: Flask, database: Database, type_: str) -> None:
    caller, before = voter(database, type_), snapshot(database)
    before = snapshot(database)
    for id_ in ("none", "x" * 1_000, "a\0b", "$ne", "..", "/", "//", "a//b", "%2F", "a/vote", "ü", "'", "\n", "\ufffd"):
        for answer in (caller.put(app, type_, id_, 1), caller.get(app, type_, id_), caller.delete(app, type_, id_)):
            assert outcome(answer) == NOT_FOUND
    assert snapshot(database) == before


# -- Services


def test_service_needs_its_scope_and_somebody_to_act_for(app: Flask, database: Database) -> None:
    reads, writes = service(database, "votes:read"), service(database, "votes:write")
    before = snapshot(database)
    for type_, id_ in TARGETS.items():
        assert outcome(writes.put(app, type_, id_, 1)) == refused(400, "Likes-On-Behalf-Of is missing")
        assert outcome(writes.for_("").delete(app, type_, id_)) == refused(400, "Likes-On-Behalf-Of is missing")
        for nobody in ("guest_1", "x" * 256, "\xff"):
            assert outcome(writes.for_(nobody).put(app, type_, id_, 1)) == refused(400, "Invalid Likes-On-Behalf-Of")
        assert outcome(reads.for_("ada").put(app, type_, id_, 1)) == SCOPE
        assert outcome(service(database, "admin").for_("ada").get(app, type_, id_)) == SCOPE
        assert outcome(writes.get(app, type_, id_)) == SCOPE
    after = snapshot(database)
    assert {name: after[name] for name in COLLECTIONS.values()} == {name: before[name] for name in COLLECTIONS.values()}


def test_header_of_services_is_ignored_when_others_send_it(app: Flask, database: Database) -> None:
    assert outcome(ADA.for_("bob").put(app, "question", "q/1", 1)) == (200, state(1, 1, changed=True))
    assert held(database, "question") == ["ada"]
    assert ADA.for_("\xff").get(app, "question", "q/1").status_code == 200


# -- Cost


@pytest.mark.parametrize(("type_", "trips"), [("question", 1), ("message", 1), ("entry", 2)])
def test_vote_of_a_user_costs_its_round_trips_and_one_more_when_nothing_changes(
    app: Flask, database: Database, type_: str, trips: int, counted: CountedCommands
) -> None:
    ADA.put(app, type_, TARGETS[type_], 1)
    for value, cost in ((1, trips + 1), (0, trips), (0, trips + 1), (1, trips)):
        with counted.during() as names:
            ADA.put(app, type_, TARGETS[type_], value)
        assert len(names) == cost
    with counted.during() as names:
        ADA.get(app, type_, TARGETS[type_])
    assert len(names) == 1


@pytest.mark.parametrize("type_", OF_PEOPLE)
def test_vote_of_a_person_costs_three_round_trips_and_a_read_two(
    app: Flask, database: Database, type_: str, counted: CountedCommands
) -> None:
    bob = person(database)
    bob.put(app, type_, TARGETS[type_], 1)
    with counted.during() as names:
        bob.put(app, type_, TARGETS[type_], 0)
    assert len(names) == 3
    with counted.during() as names:
        bob.get(app, type_, TARGETS[type_])
    assert len(names) == 2
