"""The page of the published interface shows every contract, lets one try requests, and is served by us alone."""

import json

from playwright.sync_api import expect

from tests.e2e.visitor import Visitor
from tests.support.interface import DOCUMENT


def test_page_shows_every_contract_and_asks_no_other_host(visitor: Visitor) -> None:
    visitor.page.goto("/docs")
    items = json.loads(DOCUMENT.read_text())["paths"].values()
    for tag in {each["tags"][0] for item in items for each in item.values() if "tags" in each}:
        expect(visitor.page.locator(f"#operations-tag-{tag}")).to_be_visible()
    # Those of other hosts would be whole URLs.
    assert all(url.startswith(("/", "data:")) for _, url in visitor.requests)


def test_request_can_be_tried_on_the_page(visitor: Visitor) -> None:
    visitor.page.goto("/docs")
    operation = visitor.page.locator("#operations-ops-ops_health")
    operation.get_by_role("button").first.click()
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").click()
    expect(operation.locator(".live-responses-table .response-col_status").last).to_contain_text("200")
