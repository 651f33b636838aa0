"""Files that browsers fetch: under a name with a hash, to be cached for a year, or under a plain name."""

import gzip
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files
from typing import Self

from flask import Response, request

VERSIONED_SECONDS = 365 * 86_400
PLAIN_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Asset:
    """A file of a package, read and compressed once; ``version`` is a hash of its content."""

    body: bytes
    compressed: bytes
    mimetype: str
    version: str

    @classmethod
    def of(cls, package: str, name: str, mimetype: str) -> Self:
        """Read the file ``name`` of ``package``."""
        return cls.joined(package, [name], mimetype)

    @classmethod
    def joined(cls, package: str, names: Iterable[str], mimetype: str) -> Self:
        """Read files of ``package`` that browsers fetch as one file."""
        return cls.made_of(b"\n".join(files(package).joinpath(name).read_bytes() for name in names), mimetype)

    @classmethod
    def made_of(cls, body: bytes, mimetype: str) -> Self:
        """Make a file that is not in the package."""
        return cls(body, gzip.compress(body, mtime=0), mimetype, hashlib.sha256(body).hexdigest()[:16])

    def respond(self, *, versioned: bool) -> Response:
        """Answer the present request with the file, or with 304 where the browser has this version already.

        :param versioned: the URL holds this version, so it never means anything else (RFC 8246, "immutable").
        """
        compressed = request.accept_encodings["gzip"] > 0
        response = Response(self.compressed if compressed else self.body, mimetype=self.mimetype)
        response.vary.add("Accept-Encoding")
        if compressed:
            response.content_encoding = "gzip"
        # A strong tag names bytes, so each encoding has its own (RFC 9110, section 8.8.3.3).
        response.set_etag(f"{self.version}-gzip" if compressed else self.version)
        response.headers["Cache-Control"] = (
            f"public, max-age={VERSIONED_SECONDS}, immutable" if versioned else f"public, max-age={PLAIN_SECONDS}"
        )
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.make_conditional(request)
        return response
