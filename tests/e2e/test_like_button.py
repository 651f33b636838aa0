"""The like button as a visitor uses it, on a page of the host application."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.visitor import UNKNOWN, NewVisitor, Site, Visitor, button_html, like_button, message


def test_like_is_there_when_reloaded_and_gone_when_pressed_again(visitor: Visitor, site: Site) -> None:
    entry = site.entry()
    visitor.sign_in("bob")
    page = visitor.open(button_html(entry))
    button = like_button(page, entry)
    expect(button).to_have_text("Like 0")
    expect(button).to_have_attribute("aria-pressed", "false")
    button.click()
    expect(button).to_have_text("Like 1")
    expect(button).to_have_attribute("aria-pressed", "true")
    expect(button).to_be_enabled()
    assert site.likers(entry) == ["bob"]
    page.reload()
    expect(button).to_have_text("Like 1")
    expect(button).to_have_attribute("aria-pressed", "true")
    button.click()
    expect(button).to_have_text("Like 0")
    expect(button).to_be_enabled()
    assert site.likers(entry) == []


def test_guest_is_counted_when_the_entry_allows_it(new_visitor: NewVisitor, site: Site) -> None:
    entry = site.entry(guest_allowed=True, boost=41)
    for number in (1, 2):
        page = new_visitor().open(button_html(entry))
        like_button(page, entry).click()
        expect(like_button(page, entry)).to_have_text(f"Like {41 + number}")
        expect(like_button(page, entry)).to_be_enabled()
    assert len({*site.likers(entry)}) == 2
    assert all(re.fullmatch("guest_[0-9a-f]{64}", liker) for liker in site.likers(entry))


def test_other_tab_shows_the_like_when_one_tab_takes_it(visitor: Visitor, site: Site) -> None:
    entry = site.entry()
    visitor.sign_in()
    one = visitor.open(button_html(entry))
    other = visitor.open(button_html(entry), page=visitor.new_page())
    expect(like_button(other, entry)).to_have_text("Like 0")
    like_button(one, entry).click()
    expect(like_button(other, entry)).to_have_text("Like 1")
    expect(like_button(other, entry)).to_have_attribute("aria-pressed", "true")
    like_button(other, entry).click()
    expect(like_button(one, entry)).to_have_text("Like 0")
    expect(like_button(one, entry)).to_have_attribute("aria-pressed", "false")
    assert site.likers(entry) == []


def test_count_is_the_servers_when_somebody_else_liked_meanwhile(new_visitor: NewVisitor, site: Site) -> None:
    entry = site.entry(guest_allowed=True)
    one, other = (new_visitor().open(button_html(entry)) for _ in range(2))
    for page in (one, other):
        expect(like_button(page, entry)).to_have_text("Like 0")
    like_button(one, entry).click()
    expect(like_button(one, entry)).to_be_enabled()
    like_button(other, entry).click()
    expect(like_button(other, entry)).to_have_text("Like 2")


def test_one_status_request_is_made_when_a_page_has_fifty_buttons(visitor: Visitor, site: Site) -> None:
    entries = [site.entry(boost=number) for number in range(50)]
    page = visitor.open(button_html(*entries, entries[0]))
    for number in (0, 49):
        expect(like_button(page, entries[number]).first).to_have_text(f"Like {number}")
    assert len(visitor.called("/status")) == 1


def test_status_requests_stay_within_the_servers_limits_when_there_are_many_long_ids(
    visitor: Visitor, site: Site
) -> None:
    long = [site.entry()[:30].ljust(250, "x") for _ in range(24)]
    site.database["likes_entries"].insert_many([{"_id": entry} for entry in long])
    short = [site.entry() for _ in range(60)]
    page = visitor.open(button_html(*long, *short))
    for entry in (long[-1], short[-1]):
        expect(like_button(page, entry)).to_have_text("Like 0")
    assert len(visitor.called("/status")) == 2
    # Of somebody whose session is over the counts alone are asked for, in URLs.
    visitor.expected = {401}
    visitor.context.add_cookies([{"name": "next-auth.session-token", "value": "over", "url": site.url}])
    page.reload()
    for entry in (long[-1], short[-1]):
        expect(like_button(page, entry)).to_have_text("Like 0")
    calls = [url for _, url in visitor.called("/counts")]
    assert len(calls) == 2
    assert all(len(url) < 8_000 and url.count("target=") <= 100 for url in calls)


def test_other_buttons_work_when_one_names_no_entry(visitor: Visitor, site: Site) -> None:
    entry = site.entry()
    page = visitor.open(button_html("unknown", "not/an id", "", "constructor", entry))
    expect(like_button(page, entry)).to_have_text("Like 0")
    for missing in ("unknown", "not/an id", "", "constructor"):
        expect(like_button(page, missing)).to_have_text(f"Not available {UNKNOWN}")
        expect(like_button(page, missing)).to_be_disabled()


def test_all_buttons_of_an_entry_change_when_one_is_pressed(visitor: Visitor, site: Site) -> None:
    entry, another = site.entry(), site.entry()
    visitor.sign_in()
    page = visitor.open(button_html(entry, another, entry))
    like_button(page, entry).last.click()
    expect(like_button(page, entry).first).to_have_text("Like 1")
    expect(like_button(page, entry).first).to_have_attribute("aria-pressed", "true")
    expect(like_button(page, another)).to_have_text("Like 0")


def test_button_follows_its_attributes_when_a_script_changes_them(visitor: Visitor, site: Site) -> None:
    one, another = site.entry(boost=1), site.entry(boost=2)
    page = visitor.open(button_html(one))
    expect(like_button(page, one)).to_have_text("Like 1")
    page.eval_on_selector("like-button", "(element, id) => element.setAttribute('entry', id)", another)
    page.eval_on_selector("like-button", "element => element.setAttribute('label', 'Applaud')")
    expect(like_button(page, another)).to_have_text("Applaud 2")


def test_keyboard_alone_suffices_when_voting(visitor: Visitor, site: Site) -> None:
    entry = site.entry()
    visitor.sign_in()
    page = visitor.open(button_html(entry))
    button = like_button(page, entry)
    expect(button).to_have_text("Like 0")
    page.keyboard.press("Tab")
    expect(button).to_be_focused()
    assert button.evaluate("element => getComputedStyle(element).outlineStyle") == "solid"
    for key, pressed in (("Space", "true"), ("Enter", "false")):
        page.keyboard.press(key)
        expect(button).to_have_attribute("aria-pressed", pressed)
        expect(button).to_be_enabled()
        expect(button).to_be_focused()


def test_screen_reader_hears_of_presses_only_when_a_page_loads_and_is_used(visitor: Visitor, site: Site) -> None:
    entry = site.entry()
    visitor.sign_in()
    page = visitor.open(button_html(entry))
    expect(page.get_by_role("button", name="Like 0", pressed=False)).to_be_visible()
    expect(page.get_by_role("status")).to_have_text("")
    like_button(page, entry).click()
    expect(page.get_by_role("status")).to_have_text("Liked. Likes: 1.")
    expect(page.get_by_role("button", name="Like 1", pressed=True)).to_be_visible()
    like_button(page, entry).click()
    expect(page.get_by_role("status")).to_have_text("No longer liked. Likes: 0.")


def colour(page: Page, entry: str) -> str:
    found: str = like_button(page, entry).evaluate("element => getComputedStyle(element).color")
    return found


def test_colours_follow_the_pages_scheme_and_properties_when_set(new_visitor: NewVisitor, site: Site) -> None:
    entry = site.entry()
    colours = {}
    for scheme in ("light", "dark"):
        visitor = new_visitor(color_scheme=scheme, reduced_motion="reduce")
        visitor.sign_in("alice" if scheme == "light" else "bob")
        page = visitor.open(button_html(entry), head='<meta name="color-scheme" content="light dark">')
        like_button(page, entry).click()
        expect(like_button(page, entry)).to_have_attribute("aria-pressed", "true")
        colours[scheme] = colour(page, entry)
        assert like_button(page, entry).evaluate("element => getComputedStyle(element).transitionDuration") == "0s"
    assert colours == {"light": "rgb(207, 31, 75)", "dark": "rgb(255, 119, 149)"}
    page.eval_on_selector("like-button", "element => element.style.setProperty('--like-accent', 'rgb(0, 0, 255)')")
    assert colour(page, entry) == "rgb(0, 0, 255)"


def test_page_hears_of_a_change_when_it_listens(visitor: Visitor, site: Site) -> None:
    entry = site.entry()
    visitor.sign_in()
    page = visitor.open(button_html(entry))
    page.evaluate("addEventListener('like-change', event => { window.heard = event.detail })")
    like_button(page, entry).click()
    expect(message(page)).to_have_text("Liked. Likes: 1.")
    assert page.evaluate("window.heard") == {"entry": entry, "count": 1, "liked": True}


def test_texts_are_the_pages_when_it_translates_them(visitor: Visitor, site: Site) -> None:
    entry = site.entry()
    visitor.expected = {401}
    texts = '{"like": "Gefällt mir", "401": "Bitte anmelden."}'
    head = f'<script type="application/json" id="like-button-texts">{texts}</script>'
    page = visitor.open(button_html(entry), head=head)
    expect(like_button(page, entry)).to_have_text("Gefällt mir 0")
    like_button(page, entry).click()
    expect(message(page)).to_have_text("Bitte anmelden.")


@pytest.mark.parametrize("texts", ['{"like": "Gefällt mir",}', "", "null", '["x"]', '"x"', '{"like": 5, "up": null}'])
def test_buttons_speak_english_when_the_pages_texts_are_malformed(visitor: Visitor, site: Site, texts: str) -> None:
    entry = site.entry()
    visitor.sign_in()
    visitor.expected_text = "texts in #like-button-texts are not used"
    votes = f'<vote-buttons target="{site.question(upvotes=3)}"></vote-buttons>'
    head = f'<script type="application/json" id="like-button-texts">{texts}</script>'
    page = visitor.open(button_html(entry) + votes, head=head)
    like_button(page, entry).click()
    expect(like_button(page, entry)).to_have_text("Like 1")
    expect(message(page)).to_have_text("Liked. Likes: 1.")
    expect(page.get_by_role("button", name="Vote up 3")).to_be_visible()


def test_other_buttons_work_when_one_names_no_server(visitor: Visitor, site: Site) -> None:
    entry = site.entry()
    visitor.sign_in()
    faulty = '<like-button entry="a" base="http://["></like-button><vote-buttons target="q" base="//:x"></vote-buttons>'
    page = visitor.open(f"{faulty}{button_html(entry)}<vote-buttons></vote-buttons>")
    like_button(page, entry).click()
    expect(like_button(page, entry)).to_have_text("Like 1")
    expect(page.locator("[part~=missing]")).to_have_text([f"Not available {UNKNOWN}"] * 5)
    for button in page.locator("[part~=missing]").all():
        expect(button).to_be_disabled()
