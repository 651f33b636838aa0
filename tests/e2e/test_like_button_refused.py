"""The like button when a press is refused, fails or needs another token."""

import re

import pytest
from itsdangerous import TimestampSigner, URLSafeTimedSerializer
from playwright.sync_api import expect

from harness.server import SECRET_KEY
from tests.e2e.visitor import UNKNOWN, NewVisitor, Site, Visitor, button_html, hold, like_button, message, wait_for

TOGGLE = "**/toggle"


@pytest.mark.parametrize(
    ("fields", "status", "told"),
    [({}, 401, "Please sign in first."), ({"locked": True, "boost": 7}, 403, "Likes are closed here.")],
)
def test_button_goes_back_and_says_why_when_the_server_refuses(
    visitor: Visitor, site: Site, fields: dict[str, object], status: int, told: str
) -> None:
    entry = site.entry(**fields)
    visitor.expected = {status}
    page = visitor.open(button_html(entry))
    button = like_button(page, entry)
    expect(button).to_have_attribute("aria-disabled", "false")
    before = button.text_content() or ""
    button.click()
    expect(message(page)).to_be_visible()
    expect(message(page)).to_have_text(told)
    expect(button).to_have_text(before)
    expect(button).to_have_attribute("aria-pressed", "false")
    assert site.likers(entry) == []


def expired(token: str) -> str:
    class TwoHoursAgo(TimestampSigner):
        def get_timestamp(self) -> int:
            return super().get_timestamp() - 7_200

    salt = "wtf-csrf-token"
    value = URLSafeTimedSerializer(SECRET_KEY, salt=salt).loads(token)
    made = URLSafeTimedSerializer(SECRET_KEY, salt=salt, signer=TwoHoursAgo).dumps(value)
    return made.decode() if isinstance(made, bytes) else made


@pytest.mark.parametrize("fault", ["expired", "of another visitor", "of the host's framework"])
def test_token_is_replaced_unnoticed_when_the_pages_is_no_good(
    new_visitor: NewVisitor, visitor: Visitor, site: Site, fault: str
) -> None:
    own = visitor.csrf_token()
    tokens = {
        "expired": expired(own),
        "of another visitor": new_visitor().csrf_token(),
        "of the host's framework": "a-token-of-rails",
    }
    entry = site.entry()
    visitor.sign_in()
    visitor.expected = {419}
    page = visitor.open(button_html(entry), head=f'<meta name="csrf-token" content="{tokens[fault]}">')
    like_button(page, entry).click()
    expect(like_button(page, entry)).to_be_enabled()
    expect(like_button(page, entry)).to_have_text("Like 1")
    expect(message(page)).to_have_text("Liked. Likes: 1.")
    assert [method for method, _ in visitor.called("/simple-likes/")] == ["POST", "GET", "POST"]
    # The fresh token serves from now on, and the host's own stays where its scripts look for it.
    like_button(page, entry).click()
    expect(message(page)).to_have_text("No longer liked. Likes: 0.")
    assert len(visitor.called("/toggle")) == 3
    assert page.locator("meta[name=csrf-token]").get_attribute("content") == tokens[fault]


def test_token_of_the_page_is_used_when_it_is_good(visitor: Visitor, site: Site) -> None:
    entry = site.entry()
    visitor.sign_in()
    head = f'<meta name="csrf-token" content="{visitor.csrf_token()}">'
    page = visitor.open(button_html(entry), head=head)
    like_button(page, entry).click()
    expect(message(page)).to_have_text("Liked. Likes: 1.")
    assert len(visitor.called("/simple-likes/")) == 1


def test_visitor_is_told_to_reload_when_the_fresh_token_is_refused_too(visitor: Visitor, site: Site) -> None:
    entry = site.entry()
    visitor.sign_in()
    visitor.expected = {419}
    page = visitor.open(button_html(entry))
    page.route(TOGGLE, lambda route: route.fulfill(status=419, json={"error": "CSRF mismatch"}))
    like_button(page, entry).click()
    expect(message(page)).to_have_text("Please allow cookies, then reload the page.")
    assert len(visitor.called("/toggle")) == 1


def test_wait_is_told_in_seconds_when_the_limit_is_reached(visitor: Visitor, site: Site) -> None:
    entry = site.entry()
    visitor.sign_in("carol")
    visitor.expected = {429}
    page = visitor.open(button_html(entry))
    button = like_button(page, entry)
    for number in range(1, 5):
        button.click()
        expect(button).to_have_text(f"Like {number % 2}")
        expect(button).to_be_enabled()
    button.click()
    expect(message(page)).to_be_visible()
    expect(message(page)).to_have_text(re.compile(r"^Too many at once\. Please try again in [1-6]?\d s\.$"))
    expect(button).to_have_attribute("aria-pressed", "false")


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (500, "That did not work. Please try again."),
        (401, "Please sign in first."),
        (0, "No answer from the server. Please try again."),
    ],
)
def test_hope_is_shown_and_taken_back_when_the_request_fails(
    visitor: Visitor, site: Site, status: int, told: str
) -> None:
    entry = site.entry(boost=5)
    visitor.sign_in()
    visitor.expected = {status}
    page = visitor.open(button_html(entry))
    held = hold(page, TOGGLE)
    button = like_button(page, entry)
    expect(button).to_have_text("Like 5")
    button.click()
    expect(button).to_have_text("Like 6")
    expect(button).to_have_attribute("aria-pressed", "true")
    expect(button).to_be_disabled()
    button.click(force=True)  # has no effect while one is in flight
    wait_for(page, held)  # it fetches a token first
    # Meanwhile somebody else liked it; what the button goes back to is what the server says.
    site.database["likes_entries"].update_one({"_id": entry}, {"$set": {"upvotes": 1, "likedBy": ["bob"]}})
    if status:
        held[0].fulfill(status=status, json={"error": "Service unavailable"})
    else:
        held[0].abort("connectionreset")
    expect(message(page)).to_be_visible()
    expect(message(page)).to_have_text(told)
    expect(button).to_have_text("Like 6")
    expect(button).to_have_attribute("aria-pressed", "false")
    expect(button).to_be_enabled()
    assert len(held) == 1


def test_button_works_when_its_state_could_not_be_loaded(visitor: Visitor, site: Site) -> None:
    entry = site.entry(boost=5)
    visitor.sign_in()
    visitor.expected = {503}
    visitor.page.route(
        "**/votes/status", lambda route: route.fulfill(status=503, json={"error": "Service unavailable"})
    )
    page = visitor.open(button_html(entry))
    expect(like_button(page, entry)).to_have_text(f"Like {UNKNOWN}")
    like_button(page, entry).click()
    expect(like_button(page, entry)).to_have_text("Like 6")
