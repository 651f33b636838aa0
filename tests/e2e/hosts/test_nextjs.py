"""Vote on the pages of a Next.js application, with the sessions of its own next-auth."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId
from playwright.sync_api import Page, expect
from pymongo import MongoClient

from harness.documents import emptied_afterwards, named_database
from harness.gunicorn import Process, eventually
from harness.server import free_port, is_listening, running_server
from likes_api.embedded_mongod.server import EmbeddedMongod
from likes_api.mongodb.documents import Database, Document
from tests.e2e.hosts.settings import read_settings
from tests.e2e.visitor import Site, Visitor, like_button

HOST = Path(__file__).with_name("nextjs")
NEXT = ["node", str(HOST / "node_modules/next/dist/bin/next")]
VERSIONS = ("v4", "v5")
SETTINGS = read_settings(HOST / "likes-api.env")
PASSWORD = "open sesame"
ADA, BOB = "ada@example.org", "bob@example.org"


@pytest.fixture(scope="module")
def database(client: MongoClient[Document]) -> Iterator[Database]:
    """The host's database."""
    with named_database(client) as database:
        yield database


@pytest.fixture(scope="module")
def variables(mongod: EmbeddedMongod, database: Database) -> Iterator[dict[str, str]]:
    """The environment of the host, next to which the service runs."""
    uri = mongod.uri.replace("/?", f"/{database.name}?")
    with running_server(SETTINGS | {"LIKES_MONGODB_URI": uri}) as likes_api:
        yield {
            **os.environ,
            "NEXT_TELEMETRY_DISABLED": "1",
            "MONGODB_URI": uri,
            "LIKES_API_URL": likes_api,
            "AUTH_SECRET": SETTINGS["LIKES_NEXTAUTH_SECRET"],
            "NEXTAUTH_SECRET": SETTINGS["LIKES_NEXTAUTH_SECRET"],
            "AUTH_TRUST_HOST": "true",
            "EVERYBODYS_PASSWORD": PASSWORD,
        }


@pytest.fixture(scope="module")
def built(variables: dict[str, str]) -> None:
    """Build the application, once for each version of next-auth, at the same time."""
    assert (HOST / "node_modules").is_dir(), "Next.js is missing; `make test` installs it"
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    builds = [subprocess.Popen([*NEXT, "build", HOST / version], env=variables, **pipes) for version in VERSIONS]
    for build in builds:
        said, _ = build.communicate(timeout=300)
        assert build.returncode == 0, said


@pytest.fixture(params=[(version, strategy) for version in VERSIONS for strategy in ("jwt", "database")], ids="-".join)
def site(
    request: pytest.FixtureRequest, built: None, variables: dict[str, str], database: Database, tmp_path: Path
) -> Iterator[Site]:
    """The application, started with one version of next-auth and one strategy."""
    version, strategy = request.param
    port = free_port()
    url = f"http://localhost:{port}"
    command = [*NEXT, "start", "--hostname", "127.0.0.1", "--port", str(port), str(HOST / version)]
    next_ = Process(command, tmp_path / "next.log", variables | {"NEXTAUTH_URL": url, "SESSION_STRATEGY": strategy})
    with emptied_afterwards(database):
        database["users"].insert_many([{"email": email, "emailVerified": None} for email in (ADA, BOB)])
        next_.start()
        try:
            eventually(lambda: is_listening(port), "Next.js")
            yield Site(url, database)
        finally:
            next_.end()


def sign_in(visitor: Visitor, email: str) -> None:
    """Sign in by next-auth's own pages: with a password, or by the link in a mail."""
    page = visitor.page
    page.get_by_role("link", name="Sign in").click()
    page.locator("input[name=email]").fill(email)
    by_mail = page.locator("input[name=password]").count() == 0
    if not by_mail:
        page.locator("input[name=password]").fill(PASSWORD)
    page.get_by_role("button", name="Sign in with").click()
    if by_mail:
        page.wait_for_url("**/verify-request**")
        mail = visitor.site.database["outbox"].find_one_and_delete({"to": email})
        assert mail is not None
        page.goto(mail["url"])
    expect(page.get_by_role("link", name=f"Sign out {email}")).to_be_visible()


def sign_out(page: Page) -> None:
    page.get_by_role("link", name="Sign out").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()


def read(visitor: Visitor, path: str) -> Any:
    """Read what a script on the page would be answered."""
    return visitor.context.request.get(path).json()


class Question:
    """A question on the page: what the host's server wrote, and our buttons."""

    def __init__(self, page: Page, title: str) -> None:
        article = page.locator("article", has_text=title)
        self.counts = article.locator("p")
        self.up, self.down = article.locator("[part~=up]"), article.locator("[part~=down]")
        self.message = article.locator("[part=message]")

    def expect(self, up: int, down: int, vote: str | None) -> None:
        expect(self.counts).to_have_text(f"{up} for, {down} against")
        self.expect_buttons(up, down, vote)

    def expect_buttons(self, up: int, down: int, vote: str | None) -> None:
        for name, button, count in (("up", self.up, up), ("down", self.down, down)):
            expect(button).to_be_enabled()  # not before the answer, though the counts may
            expect(button).to_have_text(f"Vote {name} {count}")
            expect(button).to_have_attribute("aria-pressed", "true" if name == vote else "false")


def test_counts_are_right_in_the_hosts_own_page_when_users_sign_in_and_vote(visitor: Visitor, site: Site) -> None:
    id_ = ObjectId()
    site.database["questions"].insert_many([{"_id": id_, "title": "To be?"}, {"_id": "a/b %", "title": "Or not?"}])
    page = visitor.page
    page.route("**/favicon.ico", lambda route: route.fulfill(status=204))  # next-auth's own pages have no icon
    page.goto("/")
    question, other = Question(page, "To be?"), Question(page, "Or not?")
    question.expect(0, 0, None)

    sign_in(visitor, ADA)
    question.up.click()
    question.expect_buttons(1, 0, "up")
    other.down.click()
    other.expect_buttons(0, 1, "down")
    like = like_button(page, "the-site")
    like.click()
    expect(like).to_be_enabled()
    expect(like).to_have_text("Like this site 1")
    page.reload()
    question.expect(1, 0, "up")
    other.expect(0, 1, "down")
    expect(like).to_have_attribute("aria-pressed", "true")

    sign_out(page)
    question.expect(1, 0, None)
    visitor.expected.add(401)
    question.up.click()
    expect(question.message).to_have_text(re.compile("sign in", re.IGNORECASE))

    sign_in(visitor, BOB)
    question.expect(1, 0, None)
    question.down.click()
    question.expect_buttons(1, 1, "down")
    page.reload()
    question.expect(1, 1, "down")
    other.expect(0, 1, None)

    sign_out(page)
    sign_in(visitor, ADA)
    question.expect(1, 1, "up")
    ada, bob = (str(user["_id"]) for user in site.database["users"].find().sort("email"))
    stored = site.database["questions"].find_one({"_id": id_}, {"_id": 0})
    assert stored == {"title": "To be?", "upvotes": 1, "downvotes": 1, "likedBy": [ada], "dislikedBy": [bob]}
    assert read(visitor, "/api/me") == {"kind": "user", "id": ada}
    counts = read(visitor, f"/api/counts?target=question:{id_}&target=entry:the-site")["targets"]
    assert {target: count["count"] for target, count in counts.items()} == {f"question:{id_}": 1, "entry:the-site": 1}
