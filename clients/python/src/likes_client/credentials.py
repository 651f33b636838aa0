"""Who asks: each credential says so by headers of its own. None shows its secret when it is printed."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol


class Credential(Protocol):
    """Whatever says by headers who the caller is."""

    def headers(self) -> Mapping[str, str]:
        """Return the headers of a request, which are sent in UTF-8."""


@dataclass(frozen=True, slots=True)
class BearerToken:
    """A person's bearer token, or a JSON Web Token of the host's own sign-in."""

    token: str = field(repr=False)

    def headers(self) -> Mapping[str, str]:
        """Return ``Authorization``."""
        return {"Authorization": f"Bearer {self.token}"}


@dataclass(frozen=True, slots=True)
class ServiceToken:
    """A token of the host's own application, ``lk_…``.

    :param on_behalf_of: the id of the user or person for whom it acts.
    """

    token: str = field(repr=False)
    on_behalf_of: str | None = None

    def headers(self) -> Mapping[str, str]:
        """Return ``Authorization`` and ``Likes-On-Behalf-Of``."""
        given: dict[str, str] = {"Authorization": f"Bearer {self.token}"}
        if self.on_behalf_of is not None:
            given["Likes-On-Behalf-Of"] = self.on_behalf_of
        return given

    def for_(self, id_: str) -> "ServiceToken":
        """Return the same token, acting for a user or a person."""
        return replace(self, on_behalf_of=id_)


@dataclass(frozen=True, slots=True)
class SessionCookie:
    """A user's session cookie as a browser sends it, ``name=value``; several are separated by ``"; "``."""

    cookie: str = field(repr=False)

    def headers(self) -> Mapping[str, str]:
        """Return ``Cookie``."""
        return {"Cookie": self.cookie}
