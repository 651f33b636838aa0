"""How counts are written and read."""
# ruff: noqa: RUF001 -- digits and separators of other scripts are meant

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.visitor import Site, Visitor, message

NO_BREAK_SPACE, NARROW_SPACE = "\u00a0", "\u202f"
MILLION = 1_234_567


def votes(upvotes: object, lang: str | None = None) -> str:
    given = "" if lang is None else f' lang="{lang}"'
    return f'<p{given}><vote-buttons target="q" upvotes="{upvotes}"></vote-buttons></p>'


def shown(page: Page, index: int = 0) -> tuple[str, str]:
    """Return a count, and its title."""
    count = page.locator("vote-buttons [part~=up] [part=count]").nth(index)
    return count.text_content() or "", count.get_attribute("title") or ""


def test_counts_follow_the_pages_language_when_it_names_one(visitor: Visitor) -> None:
    languages = {
        None: ("1.2M", "1,234,567"),  # that of <html>
        "de": (f"1,2{NO_BREAK_SPACE}Mio.", "1.234.567"),
        "de_DE": (f"1,2{NO_BREAK_SPACE}Mio.", "1.234.567"),
        "fr": (f"1,2{NO_BREAK_SPACE}M", f"1{NARROW_SPACE}234{NARROW_SPACE}567"),
        "hi": (f"12{NO_BREAK_SPACE}लाख", "12,34,567"),
        "fa": ("۱٫۲ میلیون".replace(" ", NO_BREAK_SPACE), "۱٬۲۳۴٬۵۶۷"),
        "": ("1.2M", "1,234,567"),  # of unknown language: as the browser has it
        "no language tag": ("1.2M", "1,234,567"),
    }
    page = visitor.open("".join(votes(MILLION, lang) for lang in languages))
    for index, expected in enumerate(languages.values()):
        assert shown(page, index) == expected
    page.evaluate("document.documentElement.lang = 'de'")
    expect(page.locator("vote-buttons [part~=up] [part=count]").first).to_have_text(languages["de"][0])


def test_counts_follow_the_language_around_when_they_are_in_a_shadow_root(visitor: Visitor) -> None:
    page = visitor.open('<p lang="de"><span></span></p>')
    page.evaluate("""() => {
        const root = document.querySelector("span").attachShadow({ mode: "open" });
        root.append(Object.assign(document.createElement("vote-buttons"), { target: "q", upvotes: 1234 }));
    }""")
    assert shown(page) == ("1.234", "")


@pytest.mark.parametrize(
    ("number", "expected"),
    [(0, ("0", "")), (9_999, ("9,999", "")), (10_000, ("10K", "10,000")), (MILLION, ("1.2M", "1,234,567"))],
)
def test_count_is_compact_when_it_is_big(visitor: Visitor, number: int, expected: tuple[str, str]) -> None:
    page = visitor.open(votes(number))
    assert shown(page) == expected
    expect(page.get_by_role("button", name=f"Vote up {number:,}", exact=True)).to_be_visible()


def test_screen_reader_hears_whole_numbers_when_likes_are_many(visitor: Visitor, site: Site) -> None:
    entry = site.entry(boost=12_345)
    visitor.sign_in()
    page = visitor.open(f'<p lang="pt-BR"><like-button entry="{entry}"></like-button></p>')
    page.get_by_role("button", name="Like 12.345", exact=True).click()
    expect(message(page)).to_have_text("Liked. Likes: 12.346.")
    expect(page.get_by_role("button", name="Like 12.346", exact=True, pressed=True)).to_be_visible()


def test_votes_are_told_in_the_pages_language_when_cast(visitor: Visitor, site: Site) -> None:
    question = site.question(upvotes=1_234, likedBy=[f"voter-{number}" for number in range(1_234)])
    visitor.sign_in()
    page = visitor.open(f'<p lang="de"><vote-buttons target="{question}"></vote-buttons></p>')
    page.locator("[part~=up]").click()
    expect(message(page, "vote-buttons")).to_have_text("Up: 1.235, down: 0.")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("1234", 1234), ("1,234", 1234), ("1.234", 1234), ("1'234", 1234), ("1’234", 1234), ("1 234", 1234),
        (f"1{NO_BREAK_SPACE}234{NARROW_SPACE}567", MILLION), ("12,34,567", MILLION), ("١٬٢٣٤", 1234), ("१,२३४", 1234),
        (" 7\n", 7), ("7.0", 7), ("7.9", 7), ("1e3", 1000), ("-3", 0),
        ("", None), ("many", None), ("None", None), ("NaN", None), ("Infinity", None), ("1.2K", None), ("1,2,3", None),
    ],
)  # fmt: skip
def test_count_is_read_as_people_write_it_when_the_page_formats_it(
    visitor: Visitor, written: str, meant: int | None
) -> None:
    page = visitor.open(votes(written))
    assert page.eval_on_selector("vote-buttons", "element => element.upvotes") == meant
    digits = "\u2013" if meant is None else f"{meant:,}" if meant < 10_000 else "1.2M"
    assert shown(page)[0] == digits
