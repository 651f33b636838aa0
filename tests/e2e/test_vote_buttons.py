"""The vote buttons of questions and answers, on a page of the host application."""

from playwright.sync_api import Locator, Page, expect

from tests.e2e.visitor import Site, Visitor, hold, like_button, message, wait_for


def html(target: str, **attributes: object) -> str:
    given = "".join(f' {name}="{value}"' for name, value in attributes.items())
    return f'<vote-buttons target="{target}" type="question"{given}></vote-buttons>'


def buttons(page: Page) -> tuple[Locator, Locator]:
    up, down = (page.locator(f"vote-buttons button[part~={part}]") for part in ("up", "down"))
    return up, down


def expect_state(page: Page, up: str, down: str, vote: str | None) -> None:
    for button, count, name in zip(buttons(page), (up, down), ("up", "down"), strict=True):
        expect(button).to_have_text(f"Vote {name} {count}")
        expect(button).to_have_attribute("aria-pressed", "true" if vote == name else "false")
        expect(button).to_be_enabled()


def test_votes_move_when_cast_switched_and_taken_back(visitor: Visitor, site: Site) -> None:
    question = site.question()
    visitor.sign_in("bob")
    page = visitor.open(html(question, upvotes=0, downvotes=0))
    up, down = buttons(page)
    expect_state(page, "0", "0", None)
    expect(page.get_by_role("status")).to_have_text("")
    up.click()
    expect_state(page, "1", "0", "up")
    down.click()
    expect_state(page, "0", "1", "down")
    expect(page.get_by_role("status")).to_have_text("Up: 0, down: 1.")
    stored = site.database["questions"].find_one({"_id": question}, {"_id": 0})
    assert stored == {"upvotes": 0, "downvotes": 1, "likedBy": [], "dislikedBy": ["bob"]}
    down.click()
    expect_state(page, "0", "0", None)


def test_counts_are_the_servers_when_the_page_brought_old_ones(visitor: Visitor, site: Site) -> None:
    question = site.question()
    site.database["questions"].update_one({"_id": question}, {"$set": {"downvotes": 1, "dislikedBy": ["alice"]}})
    visitor.sign_in()
    page = visitor.open(html(question, upvotes=3, downvotes=4, vote="down"))
    expect_state(page, "0", "1", "down")
    buttons(page)[0].click()
    expect_state(page, "1", "0", "up")


def test_attributes_are_shown_until_the_server_says_what_is_true(visitor: Visitor, site: Site) -> None:
    question = site.question(upvotes=1, likedBy=["alice"])
    visitor.sign_in()
    held = hold(visitor.page, "**/votes/status")
    page = visitor.open(html(question, upvotes=7) + html("q_none", downvotes=8))
    expect(buttons(page)[0].first).to_have_text("Vote up 7")
    expect(buttons(page)[1].first).to_have_text("Vote down \u2013")
    wait_for(page, held)
    held[0].continue_()
    expect(buttons(page)[0].first).to_have_text("Vote up 1")
    expect(buttons(page)[0].first).to_have_attribute("aria-pressed", "true")
    expect(buttons(page)[1].first).to_have_text("Vote down 0")
    expect(buttons(page)[1].last).to_have_text("Vote down 8")


def test_counts_are_shown_and_no_vote_when_the_session_is_over(visitor: Visitor, site: Site) -> None:
    question, entry = site.question(upvotes=3), site.entry(boost=4)
    visitor.expected = {401}
    visitor.context.add_cookies([{"name": "next-auth.session-token", "value": "over", "url": site.url}])
    page = visitor.open(html(question, upvotes=1, vote="up") + f'<like-button entry="{entry}"></like-button>')
    expect_state(page, "3", "0", None)
    expect(like_button(page, entry)).to_have_text("Like 4")


def test_page_of_sixty_buttons_of_both_kinds_asks_once_and_once_more_for_those_that_come_later(
    visitor: Visitor, site: Site
) -> None:
    visitor.sign_in()
    questions, entries = [site.question(upvotes=number) for number in range(30)], [site.entry() for _ in range(30)]
    likes = "".join(f'<like-button entry="{entry}"></like-button>' for entry in entries)
    page = visitor.open("".join(map(html, questions)) + likes)
    expect(buttons(page)[0]).to_have_text([f"Vote up {number}" for number in range(30)])
    expect(page.locator("like-button button")).to_have_text(["Like 0"] * 30)
    assert visitor.called("/api/") == [("POST", "/api/votes/status")]
    assert visitor.called("/simple-likes/") == []
    later = html(site.question(upvotes=40)) + f'<like-button entry="{site.entry(boost=50)}"></like-button>'
    page.evaluate("html => document.body.insertAdjacentHTML('beforeend', html)", later)
    expect(buttons(page)[0].last).to_have_text("Vote up 40")
    expect(page.locator("like-button button").last).to_have_text("Like 50")
    assert len(visitor.called("/api/")) == 2


def test_votes_go_back_when_nobody_is_signed_in(visitor: Visitor, site: Site) -> None:
    visitor.expected = {401}
    page = visitor.open(html(site.question(upvotes=3, downvotes=4), vote=""))
    expect_state(page, "3", "4", None)
    buttons(page)[0].click()
    expect(message(page, "vote-buttons")).to_be_visible()
    expect(message(page, "vote-buttons")).to_have_text("Please sign in first.")
    expect_state(page, "3", "4", None)


def test_votes_go_back_when_the_target_is_gone(visitor: Visitor) -> None:
    visitor.sign_in()
    visitor.expected = {404}
    page = visitor.open(html("q_none", upvotes=3, downvotes=4, vote="up"))
    buttons(page)[1].click()
    expect(message(page, "vote-buttons")).to_have_text("This is no longer here.")
    expect_state(page, "3", "4", "up")


def test_votes_go_back_when_the_network_fails(visitor: Visitor, site: Site) -> None:
    visitor.sign_in()
    visitor.expected = {0}
    page = visitor.open(html(site.question(upvotes=3, downvotes=4)))
    expect_state(page, "3", "4", None)
    page.route("**/api/targets/**", lambda route: route.abort("connectionreset"))
    buttons(page)[0].click()
    expect(message(page, "vote-buttons")).to_have_text("No answer from the server. Please try again.")
    expect_state(page, "3", "4", None)


def test_vote_is_what_the_visitor_saw_when_the_answer_got_lost_and_it_is_cast_again(
    visitor: Visitor, site: Site
) -> None:
    question = site.question()
    visitor.sign_in("bob")
    visitor.expected = {0}
    page = visitor.open(html(question))
    expect_state(page, "0", "0", None)
    held, asked = hold(page, "**/api/targets/**"), hold(page, "**/votes/status")
    for lost in (True, False):
        buttons(page)[0].click()
        wait_for(page, held)
        request = held.pop()
        if lost:
            request.fetch()  # the vote is taken, and the page does not hear of it
            request.abort("connectionreset")
            expect(message(page, "vote-buttons")).to_have_text("No answer from the server. Please try again.")
            expect_state(page, "0", "0", None)
        else:
            request.continue_()
    expect_state(page, "1", "0", "up")
    assert site.database["questions"].find_one({"_id": question})["likedBy"] == ["bob"]
    # What was asked for before is too old.
    asked[0].fulfill(json={"targets": []})
    expect_state(page, "1", "0", "up")


def test_vote_is_the_servers_when_its_answer_got_lost(visitor: Visitor, site: Site) -> None:
    visitor.sign_in("bob")
    visitor.expected = {0}
    page = visitor.open(html(site.question()))
    expect_state(page, "0", "0", None)
    held = hold(page, "**/api/targets/**")
    buttons(page)[0].click()
    wait_for(page, held)
    held[0].fetch()
    held[0].abort("connectionreset")
    expect_state(page, "1", "0", "up")
    expect(message(page, "vote-buttons")).to_have_text("No answer from the server. Please try again.")


def test_keyboard_reaches_both_buttons_when_voting(visitor: Visitor, site: Site) -> None:
    visitor.sign_in()
    page = visitor.open(html(site.question(), upvotes=0, downvotes=0))
    up, down = buttons(page)
    page.keyboard.press("Tab")
    expect(up).to_be_focused()
    page.keyboard.press("Tab")
    expect(down).to_be_focused()
    page.keyboard.press("Enter")
    expect_state(page, "0", "1", "down")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Space")
    expect_state(page, "1", "0", "up")
    expect(up).to_be_focused()
