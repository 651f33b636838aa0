"""A page of another site with a like button, in Chromium: ``localhost`` is another site than ``127.0.0.1``."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, expect
from pymongo import MongoClient

from harness.documents import named_database
from harness.server import running_server
from likes_api.embedded_mongod.server import EmbeddedMongod
from likes_api.mongodb.documents import Database, Document

TOGGLE = """async (base) => {
  const options = { credentials: 'include' };
  const { csrf_token } = await (await fetch(`${base}/csrf-token`, options)).json();
  const headers = { 'Content-Type': 'application/json', 'X-CSRF-TOKEN': csrf_token };
  const answer = await fetch(`${base}/entry/toggle`, { ...options, method: 'POST', headers });
  return [answer.status, await answer.json()];
}"""


class Page(BaseHTTPRequestHandler):
    """A page of the host with a button of ours; its query is where we are."""

    def do_GET(self) -> None:
        base = self.path.partition("?")[2]
        script = f'<script type="module" src="{base}/widget/like-button.js"></script>' if base else ""
        button = f'<like-button entry="entry" base="{base}"></like-button>'
        body = f"<!doctype html><title>Host</title>{script}{button}".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture(scope="module")
def host() -> Iterator[str]:
    """The origin of the host's pages."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def database(client: MongoClient[Document]) -> Iterator[Database]:
    with named_database(client) as database:
        yield database


@contextmanager
def service(mongod: EmbeddedMongod, database: Database, **variables: str) -> Iterator[str]:
    """Serve under another site's name than the host's pages have; give the URL."""
    given = {"LIKES_MONGODB_URI": mongod.uri, "LIKES_MONGODB_DATABASE": database.name, "LIKES_GUEST_LIKES": "true"}
    with running_server(given | variables) as url:
        yield url.replace("127.0.0.1", "localhost")


@pytest.mark.parametrize(("cookies", "status"), [("true", 200), ("false", 419)])
def test_page_of_another_site_may_toggle_when_its_cookies_are_wanted(
    mongod: EmbeddedMongod, database: Database, chromium: Browser, host: str, cookies: str, status: int
) -> None:
    database["likes_entries"].delete_many({})
    database["likes_entries"].insert_one({"_id": "entry"})
    with service(mongod, database, LIKES_CORS_ORIGINS=host, LIKES_CROSS_SITE_COOKIES=cookies) as url:
        context = chromium.new_context(user_agent=f"test {uuid4().hex}")
        page = context.new_page()
        page.goto(host)
        answer = page.evaluate(TOGGLE, f"{url}/!/simple-likes")
        assert answer[0] == status
        kept = [cookie for cookie in context.cookies() if cookie["name"] == "likes_csrf"]
        context.close()
    assert bool(kept) is (status == 200)
    assert database["likes_entries"].find_one({"_id": "entry"}, {"_id": 0, "upvotes": 1}) == (
        {"upvotes": 1} if status == 200 else {}
    )


def test_page_of_another_site_may_not_toggle_when_its_origin_is_not_listed(
    mongod: EmbeddedMongod, database: Database, chromium: Browser, host: str
) -> None:
    database["likes_entries"].delete_many({})
    database["likes_entries"].insert_one({"_id": "entry"})
    with service(mongod, database, LIKES_CROSS_SITE_COOKIES="true") as url:
        context = chromium.new_context()
        page = context.new_page()
        page.goto(host)
        refused = page.evaluate(
            f"async (base) => {{ try {{ return await ({TOGGLE})(base) }} catch (e) {{ return e.name }} }}",
            f"{url}/!/simple-likes",
        )
        context.close()
    assert refused == "TypeError"  # what fetch throws where CORS forbids
    assert database["likes_entries"].find_one({"_id": "entry"}) == {"_id": "entry"}


def test_button_on_a_page_of_another_site_works_when_its_cookies_are_wanted(
    mongod: EmbeddedMongod, database: Database, chromium: Browser, host: str
) -> None:
    database["likes_entries"].delete_many({})
    database["likes_entries"].insert_one({"_id": "entry"})
    with service(mongod, database, LIKES_CORS_ORIGINS=host, LIKES_CROSS_SITE_COOKIES="true") as url:
        context = chromium.new_context(user_agent=f"test {uuid4().hex}")
        page = context.new_page()
        page.goto(f"{host}/?{url}")
        button = page.get_by_role("button")
        expect(button).to_be_enabled()
        button.click()
        expect(button).to_be_enabled()  # not before the answer, though the count is shown
        expect(button).to_contain_text("1")
        context.close()
    assert database["likes_entries"].find_one({"_id": "entry"}, {"_id": 0, "upvotes": 1}) == {"upvotes": 1}
