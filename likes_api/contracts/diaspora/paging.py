"""Pages by number: the one that a request asks for, and the ``Link`` header to its neighbours (RFC 8288)."""

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

DEFAULT_SIZE = 15
MAX_SIZE = 100
_NUMBER = re.compile(r"[0-9]+")
# Of a longer number these are as good: no list is as long.
_DIGITS = 100
_TAKEN_OUT = frozenset({"page", "access_token"})


@dataclass(frozen=True, slots=True)
class Page:
    """A page's number, from 1, and how many likes make a page."""

    number: int
    size: int

    @property
    def offset(self) -> int:
        """The number of likes before this page."""
        return (self.number - 1) * self.size


def load_page(page: str | None, per_page: str | None) -> Page:
    """Read the two parameters. What is no number, and 0, counts as absent; a page may be past the end."""
    return Page(_number(page) or 1, min(_number(per_page) or DEFAULT_SIZE, MAX_SIZE))


def link_header(url: str, query: bytes, page: Page, *, following: bool, preceding: bool) -> str | None:
    """Write the ``Link`` header, or ``None`` where there is no page to link to.

    Other query parameters are kept. A token is not: a link may be logged, shown and passed on.

    :param url: the absolute URL of the list, without its query.
    :param query: the query of the request, as it was sent.
    """
    # Latin-1 keeps the bytes of any encoding, well-formed or not, and needs three characters for each.
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True, encoding="latin-1")
    kept = [(name, value) for name, value in pairs if name not in _TAKEN_OUT]
    numbers = {"next": page.number + 1} if following else {}
    numbers |= {"previous": page.number - 1} if preceding else {}
    links = [
        f'<{url}?{urlencode([*kept, ("page", str(number))], encoding="latin-1")}>; rel="{relation}"'
        for relation, number in numbers.items()
    ]
    return ", ".join(links) or None


def _number(value: str | None) -> int:
    return int(value.lstrip("0")[:_DIGITS] or "0") if value and _NUMBER.fullmatch(value) else 0
