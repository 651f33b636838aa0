"""One deliberate press is one vote, with the mouse and with the keyboard."""

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.visitor import Site, Visitor

ELEMENTS = pytest.mark.parametrize("element", ["like-button", "vote-buttons"])


def opened(visitor: Visitor, site: Site, element: str) -> tuple[Page, Locator]:
    attribute, id_ = ("entry", site.entry()) if element == "like-button" else ("target", site.question())
    visitor.sign_in()
    page = visitor.open(f'<{element} {attribute}="{id_}" upvotes="0"></{element}>')
    button = page.locator(f"{element} button").first
    expect(button).to_be_enabled()
    return page, button


def expect_settled(button: Locator, pressed: bool) -> None:
    expect(button).to_have_attribute("aria-pressed", str(pressed).lower())
    expect(button).to_be_enabled()


def sent(visitor: Visitor) -> int:
    return len([url for _, url in visitor.requests if url.endswith(("/toggle", "/vote"))])


@ELEMENTS
def test_second_click_of_a_double_click_is_no_vote_when_the_first_is_answered(
    visitor: Visitor, site: Site, element: str
) -> None:
    page, button = opened(visitor, site, element)
    button.hover()
    for number in (1, 2, 3):  # Chromium is told which click of a row each one is, as an operating system tells it
        page.mouse.down(click_count=number)
        page.mouse.up(click_count=number)
        expect_settled(button, pressed=True)
    button.click()
    expect_settled(button, pressed=False)
    assert sent(visitor) == 2


@ELEMENTS
@pytest.mark.parametrize("key", ["Enter", "NumpadEnter", "Space"])
def test_held_key_is_one_vote_when_it_repeats(visitor: Visitor, site: Site, element: str, key: str) -> None:
    page, button = opened(visitor, site, element)
    button.focus()
    for pressed in (True, False):
        page.keyboard.down(key)
        for _ in range(4):
            if key != "Space":  # which votes when it is let go
                expect_settled(button, pressed)
            page.keyboard.down(key)
        page.keyboard.up(key)
        expect_settled(button, pressed)
    assert sent(visitor) == 2
    page.keyboard.down("Tab")
    expect(button).not_to_be_focused()
