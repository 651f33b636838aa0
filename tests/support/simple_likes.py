"""A visitor of a page with like buttons, of an application in this process: a browser's cookies and token."""

from collections.abc import Mapping
from itertools import count
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from tests.support.qa_votes import COOKIE, session_of

PREFIX = "/!/simple-likes"
_ADDRESSES = count(1)


class Visitor:
    """Ask as a browser does, from an address that no other visitor has.

    :param user: whose session cookie the browser holds; none without.
    :param cookie: a session cookie's value instead, valid or not.
    :param headers: what goes with every request, as a proxy would add it.
    """

    def __init__(
        self,
        app: Flask,
        user: str | None = None,
        *,
        cookie: str | None = None,
        address: str | None = None,
        agent: str = "Firefox",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        number = next(_ADDRESSES)
        self.address = address or f"10.0.{number // 250}.{number % 250 + 1}"
        self.agent = agent
        self._headers = dict(headers or {})
        self._client = app.test_client()
        session = session_of(user).partition("=")[2] if user else cookie
        if session is not None:
            self._client.set_cookie(COOKIE, session)
        issued = self.get("csrf-token")
        self.token: str = issued.get_json()["csrf_token"]
        self.csrf_cookie: str = issued.headers["Set-Cookie"]

    def get(self, path: str, **headers: str) -> TestResponse:
        """Get a path below the contract's prefix."""
        return self._ask("GET", f"{PREFIX}/{path}", headers)

    def status(self, *ids: str) -> Any:
        """Ask for the status of entries."""
        return self.get(f"status?ids={','.join(ids)}").get_json()

    def toggle(self, entry: str, body: bytes = b"", headers: Mapping[str, str | None] | None = None) -> TestResponse:
        """Toggle; ``headers`` come besides, or instead of, the usual ones, and ``None`` leaves one out."""
        usual = {"Content-Type": "application/json", "X-CSRF-TOKEN": self.token}
        return self._ask("POST", f"{PREFIX}/{entry}/toggle", usual | dict(headers or {}), body)

    def _ask(self, method: str, url: str, headers: Mapping[str, str | None], body: bytes = b"") -> TestResponse:
        given = {"User-Agent": self.agent} | self._headers | headers
        return self._client.open(
            url,
            method=method,
            data=body,
            headers={name: value for name, value in given.items() if value is not None},
            environ_overrides={"REMOTE_ADDR": self.address},
        )
