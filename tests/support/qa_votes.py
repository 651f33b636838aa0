"""Send ballots to ``POST /api/likes`` of an application in this process."""

import json
import time
from collections.abc import Mapping
from functools import cache
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from harness.nextauth import forge
from tests.support.settings import NEXTAUTH_SECRET

URL = "/api/likes"
COOKIE = "next-auth.session-token"
BALLOT = {"targetId": "q_123", "targetType": "question", "voteType": "up"}


@cache
def session_of(user: str) -> str:
    """Make the ``Cookie`` header of a JWT session for tests, valid for a day."""
    return f"{COOKIE}={forge.v4(NEXTAUTH_SECRET, {'sub': user, 'exp': int(time.time()) + 86_400})}"


def post(
    app: Flask,
    body: object = BALLOT,
    *,
    user: str | None = "ada",
    headers: Mapping[str, str | None] | None = None,
    **options: Any,
) -> TestResponse:
    """Post a body: bytes as they are, anything else as JSON.

    :param user: whose session to send; none without.
    :param headers: besides, or instead of, the usual ones; ``None`` leaves one out.
    """
    given = {"Content-Type": "application/json", "Cookie": session_of(user) if user else None} | dict(headers or {})
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    present = {name: value for name, value in given.items() if value is not None}
    return app.test_client(use_cookies=False).post(URL, data=data, headers=present, **options)
