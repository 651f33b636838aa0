"""A page that the host's server renders and nginx keeps for everybody, with buttons of both kinds."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
from playwright.sync_api import Page, expect
from pymongo import MongoClient

from harness.documents import named_database
from harness.nginx import running_nginx
from harness.server import running_server
from likes_api.embedded_mongod.server import EmbeddedMongod
from likes_api.mongodb.documents import Document
from tests.e2e.hosts.cached_page import site as host
from tests.e2e.hosts.settings import read_settings
from tests.e2e.visitor import NewVisitor, Site, like_button

HOST = Path(__file__).with_name("cached_page")


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def site(
    mongod: EmbeddedMongod, client: MongoClient[Document], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Site]:
    """The host's server and likes-api behind one nginx."""
    with named_database(client) as database:
        database["likes_entries"].insert_one({"_id": "posts-hello", "boost": 4})
        database["users"].insert_one({"_id": "alice"})
        database["questions"].insert_one({"_id": "q_1", "upvotes": 3, "downvotes": 1})
        settings = read_settings(HOST / "likes-api.env") | {
            "LIKES_MONGODB_URI": mongod.uri,
            "LIKES_MONGODB_DATABASE": database.name,
        }
        with (
            running_server(settings) as likes_api,
            make_server("127.0.0.1", 0, host.application, handler_class=_Quiet) as server,
        ):
            monkeypatch.setenv("LIKES_API_URL", likes_api)
            thread = Thread(target=server.serve_forever)
            thread.start()
            files = Path(shutil.copytree(HOST, tmp_path / "host"))
            (files / "www").mkdir(exist_ok=True)
            rules = (files / "locations.conf").read_text().replace(":5000", f":{server.server_port}")
            (files / "locations.conf").write_text(rules)
            try:
                with running_nginx(likes_api.removeprefix("http://"), files) as nginx:
                    yield Site(f"http://localhost:{nginx.plain_port}", database)
            finally:
                server.shutdown()
                thread.join()


def expect_buttons(page: Page, likes: int, up: int, down: int, *, own: bool) -> None:
    """Whatever is kept of the page, the buttons show what is true for the visitor."""
    expect(page.locator("#likes")).to_have_text("4 likes when this page was made")
    buttons = (
        (like_button(page, "posts-hello"), f"Like {likes}", own),
        (page.locator("[part~=up]"), f"Vote up {up}", own),
        (page.locator("[part~=down]"), f"Vote down {down}", False),
    )
    for button, text, pressed in buttons:
        expect(button).to_have_text(text)
        expect(button).to_have_attribute("aria-pressed", str(pressed).lower())
        expect(button).to_be_enabled()


def test_page_that_is_kept_for_everybody_shows_each_visitor_their_own_votes(
    new_visitor: NewVisitor, site: Site
) -> None:
    one, other = new_visitor(), new_visitor()
    one.sign_in("alice")
    one.page.goto("/")
    expect_buttons(one.page, 4, 3, 1, own=False)
    like_button(one.page, "posts-hello").click()
    one.page.locator("[part~=up]").click()
    expect_buttons(one.page, 5, 4, 1, own=True)
    for visitor, own in ((one, True), (other, False)):
        answer = visitor.page.goto("/")
        assert answer is not None
        assert answer.headers["x-cache-status"] == "HIT"
        assert "set-cookie" not in answer.headers
        assert 'upvotes="3"' in answer.text()
        expect_buttons(visitor.page, 5, 4, 1, own=own)
        assert len(visitor.called("/api/votes/status")) == (2 if own else 1)
