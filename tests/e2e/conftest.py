"""One Chromium and one server for the package, a fresh visitor for each test.

They are of package scope: Playwright's synchronous API keeps an event loop running in the main thread, which tests
elsewhere must not find.
"""

import shutil
from collections.abc import Iterator
from importlib.resources import files
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from pymongo import MongoClient

from harness.server import running_server
from likes_api.embedded_mongod.server import EmbeddedMongod
from likes_api.mongodb.documents import Database
from likes_api.ndjson import import_lines
from likes_api.repository.content import ContentRepository
from tests.e2e.visitor import NewVisitor, Site, Visitor

CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
TIMEOUT_MS = 60_000
# Tests of one address, but for its own entries none of them toggles often.
LIMITS = {
    "LIKES_LIMIT_TOGGLE_ADDRESS": "10000/minute",
    "LIKES_LIMIT_TOGGLE_BURST": "10000/minute",
    "LIKES_LIMIT_TOGGLE_USER": "10000/minute",
    "LIKES_LIMIT_TOGGLE_ENTRY": "4/minute",
    "LIKES_LIMIT_STATUS": "10000/minute",
}


@pytest.fixture(scope="package")
def site(mongod: EmbeddedMongod, client: MongoClient) -> Iterator[Site]:
    database: Database = client[f"test_e2e_{uuid4().hex}"]
    lines = files("likes_api.demo").joinpath("data.ndjson").read_bytes().splitlines()
    assert [faults for _, faults in import_lines(lines, ContentRepository(database))] == [[]]
    environment = {
        "LIKES_MONGODB_URI": mongod.uri,
        "LIKES_MONGODB_DATABASE": database.name,
        "LIKES_DEMO": "true",
        "WEB_CONCURRENCY": "2",
    }
    with running_server(environment | LIMITS) as url:
        yield Site(url, database)
    client.drop_database(database.name)


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    program = shutil.which("chromium")
    assert program, "the tests need Chromium; `make test` installs it"
    expect.set_options(timeout=TIMEOUT_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=CHROMIUM_ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def new_visitor(chromium: Browser, site: Site) -> Iterator[NewVisitor]:
    """Yield a maker of separate browsers: each has its own cookies, and is another guest."""
    visitors: list[Visitor] = []

    def make(**options: object) -> Visitor:
        context = chromium.new_context(user_agent=f"test {uuid4().hex}", base_url=site.url, **options)
        context.set_default_timeout(TIMEOUT_MS)
        visitors.append(Visitor(site, context))
        return visitors[-1]

    yield make
    for visitor in visitors:
        visitor.context.close()
    # A refusal that a test expects is noted by Chromium too; nothing else may be.
    assert [problem for visitor in visitors for problem in visitor.problems()] == []


@pytest.fixture
def visitor(new_visitor: NewVisitor) -> Visitor:
    return new_visitor()


@pytest.fixture
def page(visitor: Visitor) -> Page:
    return visitor.page
