"""The TypeScript client in Chromium, where a cookie says who asks; in Node it has the tests of ``tests/clients``."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from likes_client import NoAnswer, NotFound, ServiceUnavailable
from playwright.sync_api import Route

from harness.faulty_proxy import Fault, FaultyProxy, Refusal, faulty_proxy
from likes_api.http.headers import CONTENT_SECURITY_POLICY
from tests.e2e.visitor import Site, Visitor
from tests.support.clients import PERFORM, built, order, result

PAGE = (
    '<!doctype html><title>host</title><link rel="icon" href="data:,"><script type="module" src="/start.js"></script>'
)
START = """
  import * as client from "/likes-client/index.js";
  import { perform } from "/perform.mjs";
  globalThis.perform = (order) => perform(client, order);
"""
Call = Callable[..., Any]


@pytest.fixture(scope="module")
def proxy(site: Site) -> Iterator[FaultyProxy]:
    with faulty_proxy(site.url) as proxy:
        yield proxy


@pytest.fixture
def call(visitor: Visitor, proxy: FaultyProxy) -> Call:
    """Call a method in a page of the service's own origin, under the strict policy."""
    page, script = visitor.page, {"Content-Type": "text/javascript"}

    def module(route: Route) -> None:
        route.fulfill(path=built() / route.request.url.rpartition("/")[2], headers=script)

    html = {"Content-Type": "text/html", "Content-Security-Policy": CONTENT_SECURITY_POLICY}
    page.route("**/host-page", lambda route: route.fulfill(body=PAGE, headers=html))
    page.route("**/start.js", lambda route: route.fulfill(body=START, headers=script))
    page.route("**/perform.mjs", lambda route: route.fulfill(path=PERFORM, headers=script))
    page.route("**/likes-client/*.js", module)
    visitor.sign_in()
    page.goto(f"{proxy.url}/host-page")
    page.wait_for_function("() => globalThis.perform")
    return lambda *ordered: result(page.evaluate("(order) => perform(order)", order("", None, *ordered)))


@pytest.mark.parametrize("method", ["set_vote", "toggle_vote"])
def test_vote_counts_once_in_a_browser_when_its_answers_are_lost_and_refused(
    visitor: Visitor, site: Site, proxy: FaultyProxy, call: Call, method: str
) -> None:
    visitor.expected = {0, 429, 503}
    question = site.question()
    # Not before its begin: a browser sends a request again by itself where a connection that was open gave no answer.
    proxy.begin(Fault.CUT, Refusal(429, "0"), Refusal(503))
    answer = call(method, ("question", question), 1 if method == "set_vote" else "up")
    assert answer["upvotes"] == 1
    assert len(proxy.requests) == 4
    found = site.database["questions"].find_one({"_id": question})
    assert found is not None
    assert (found["upvotes"], found["likedBy"]) == (1, ["alice"])


def test_what_may_have_been_applied_is_not_sent_again_in_a_browser(
    visitor: Visitor, proxy: FaultyProxy, call: Call
) -> None:
    visitor.expected = {0, 401, 503}
    for fault, error in ((Fault.CUT, NoAnswer), (Refusal(503), ServiceUnavailable)):
        proxy.begin(fault)
        with pytest.raises(error) as raised:
            call("like", "post-public")
        assert raised.value.maybe_applied
        assert len(proxy.requests) == 1


def test_lists_are_walked_and_refusals_are_classes_in_a_browser(visitor: Visitor, site: Site, call: Call) -> None:
    visitor.expected = {404}
    questions = sorted(site.question() for _ in range(3))
    for question in questions:
        assert call("set_vote", ("question", question), 1)["changed"]
    walked = call("my_votes", "question")
    assert [vote["id"] for vote in walked if vote["id"] in questions] == questions
    page = call("my_votes_page", "question")
    # Other tests have let the same visitor vote.
    assert page["votes"] == walked[: len(page["votes"])]
    assert (page["next"] is None) == (len(page["votes"]) == len(walked))
    with pytest.raises(NotFound) as raised:
        call("get_vote", ("question", "none"))
    assert (raised.value.code, raised.value.message) == ("not_found", "Not found")
    assert raised.value.request_id
