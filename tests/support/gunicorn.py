"""What tests of a real gunicorn say to it: settings, a session, and requests byte by byte."""

import time

from harness.crowd import SECRET
from harness.nextauth import forge

GET = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
POST = b"POST /api/likes HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
BALLOT = b'{"targetId":"q_0","targetType":"question"}'


def environment(uri: str, database: str, **more: str) -> dict[str, str]:
    return {
        "LIKES_MONGODB_URI": uri,
        "LIKES_MONGODB_DATABASE": database,
        "LIKES_NEXTAUTH_SECRET": SECRET,
        "LIKES_RATELIMIT_ENABLED": "false",
    } | more


def session(user: str = "ada", filler: int = 0) -> str:
    return forge.v4(SECRET, {"sub": user, "exp": int(time.time()) + 3_600, "filler": "x" * filler})
