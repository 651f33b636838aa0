"""The ``Authorization`` header. Source: RFC 6750, section 2.1; RFC 9110, sections 5.2 and 11.6.2."""

import re

_BEARER = re.compile(r"bearer(?:\s+|$)", re.IGNORECASE)
# A server joins header lines of one name with commas, so two tokens may come as one value.
_NEXT_BEARER = re.compile(r",\s*(?=bearer\b)", re.IGNORECASE)


def bearer_tokens(value: str | None) -> list[str]:
    """Return the bearer tokens in the header's value, well-formed or not.

    Another scheme, such as a proxy's ``Basic``, is no token. ``Bearer`` with nothing behind it is an empty one.
    """
    found = [(each, _BEARER.match(each)) for each in _NEXT_BEARER.split((value or "").strip())]
    return [each[match.end() :] for each, match in found if match]
