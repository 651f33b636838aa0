"""Session cookies: their names, and the chunks into which a long one is split.

Source: ``SessionStore`` and ``defaultCookies`` in next-auth 4.24 (``core/lib/cookie.js``) and @auth/core 0.41
(``lib/utils/cookie.js``); the prefix: RFC 6265bis, section 4.1.3.1. ``SessionStore`` joins whatever starts with
the name; here an incomplete run of chunks is refused, and a whole cookie is never joined with stale chunks.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import unquote

# The name that we write, where the application did not rename its session cookie; any of the four is read.
WRITTEN_NAME = "next-auth.session-token"
# v5 first: an application that moved from v4 leaves stale v4 cookies in its users' browsers.
_DEFAULT_NAMES = ("authjs.session-token", WRITTEN_NAME)
_SECURE_PREFIX = "__Secure-"

_MAX_CHUNKS = 16
_MAX_LENGTH = 16 * 1024


@dataclass(frozen=True, slots=True)
class SessionCookie:
    """A session token, and the name of the cookie that carried it, without the number of a chunk."""

    name: str
    token: str


class SessionCookies:
    """Find session tokens among a request's cookies.

    :param cookie_name: the one name to read, instead of the four that next-auth uses by itself.
    """

    def __init__(self, cookie_name: str | None = None) -> None:
        secure = tuple(_SECURE_PREFIX + name for name in _DEFAULT_NAMES)
        self._tiers = ((cookie_name,),) if cookie_name else (secure, _DEFAULT_NAMES)
        self.names = tuple(name for tier in self._tiers for name in tier)

    def find(self, cookies: Mapping[str, str]) -> tuple[SessionCookie, ...] | None:
        """Return the tokens to try, the likeliest first; ``None`` when the request has no session cookie.

        An empty tuple means that there is one, but none that can be read. An empty value counts as no cookie,
        as it does for next-auth. A network attacker can plant a cookie with a plain name, but not one with
        the prefix; so where a prefixed one is present, readable or not, plain ones are not looked at. Whether the
        request came over https is not asked: behind a proxy that is a guess.
        """
        pieces = self._pieces(cookies)
        for tier in self._tiers:
            present = [name for name in tier if name in pieces]
            if present:
                return tuple(SessionCookie(name, token) for name in present for token in _tokens(pieces[name]))
        return None

    def _pieces(self, cookies: Mapping[str, str]) -> dict[str, dict[str, str]]:
        """Group the values by cookie name and chunk number; the whole cookie has the number ``""``."""
        pieces: dict[str, dict[str, str]] = {}
        for cookie, value in cookies.items():
            if not value:
                continue
            base, _, number = cookie.rpartition(".")
            if cookie in self.names:
                pieces.setdefault(cookie, {})[""] = value
            elif base in self.names and number.isascii() and number.isdigit():
                pieces.setdefault(base, {})[number] = value
        return pieces


def _tokens(pieces: Mapping[str, str]) -> Iterator[str]:
    """Yield the whole cookie's value and that of the joined chunks, those there are, unless too long."""
    numbers = pieces.keys() - {""}
    # Comparing the names, not the numbers, also refuses "00".
    run = [str(number) for number in range(len(numbers))]
    whole = [""] if "" in pieces else []
    chunked = run if len(run) <= _MAX_CHUNKS and numbers == set(run) else []
    for names in (whole, chunked):
        if names and sum(len(pieces[name]) for name in names) <= _MAX_LENGTH:
            yield "".join(_decoded(pieces[name]) for name in names)


def _decoded(value: str) -> str:
    """Undo the percent-encoding that a token of a custom ``generateSessionToken`` may need."""
    if "%" not in value:
        return value
    try:
        return unquote(value, errors="strict")
    except UnicodeDecodeError:
        return value
