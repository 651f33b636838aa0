"""The dialect of contract 3: ``{"code": status, "message": reason}``, in the document's words.

The fault of a token is answered as in RFC 6750, section 3: ``{"error", "error_description"}`` in the body, and the same
in ``WWW-Authenticate``.
"""

from typing import Any

from likes_api.http.errors import Dialect, Refused
from likes_api.identity.bearer import AmbiguousCredential
from likes_api.identity.caller import InvalidCredential

PREFIX = "/api/v1"


class TokenRefused(Refused):
    """The token is refused, for one of RFC 6750's reasons.

    :param error: its code in the RFC, section 3.1.
    """

    def __init__(self, status: int, error: str, description: str) -> None:
        super().__init__(status, description, {"WWW-Authenticate": _challenge(error, description)})
        self.error = error


def _challenge(error: str, description: str) -> str:
    return f'Bearer error="{error}", error_description="{description}"'


def _body(refused: Refused) -> dict[str, Any]:
    if isinstance(refused, TokenRefused):
        return {"error": refused.error, "error_description": refused.message}
    return {"code": refused.status, "message": refused.message}


DIALECT = Dialect(
    prefix=PREFIX,
    body=_body,
    refusals={
        AmbiguousCredential: TokenRefused(400, "invalid_request", "The request carries more than one access token"),
        # Malformed, unknown, expired or revoked: which of them is not told.
        InvalidCredential: TokenRefused(401, "invalid_token", "The access token is invalid, expired or revoked"),
    },
)


def no_token() -> Refused:
    """There is none. Then the challenge has no error code (RFC 6750, section 3.1)."""
    return Refused(401, "Unauthorized user", {"WWW-Authenticate": "Bearer"})


def insufficient_scope(missing: str) -> Refused:
    """The token was made without this scope. The body is as diaspora* has it, the challenge as RFC 6750."""
    challenge = f'{_challenge("insufficient_scope", f"The access token lacks the scope {missing}")}, scope="{missing}"'
    return Refused(403, "insufficient_scope", {"WWW-Authenticate": challenge})


def not_found(*, comment: bool) -> Refused:
    """There is no such post, or none that this person may see; or no such comment on it."""
    return Refused(404, f"Post{' or comment' if comment else ''} with provided guid could not be found")


def not_allowed() -> Refused:
    """The post is private to this token, or its author ignores this person."""
    return Refused(422, "User is not allowed to like")


def already_liked() -> Refused:
    """This person's like is there."""
    return Refused(409, "Like already exists")


def not_liked() -> Refused:
    """There is no like of this person."""
    return Refused(410, "Like doesn't exist")
