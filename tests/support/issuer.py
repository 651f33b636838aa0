"""An issuer of JSON Web Tokens: its keys, its tokens, and a small HTTP server on the loopback that has its key set."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Condition, Thread
from typing import Any

from joserfc.jwk import ECKey, Key, OctKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry, serialize_compact

ISSUER = "https://login.example.com"
WAIT_SECONDS = 20.0


class _AnyAlgorithm(JWSRegistry):
    def get_alg(self, name: str) -> Any:
        return self.algorithms[name]  # without the warning that EdDSA is deprecated


_ANY = _AnyAlgorithm(strict_check_header=False)


def rsa(kid: str | None = "rsa-1") -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": kid} if kid else None)


def elliptic(kid: str | None = "ec-1", curve: str = "P-256") -> ECKey:
    return ECKey.generate_key(curve, {"kid": kid} if kid else None)


def edwards(kid: str | None = "ed-1") -> OKPKey:
    return OKPKey.generate_key("Ed25519", {"kid": kid} if kid else None)


# The host's own, for tests that need one key only.
HOST_KEY = elliptic()


def key_set(*keys: Key) -> bytes:
    return json.dumps({"keys": [key.as_dict(private=False) for key in keys]}).encode()


def claims(user: object = "ada", **more: object) -> dict[str, object]:
    return {"iss": ISSUER, "sub": user, "exp": int(time.time()) + 3_600} | more


def token(
    key: Key,
    algorithm: str,
    payload: Mapping[str, object] | bytes | None = None,
    header: Mapping[str, object] | None = None,
) -> str:
    """Sign a token.

    :param payload: the claims; those of a valid token of Ada by default.
    :param header: what stands in it besides, or instead of, ``alg`` and the key's ``kid``.
    """
    fields: dict[str, Any] = {"alg": algorithm} | ({"kid": key.kid} if key.kid else {}) | dict(header or {})
    data = payload if isinstance(payload, bytes) else json.dumps(claims() if payload is None else payload).encode()
    return serialize_compact(fields, data, key, registry=_ANY)


def secret_key(secret: str) -> OctKey:
    return OctKey.import_key(secret)


class Publisher:
    """Answer every GET as a test says, and note each."""

    def __init__(self, document: bytes = b'{"keys": []}') -> None:
        self.document = document
        self.status = 200
        self.headers: dict[str, str] = {}
        self.body: Callable[[], Iterator[bytes]] | None = None
        self.url = ""
        self._asked = 0
        self._answered = 0
        self._changed = Condition()

    @property
    def asked(self) -> int:
        return self._asked

    @property
    def answered(self) -> int:
        return self._answered

    def wait(self, condition: Callable[[], bool]) -> None:
        """Wait for something that a request to this server brings about."""
        with self._changed:
            assert self._changed.wait_for(condition, WAIT_SECONDS)

    def note(self, *, end: bool) -> None:
        with self._changed:
            self._answered += end
            self._asked += not end
            self._changed.notify_all()


@contextmanager
def published(document: bytes = b'{"keys": []}', port: int = 0) -> Iterator[Publisher]:
    """Serve a key set on the loopback."""
    publisher = Publisher(document)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            publisher.note(end=False)
            try:
                self._answer()
            except OSError:
                pass  # whoever asked has had enough
            finally:
                publisher.note(end=True)

        def _answer(self) -> None:
            self.send_response(publisher.status)
            for name, value in publisher.headers.items():
                self.send_header(name, value)
            self.end_headers()
            for piece in publisher.body() if publisher.body else [publisher.document]:
                self.wfile.write(piece)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        publisher.url = f"http://127.0.0.1:{server.server_port}/jwks.json"
        try:
            yield publisher
        finally:
            server.shutdown()
            thread.join()


def issuers_file(directory: Path, *issuers: Mapping[str, object]) -> str:
    """Write a ``LIKES_JWT_ISSUERS``; each issuer has the usual name and algorithms unless it says otherwise."""
    path = directory / "issuers.json"
    path.write_text(json.dumps([{"issuer": ISSUER, "algorithms": ["RS256"]} | dict(issuer) for issuer in issuers]))
    return str(path)
