"""A page of 200 targets of five types, five of them with 100,000 voters: at most two queries for each type."""

from flask import Flask

from harness.page_of_targets import READER, put_page
from likes_api.mongodb.documents import Database
from tests.support.commands import CountedCommands
from tests.support.host import Caller, person, service

VOTERS = 100_000


def test_status_costs_two_round_trips_for_each_type_when_targets_of_it_have_many_voters(
    app: Flask, module_database: Database, counted: CountedCommands
) -> None:
    targets = put_page(module_database, VOTERS)
    asked = [(target.kind.value, target.id) for target in targets]
    assert len(asked) == 200
    module_database["likes_people"].insert_one({"_id": READER, "diaspora_id": "reader@example.com", "name": "Reader"})
    shop = service(module_database).for_(READER)
    shop.status(app, asked[0])  # with a token's first request of a day, that day is noted
    for caller, own in ((person(module_database, READER), 1), (shop, 1), (Caller(), 0)):
        types = 5 if own else 3  # a guest sees no posts and no comments
        with counted.during() as names:
            found = caller.status(app, *asked)
        assert len(names) == own + 2 * types
        assert [(each["type"], each["id"]) for each in found] == asked[: 40 * types]
        many = [each for each in found if each["upvotes"] > 3]
        assert [each["upvotes"] for each in many] == [VOTERS] * types
        if caller is shop:
            assert {each["vote"] for each in found} == {1}
