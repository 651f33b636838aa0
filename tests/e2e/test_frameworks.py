"""The buttons on pages of React 19, Vue 3 and Svelte 4, as they come from npm."""

import json
import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from likes_api.widget.routes import SCRIPT_PATH
from tests.e2e.visitor import Site, Visitor, like_button

PAGES = Path(__file__).with_name("frameworks")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages, built by esbuild, each for browsers and for its server."""
    assert (PAGES / "node_modules").is_dir(), "the frameworks are missing; `make test` installs them"
    out = tmp_path_factory.mktemp("frameworks")
    subprocess.run(["node", "build.mjs", out], cwd=PAGES, check=True, timeout=120)
    return out


def host_page(visitor: Visitor, bundle: Path, properties: dict[str, object], *, rendered: bool, first: str) -> Page:
    """Open the page: rendered by its server or empty, with the framework or the buttons as the first script."""
    given = json.dumps(properties)
    html = ""
    if rendered:
        program = ["node", bundle.with_suffix(".cjs"), given]
        html = subprocess.run(program, capture_output=True, text=True, check=True, timeout=60).stdout
        assert "vote-buttons" in html
    visitor.page.route("**/host-bundle.js", lambda route: route.fulfill(path=bundle, content_type="text/javascript"))
    body = f'<div id="root">{html}</div><script type="application/json" id="properties">{given}</script>'
    scripts = [SCRIPT_PATH, "/host-bundle.js"]
    return visitor.open(body, scripts=scripts if first == "buttons" else scripts[::-1])


@pytest.mark.parametrize("first", ["buttons", "framework"])
@pytest.mark.parametrize("rendered", [False, True], ids=["in-browser", "hydrated"])
@pytest.mark.parametrize("build", ["development", "production"])
@pytest.mark.parametrize("framework", ["react", "vue", "svelte"])
def test_buttons_live_on_a_frameworks_page_when_it_updates_and_sorts_them(
    visitor: Visitor, site: Site, built: Path, framework: str, build: str, rendered: bool, first: str
) -> None:
    entries = [site.entry(boost=1), site.entry(boost=2)]
    voters = ["x", "y", "z"]
    voted, other = site.question(upvotes=3, likedBy=voters), site.question(downvotes=12_345, dislikedBy=["alice"])
    visitor.sign_in()
    properties: dict[str, object] = {
        "entries": entries,
        "questions": [
            {"id": voted, "upvotes": 3, "downvotes": 0, "vote": None},
            {"id": other, "upvotes": 0, "downvotes": 12_345, "vote": "down"},
        ],
    }
    bundle = built / f"{framework}.{build}.js"
    page = host_page(visitor, bundle, properties, rendered=rendered, first=first)
    up, down = (page.locator(f"vote-buttons[target={id_}] button").nth(at) for id_, at in ((voted, 0), (other, 1)))

    expect(like_button(page, entries[0])).to_have_text("Applaud 1")
    expect(up).to_have_text("Vote up 3")
    expect(down).to_have_text("Vote down 12,345 12K")
    expect(down).to_have_attribute("aria-pressed", "true")

    up.click()
    expect(up).to_have_text("Vote up 4")
    expect(up).to_be_enabled()
    page.locator("#sort").click()
    expect(page.locator("vote-buttons").first).to_have_attribute("target", other)
    expect(up).to_have_text("Vote up 4")
    expect(up).to_have_attribute("aria-pressed", "true")
    page.locator("#count").click()
    expect(up).to_have_text("Vote up 13")
    expect(up).to_have_attribute("aria-pressed", "true")
    expect(down).to_have_attribute("aria-pressed", "true")

    page.locator("#next").click()
    expect(like_button(page, entries[1])).to_have_text("Applaud 2")
    like_button(page, entries[1]).click()
    expect(page.locator("output")).to_have_text(f"{entries[1]}: 3")
    assert site.likers(entries[1]) == ["alice"]
    assert len(visitor.called("/status")) == 2
