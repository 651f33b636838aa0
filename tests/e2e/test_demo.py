"""The demo page, as a stranger uses it."""

import json
import subprocess
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

from tests.e2e.visitor import Visitor, like_button


def run(line: str, directory: Path) -> str:
    """Run a pasted line in an interactive bash, which also expands history (``!``)."""
    command = ["bash", "--norc", "-ic", f"set -H\n{line}"]
    finished = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=60, check=True)
    return finished.stdout


def answer(line: str, directory: Path) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(run(line, directory))
    return body


def curl_of(page: Page, card: str, index: int = 0) -> str:
    return page.locator(f"{card} code").locator("visible=false").nth(index).text_content() or ""


def test_page_has_all_kinds_of_buttons_when_opened_by_a_guest(visitor: Visitor, page: Page) -> None:
    page.goto("/")
    expect(page.get_by_text("Signed out: a guest")).to_be_visible()
    expect(like_button(page, "boosted-entry")).to_have_text("Like 41")
    expect(like_button(page, "locked-entry")).to_have_text("Like 7")
    expect(page.locator("vote-buttons[target=msg_456][type=message]")).to_be_visible()
    assert len(visitor.called("/status")) == 1
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_visitor_votes_as_whom_they_signed_in_when_switching(visitor: Visitor, page: Page) -> None:
    page.goto("/")
    page.get_by_role("button", name="Carol").click()
    expect(page.get_by_text("Signed in as Carol")).to_be_visible()
    like_button(page, "my-entry-id").click()
    expect(like_button(page, "my-entry-id")).to_have_attribute("aria-pressed", "true")
    expect(like_button(page, "my-entry-id")).to_be_enabled()
    assert "carol" in visitor.site.likers("my-entry-id")
    down = page.locator("vote-buttons[target=q_124] button[part~=down]")
    down.click()
    expect(down).to_be_enabled()
    page.reload()
    expect(down).to_have_attribute("aria-pressed", "true")
    cookie = next(each for each in visitor.context.cookies() if each["name"] == "next-auth.session-token")
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Lax", "/")
    page.get_by_role("button", name="Bob").click()
    expect(page.get_by_text("Signed in as Bob")).to_be_visible()
    expect(like_button(page, "my-entry-id")).to_have_attribute("aria-pressed", "false")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("Signed out: a guest")).to_be_visible()
    assert not visitor.site.database["sessions"].find_one({"sessionToken": cookie["value"], "userId": "bob"})


def test_button_of_an_old_page_still_works_when_another_tab_signed_in(visitor: Visitor, page: Page) -> None:
    page.goto("/")
    other = visitor.new_page()
    other.goto("/")
    other.get_by_role("button", name="Alice").click()
    expect(other.get_by_text("Signed in as Alice")).to_be_visible()
    visitor.expected = {419}
    like_button(page, "guest-entry").click()
    expect(like_button(page, "guest-entry")).to_be_enabled()
    assert "alice" in visitor.site.likers("guest-entry")
    page.get_by_role("button", name="Bob").click()
    expect(page.get_by_role("alert")).to_contain_text("too old")
    page.get_by_role("button", name="Bob").click()
    expect(page.get_by_text("Signed in as Bob")).to_be_visible()


def test_curl_lines_do_what_the_buttons_do_when_pasted(visitor: Visitor, page: Page, tmp_path: Path) -> None:
    visitor.expected = {401}  # of a session that is over
    page.goto("/")
    guests = curl_of(page, "#entry-guest-entry")
    assert answer(guests, tmp_path)["user_has_liked"] is True
    refused = answer(curl_of(page, "#entry-boosted-entry"), tmp_path)
    assert refused == {"error": "Please log in"}
    page.get_by_role("button", name="Carol").click()
    expect(page.get_by_text("Signed in as Carol")).to_be_visible()
    like = curl_of(page, "#entry-boosted-entry")
    assert answer(like, tmp_path) == {"likes_count": 42, "user_has_liked": True}
    page.reload()
    expect(like_button(page, "boosted-entry")).to_have_text("Like 42")
    assert answer(curl_of(page, "#thread-q_125", 1), tmp_path)["action"] == "downvoted"
    assert answer(curl_of(page, "#thread-q_125", 0), tmp_path)["action"] == "liked"
    sign_in, sign_out = (curl_of(page, ".identity", index) for index in (0, 1))
    assert "next-auth.session-token=" in run(sign_in, tmp_path)
    assert "303" in run(sign_out, tmp_path)
    page.reload()
    expect(page.get_by_text("Signed out: a guest")).to_be_visible()
