"""Write shell lines that do the same as a button of the demo page, ready to paste.

An interactive bash expands ``!`` in double quotes, as the Simple Likes document writes it, from its
history; so every URL stands in single quotes.
"""

import json
from dataclasses import dataclass
from shlex import quote

_JSON = "-H 'Content-Type: application/json'"
_JAR = "likes.cookies"


@dataclass(frozen=True, slots=True)
class Curl:
    """The lines for one visitor.

    :param base_url: where the server is, without a slash at the end.
    :param cookie: the visitor's session, as ``name=value``; ``None`` where nobody is signed in.
    """

    base_url: str
    cookie: str | None

    def like(self, entry_id: str) -> str:
        """Toggle a like: fetch a CSRF token and its cookie, then send both."""
        return self._with_token(
            f"curl -X POST {self._url(f'/!/simple-likes/{entry_id}/toggle')}",
            _JSON,
            '-H "X-CSRF-TOKEN: $TOKEN"',
            f"-b {_JAR}",
            *self._session(),
        )

    def vote(self, kind: str, target_id: str, vote: str) -> str:
        """Vote up or down on a question or a message."""
        body = json.dumps({"targetId": target_id, "targetType": kind, "voteType": vote}, separators=(",", ":"))
        return _command(f"curl -X POST {self._url('/api/likes')}", _JSON, *self._session(), f"-d {quote(body)}")

    def sign_in(self, user_id: str) -> str:
        """Sign in as a demo user, and keep the session cookie."""
        return self._with_token(
            f"curl -i -X POST {self._url('/demo/sign-in')}",
            f"-b {_JAR}",
            f"-d {quote(f'user={user_id}')}",
            '--data-urlencode "csrf_token=$TOKEN"',
        )

    def sign_out(self) -> str:
        """Sign out: the session ends on the server."""
        return self._with_token(
            f"curl -i -X POST {self._url('/demo/sign-out')}",
            f"-b {_JAR}",
            *self._session(),
            '--data-urlencode "csrf_token=$TOKEN"',
        )

    def _with_token(self, *parts: str) -> str:
        token = f"TOKEN=$(curl -s -c {_JAR} {self._url('/!/simple-likes/csrf-token')} | cut -d'\"' -f4)"
        return f"{token}\n{_command(*parts)}"

    def _session(self) -> list[str]:
        return [f"-b {quote(self.cookie)}"] if self.cookie else []

    def _url(self, path: str) -> str:
        # Always quoted, also where the shell would not require it.
        return "'" + f"{self.base_url}{path}".replace("'", "%27") + "'"


def _command(*parts: str) -> str:
    return " \\\n  ".join(parts)
