"""Like a page that is a file, behind Debian's nginx with the rules of ``deploy/nginx.conf``."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from pymongo import MongoClient

from harness.documents import named_database
from harness.nginx import running_nginx
from harness.server import running_server
from likes_api.embedded_mongod.server import EmbeddedMongod
from likes_api.mongodb.documents import Document
from tests.e2e.hosts.settings import read_settings
from tests.e2e.visitor import NewVisitor, Site, like_button

HOST = Path(__file__).with_name("static_page")


@pytest.fixture(scope="module")
def site(mongod: EmbeddedMongod, client: MongoClient[Document]) -> Iterator[Site]:
    with named_database(client) as database:
        settings = read_settings(HOST / "likes-api.env") | {
            "LIKES_MONGODB_URI": mongod.uri,
            "LIKES_MONGODB_DATABASE": database.name,
        }
        with running_server(settings) as likes_api, running_nginx(likes_api.removeprefix("http://"), HOST) as nginx:
            yield Site(f"https://localhost:{nginx.tls_port}", database)


def expect_likes(page: Page, count: int, *, own: bool) -> None:
    button = like_button(page, "posts-hello")
    expect(button).to_be_enabled()
    expect(button).to_have_text(f"Like {count}")
    expect(button).to_have_attribute("aria-pressed", "true" if own else "false")


def test_likes_of_guests_are_counted_on_a_page_that_is_a_file(new_visitor: NewVisitor, site: Site) -> None:
    one, other = (new_visitor(ignore_https_errors=True).page for _ in range(2))
    one.goto("/hello.html")
    expect_likes(one, 0, own=False)
    like_button(one, "posts-hello").click()
    expect_likes(one, 1, own=True)
    one.reload()
    expect_likes(one, 1, own=True)

    other.goto("/hello.html")
    expect_likes(other, 1, own=False)
    like_button(other, "posts-hello").click()
    expect_likes(other, 2, own=True)
    assert len(site.likers("posts-hello")) == 2

    like_button(one, "posts-hello").click()
    expect_likes(one, 1, own=False)
    other.reload()
    expect_likes(other, 1, own=True)
