"""A visitor with a browser, and the pages that they look at."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from playwright.sync_api import BrowserContext, ConsoleMessage, Locator, Page, Request, Route

from likes_api.http.headers import CONTENT_SECURITY_POLICY
from likes_api.mongodb.documents import Database
from likes_api.repository.credentials.sessions import SessionRepository
from likes_api.widget.routes import SCRIPT_PATH

_FAILED_STATUS = re.compile(r"Failed to load resource: the server responded with a status of (\d+)")
UNKNOWN = "\u2013"  # the dash in place of a count
_NO_ANSWER = "Failed to load resource: net::ERR_"


@dataclass(frozen=True, slots=True)
class Site:
    """The running application."""

    url: str
    database: Database

    def entry(self, **fields: object) -> str:
        """Make an entry that nobody has liked; give its id."""
        id_ = f"entry-{uuid4().hex}"
        self.database["likes_entries"].insert_one({"_id": id_, **fields})
        return id_

    def question(self, **fields: object) -> str:
        id_ = f"q_{uuid4().hex}"
        self.database["questions"].insert_one({"_id": id_, **fields})
        return id_

    def likers(self, entry: str) -> list[str]:
        found = self.database["likes_entries"].find_one({"_id": entry})
        assert found is not None
        likers: list[str] = found.get("likedBy", [])
        return likers


@dataclass
class Visitor:
    """A browser context: its pages, what they requested, and what went wrong in them."""

    site: Site
    context: BrowserContext
    requests: list[tuple[str, str]] = field(default_factory=list)
    expected: set[int] = field(default_factory=set)  # statuses of refusals; 0 where no answer comes
    expected_text: str | None = None  # a part of what the script writes to the console

    def __post_init__(self) -> None:
        self._complaints: list[str] = []
        self.page = self.new_page()

    def new_page(self) -> Page:
        page = self.context.new_page()
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self._complaints.append(f"uncaught: {error}"))
        page.on("request", self._note)
        return page

    def sign_in(self, user: str = "alice") -> None:
        """Get a session, as the host application gives it."""
        token = SessionRepository(self.site.database).create(user, timedelta(hours=1), datetime.now(UTC))
        self.context.add_cookies([{"name": "next-auth.session-token", "value": token, "url": self.site.url}])

    def csrf_token(self) -> str:
        """Get a token, and with it the cookie that it belongs to."""
        token: str = self.context.request.get("/!/simple-likes/csrf-token").json()["csrf_token"]
        return token

    def open(
        self, body: str, head: str = "", page: Page | None = None, scripts: Sequence[str] = (SCRIPT_PATH,)
    ) -> Page:
        """Look at a page of the host application with this body, under the strict policy that we promise to bear."""
        page = page or self.page
        modules = "".join(f'<script type="module" src="{path}"></script>' for path in scripts)
        html = (
            f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>host</title>{head}'
            f'<link rel="icon" href="data:,">{modules}</head><body>{body}</body></html>'
        )
        headers = {"Content-Type": "text/html", "Content-Security-Policy": CONTENT_SECURITY_POLICY}
        page.route("**/host-page", lambda route: route.fulfill(body=html, headers=headers))
        page.goto("/host-page")
        return page

    def called(self, path: str) -> list[tuple[str, str]]:
        """List the requests to URLs that contain ``path``."""
        return [request for request in self.requests if path in request[1]]

    def problems(self) -> list[str]:
        """List what stands in the console, but for the refusals that were expected."""
        return [complaint for complaint in self._complaints if not self._is_expected(complaint)]

    def _is_expected(self, complaint: str) -> bool:
        if found := _FAILED_STATUS.search(complaint):
            return int(found[1]) in self.expected
        if self.expected_text is not None and self.expected_text in complaint:
            return True
        return _NO_ANSWER in complaint and 0 in self.expected

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self._complaints.append(f"{message.type}: {message.text}")

    def _note(self, request: Request) -> None:
        self.requests.append((request.method, request.url.removeprefix(self.site.url)))


NewVisitor = Callable[..., Visitor]


def hold(page: Page, url: str) -> list[Route]:
    """Keep back all requests to ``url``, for a test to answer each when it wants to."""
    held: list[Route] = []
    page.route(url, lambda route: held.append(route))  # a bound method of a list would not do: Playwright marks it
    return held


def wait_for(page: Page, held: list[Route], number: int = 1) -> None:
    """Wait until so many requests are kept back."""
    for _ in range(1_000):
        if len(held) >= number:
            return
        page.wait_for_timeout(20)
    raise AssertionError(f"{len(held)} requests came, not {number}")


def button_html(*entries: str) -> str:
    return "".join(f'<p><like-button entry="{entry}"></like-button></p>' for entry in entries)


def like_button(page: Page, entry: str) -> Locator:
    return page.locator(f'like-button[entry="{entry}"] button')


def message(page: Page, element: str = "like-button") -> Locator:
    return page.locator(f"{element} [part=message]")
