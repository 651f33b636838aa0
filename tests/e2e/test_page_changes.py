"""The buttons on pages whose scripts set, move and reuse them."""

import json

import pytest
from playwright.sync_api import Page, expect

from likes_api.widget.routes import SCRIPT_PATH
from tests.e2e.visitor import Site, Visitor, hold, like_button, message, wait_for

LIKE = "like-button button"
UP, DOWN = "vote-buttons [part~=up]", "vote-buttons [part~=down]"
TO_THE_END = "element => document.body.append(element)"
LISTEN = """window.heard = [];
for (const name of ["like-change", "like-error", "vote-change", "vote-error"])
  addEventListener(name, event => heard.push([name, event.target.id]))"""


def like(entry: str, id_: str = "") -> str:
    return f'<like-button entry="{entry}" id="{id_}"></like-button>'


def votes(target: str, id_: str = "", **attributes: object) -> str:
    given = "".join(f' {name}="{value}"' for name, value in attributes.items())
    return f'<vote-buttons target="{target}" id="{id_}"{given}></vote-buttons>'


def set_attribute(page: Page, element: str, name: str, value: str) -> None:
    page.eval_on_selector(element, "(element, [name, value]) => element.setAttribute(name, value)", [name, value])


@pytest.mark.parametrize("upgraded", [True, False], ids=["after-the-upgrade", "before-the-upgrade"])
def test_attributes_are_properties_when_a_script_sets_them(visitor: Visitor, site: Site, upgraded: bool) -> None:
    entry = site.entry(boost=7)
    counts = {"upvotes": 5, "downvotes": 6, "vote": "down"}
    given = {
        "like-button": {"entry": entry, "label": "Applaud", "base": "/"},
        "vote-buttons": {"target": "q_1", "type": "message", "label": "Yours", "base": "", **counts},
    }
    page = visitor.open("<like-button></like-button><vote-buttons></vote-buttons>", scripts=[])
    if upgraded:
        page.add_script_tag(url=SCRIPT_PATH, type="module")
        page.wait_for_function("customElements.get('vote-buttons') !== undefined")
    for name, properties in given.items():
        page.eval_on_selector(name, "(element, properties) => Object.assign(element, properties)", properties)
    if not upgraded:
        page.add_script_tag(url=SCRIPT_PATH, type="module")
    expect(page.locator(LIKE)).to_have_text("Applaud 7")
    expect(page.locator(UP)).to_have_text("Vote up 5")
    expect(page.locator(DOWN)).to_have_text("Vote down 6")
    expect(page.locator(DOWN)).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_role("group", name="Yours")).to_be_visible()
    for name, properties in given.items():
        for key, value in properties.items():
            assert page.eval_on_selector(name, "(element, key) => element[key]", key) == value
            expect(page.locator(name)).to_have_attribute(key, str(value))
            page.eval_on_selector(name, "(element, key) => { element[key] = null }", key)
            assert page.eval_on_selector(name, "(element, key) => element.getAttribute(key)", key) is None
            assert page.eval_on_selector(name, "(element, key) => element[key]", key) == (
                None if key.endswith("votes") else ""
            )
    for button in (LIKE, UP, DOWN):
        expect(page.locator(button)).to_have_text("Not available \u2013")


def test_count_is_a_number_when_a_script_set_it_as_text_before_the_upgrade(visitor: Visitor, site: Site) -> None:
    visitor.sign_in()
    page = visitor.open(votes(site.question(), upvotes=5), scripts=[])
    page.eval_on_selector("vote-buttons", "element => { element.upvotes = '5' }")
    hold(page, "**/votes/status")
    page.add_script_tag(url=SCRIPT_PATH, type="module")
    held = hold(page, "**/api/targets/**")
    page.locator(UP).click()
    expect(page.locator(UP)).to_have_text("Vote up 6")
    wait_for(page, held)
    held[0].continue_()
    expect(page.locator(UP)).to_have_text("Vote up 1")


def test_votes_stay_when_the_buttons_move_in_the_page(visitor: Visitor, site: Site) -> None:
    question, entry = site.question(), site.entry()
    visitor.sign_in()
    page = visitor.open(like(entry) + votes(question, upvotes=0, downvotes=0) + "<p></p>")
    for button in (LIKE, UP):
        page.locator(button).click()
        expect(page.locator(button)).to_have_attribute("aria-pressed", "true")
        expect(page.locator(button)).to_be_enabled()
    for element in ("like-button", "vote-buttons"):
        page.eval_on_selector(element, TO_THE_END)
    expect(page.locator(LIKE)).to_have_text("Like 1")
    expect(page.locator(UP)).to_have_text("Vote up 1")
    expect(page.locator(UP)).to_have_attribute("aria-pressed", "true")
    page.locator(DOWN).click()
    expect(page.locator(DOWN)).to_have_text("Vote down 1")
    expect(page.locator(UP)).to_have_text("Vote up 0")
    expect(page.locator(LIKE)).to_have_attribute("aria-pressed", "true")
    assert len(visitor.called("/status")) == 1


@pytest.mark.parametrize(("element", "url"), [("like-button", "**/toggle"), ("vote-buttons", "**/api/targets/**")])
def test_answer_is_shown_when_the_buttons_move_before_it_comes(
    visitor: Visitor, site: Site, element: str, url: str
) -> None:
    visitor.sign_in()
    page = visitor.open(like(site.entry()) + votes(site.question(), upvotes=0, downvotes=0) + "<p></p>")
    button = page.locator(f"{element} button").first
    held = hold(page, url)
    button.click()
    wait_for(page, held)
    page.eval_on_selector(element, TO_THE_END)
    expect(button).to_be_disabled()
    expect(button).to_have_attribute("aria-pressed", "true")
    held[0].continue_()
    expect(button).to_be_enabled()
    expect(button).to_have_attribute("aria-pressed", "true")
    expect(message(page, element)).not_to_have_text("")


def test_button_is_up_to_date_when_it_comes_back_after_a_while(visitor: Visitor, site: Site) -> None:
    entry = site.entry()
    visitor.sign_in()
    page = visitor.open(like(entry, "kept") + like(entry, "other"))
    expect(page.locator("#kept button")).to_have_text("Like 0")
    page.evaluate("window.kept = document.getElementById('kept'); kept.remove()")
    page.locator("#other button").click()
    expect(message(page, "#other")).to_have_text("Liked. Likes: 1.")
    page.evaluate("document.body.append(kept)")
    expect(page.locator("#kept button")).to_have_text("Like 1")
    expect(page.locator("#kept button")).to_have_attribute("aria-pressed", "true")


def test_own_vote_stays_when_the_page_updates_one_count(visitor: Visitor, site: Site) -> None:
    visitor.sign_in()
    page = visitor.open(votes(site.question(), upvotes=0, downvotes=2))
    page.locator(UP).click()
    expect(page.locator(UP)).to_have_text("Vote up 1")
    expect(page.locator(DOWN)).to_have_text("Vote down 0")
    expect(page.locator(UP)).to_be_enabled()
    set_attribute(page, "vote-buttons", "upvotes", "9")
    expect(page.locator(UP)).to_have_text("Vote up 9")
    expect(page.locator(UP)).to_have_attribute("aria-pressed", "true")
    expect(page.locator(DOWN)).to_have_text("Vote down 0")
    set_attribute(page, "vote-buttons", "vote", "down")
    expect(page.locator(DOWN)).to_have_attribute("aria-pressed", "true")
    expect(page.locator(UP)).to_have_attribute("aria-pressed", "false")
    expect(page.locator(UP)).to_have_text("Vote up 9")


def test_page_updates_a_count_when_a_vote_is_on_its_way(visitor: Visitor, site: Site) -> None:
    visitor.sign_in()
    visitor.expected = {500}
    page = visitor.open(votes("q_none", upvotes=3, downvotes=0))
    held = hold(page, "**/api/targets/**")
    page.locator(UP).click()
    wait_for(page, held)
    set_attribute(page, "vote-buttons", "upvotes", "8")
    expect(page.locator(UP)).to_have_text("Vote up 9")
    held[0].fulfill(status=500, json={"error": "Service unavailable"})
    expect(page.locator(UP)).to_have_text("Vote up 8")
    expect(page.locator(UP)).to_have_attribute("aria-pressed", "false")


def test_state_of_another_entry_is_not_shown_when_it_comes_late(visitor: Visitor, site: Site) -> None:
    one, another = site.entry(boost=1), site.entry(boost=2)
    held = hold(visitor.page, "**/votes/status")
    page = visitor.open(like(one))
    wait_for(page, held)
    set_attribute(page, "like-button", "entry", another)
    wait_for(page, held, 2)
    held[0].continue_()
    page.wait_for_event("requestfinished", lambda request: one in (request.post_data or ""))
    held[1].continue_()
    expect(like_button(page, another)).to_have_text("Like 2")


@pytest.mark.parametrize("answer", [200, 401, 500, 0])
def test_answer_to_another_entrys_press_is_not_shown_when_it_comes_late(
    visitor: Visitor, site: Site, answer: int
) -> None:
    one, another = site.entry(boost=10), site.entry(boost=20)
    visitor.sign_in()
    visitor.expected = {answer}
    page = visitor.open(like(one, "reused") + like(one, "stays"))
    page.evaluate(LISTEN)
    expect(page.locator("#reused button")).to_have_text("Like 10")
    held = hold(page, "**/toggle")
    page.locator("#reused button").click()
    wait_for(page, held)
    set_attribute(page, "#reused", "entry", another)
    expect(page.locator("#reused button")).to_have_text("Like 20")
    expect(page.locator("#reused button")).to_have_attribute("aria-pressed", "false")
    expect(page.locator("#reused button")).to_be_enabled()
    if answer == 200:
        held[0].continue_()
        expect(page.locator("#stays button")).to_have_text("Like 11")
        expect(page.locator("#stays button")).to_have_attribute("aria-pressed", "true")
    elif answer:
        held[0].fulfill(status=answer, json={"error": "no"})
    else:
        held[0].abort("connectionreset")
    page.unroute("**/toggle")
    page.locator("#stays button").click()
    expect(message(page, "#stays")).not_to_have_text("")
    expect(message(page, "#reused")).to_have_text("")
    expect(page.locator("#reused button")).to_have_text("Like 20")
    assert page.evaluate("heard") == [["like-change", "stays"]]
    page.locator("#reused button").click()
    expect(page.locator("#reused button")).to_have_text("Like 21")
    expect(message(page, "#reused")).to_have_text("Liked. Likes: 21.")


@pytest.mark.parametrize("name", ["target", "type", "base"])
@pytest.mark.parametrize("status", [200, 401])
def test_answer_to_another_targets_vote_is_not_shown_when_it_comes_late(
    visitor: Visitor, site: Site, name: str, status: int
) -> None:
    one = site.question()
    visitor.sign_in()
    visitor.expected = {status, 404}
    page = visitor.open(votes(one, "reused", upvotes=30, downvotes=40) + votes(one, "stays", upvotes=0, downvotes=0))
    page.evaluate(LISTEN)
    held = hold(page, "**/api/targets/**")
    page.locator("#reused [part~=up]").click()
    wait_for(page, held)
    another = {"target": site.question(upvotes=30), "type": "message", "base": "/elsewhere"}
    set_attribute(page, "#reused", name, another[name])
    expect(page.locator("#reused [part~=up]")).to_have_text("Vote up 30")
    expect(page.locator("#reused [part~=up]")).to_be_enabled()
    if status == 200:
        held[0].continue_()
        expect(page.locator("#stays [part~=up]")).to_have_text("Vote up 1")
    else:
        held[0].fulfill(status=status, json={"error": "Unauthorized"})
    page.unroute("**/api/targets/**")
    page.locator("#stays [part~=down]").click()
    expect(message(page, "#stays")).to_have_text("Up: 0, down: 1.")
    expect(message(page, "#reused")).to_have_text("")
    expect(page.locator("#reused [part~=up]")).to_have_text("Vote up 30")
    expect(page.locator("#reused [part~=up]")).to_have_attribute("aria-pressed", "false")
    assert page.evaluate("heard") == [["vote-change", "stays"]]


def test_all_votes_of_a_target_change_when_one_is_cast(visitor: Visitor, site: Site) -> None:
    one, another = site.question(), site.question()
    visitor.sign_in()
    html = votes(one, "one", upvotes=0) + votes(one, "same", upvotes=0) + votes(another, "another", upvotes=0)
    page, tab = visitor.open(html), visitor.open(html, page=visitor.new_page())
    page.locator("#one [part~=up]").click()
    for each in (page, tab):
        for id_ in ("one", "same"):
            expect(each.locator(f"#{id_} [part~=up]")).to_have_text("Vote up 1")
            expect(each.locator(f"#{id_} [part~=up]")).to_have_attribute("aria-pressed", "true")
        expect(each.locator("#another [part~=up]")).to_have_text("Vote up 0")


def test_page_hears_which_target_was_voted_on_when_it_listens(visitor: Visitor, site: Site) -> None:
    question = site.question()
    visitor.sign_in()
    page = visitor.open(votes(question, upvotes=0))
    page.evaluate("addEventListener('vote-change', event => { window.heard = event.detail })")
    page.locator(UP).click()
    expect(message(page, "vote-buttons")).to_have_text("Up: 1, down: 0.")
    told = {"target": question, "type": "question", "up": 1, "down": 0, "vote": "up"}
    assert json.dumps(page.evaluate("heard"), sort_keys=True) == json.dumps(told, sort_keys=True)
