"""A key set that its issuer publishes at a URL: fetched by a thread, so that no request waits for the network.

Why this is not a library's: ``docs/decisions/0018``.
"""

import http.client
import logging
import socket
import time
from threading import Event, Lock, Thread, Timer
from urllib.parse import urlsplit

from likes_api import metrics
from likes_api.jose.key_set import MAX_DOCUMENT_BYTES, KeySet, parse_key_set

REFRESH_SECONDS = 300.0
# Who sends tokens with made-up key ids shall not make us ask the issuer each time.
ASK_SECONDS = 60.0
# How long the issuer may be silent, and how long a fetch may take whatever it does.
SILENCE_SECONDS = 5.0
FETCH_SECONDS = 10.0

log = logging.getLogger(__name__)


class RemoteKeys:
    """The keys of one URL. The last ones that were fetched stay valid while the URL is unavailable.

    :param issuer: whose they are, for the log.

    The thread starts with the first call, in the process that serves, or by :meth:`start`.
    """

    def __init__(self, url: str, issuer: str) -> None:
        self._url = url
        self._issuer = issuer
        self._keys = KeySet()
        self._document = b""
        self._lock = Lock()
        self._thread: Thread | None = None
        self._tried = Event()
        self._wake = Event()
        self._asked = float("-inf")

    def current(self) -> KeySet:
        """Return the keys at hand; none until they have been fetched for the first time."""
        self.start()
        return self._keys

    def ask(self) -> None:
        """Request a fetch of the keys, because a token names one that is unknown; at most once a minute."""
        with self._lock:
            now = time.monotonic()
            if now - self._asked < ASK_SECONDS:
                return
            self._asked = now
        self._wake.set()

    def start(self) -> None:
        """Start the thread, if it does not run."""
        if self._thread is None:
            with self._lock:
                if self._thread is None:
                    self._thread = Thread(target=self._run, name="likes-key-set", daemon=True)
                    self._thread.start()

    def wait_until_tried(self, seconds: float) -> bool:
        """Wait for the end of the first fetch, whatever came of it; return whether it has ended."""
        return self._tried.wait(seconds)

    def _run(self) -> None:
        while True:
            # Before the fetch: for who asks while it is under way, it may have come too early.
            self._wake.clear()
            self._refresh()
            self._tried.set()
            self._wake.wait(REFRESH_SECONDS)

    def _refresh(self) -> None:
        try:
            document = fetch(self._url)
            # The same set stays the same object, and what has been verified under it stays remembered.
            if document != self._document:
                self._keys, self._document = parse_key_set(document, secrets=False), document
        except Exception as error:  # whatever it is: without this thread the keys would never change again
            metrics.count_key_set_failure()
            log.warning("key set not fetched", extra={"issuer": self._issuer, "failure": type(error).__name__})


def fetch(url: str) -> bytes:
    """Fetch a document over http or https. Redirects are not followed, and the environment's proxies not used.

    :raises OSError, http.client.HTTPException, ValueError: it cannot be had, or is too large.
    """
    parts = urlsplit(url)
    scheme = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = scheme(parts.hostname or "", parts.port, timeout=SILENCE_SECONDS)
    try:
        connection.connect()
        # A server that sends a byte now and then is never silent for long; only the end of the connection stops it.
        cut = Timer(FETCH_SECONDS, socket.socket.shutdown, [connection.sock, socket.SHUT_RDWR])
        cut.daemon = True
        cut.start()
        try:
            return _get(connection, f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/")
        finally:
            cut.cancel()
    finally:
        connection.close()


def _get(connection: http.client.HTTPConnection, path: str) -> bytes:
    connection.request("GET", path, headers={"Accept": "application/jwk-set+json, application/json"})
    response = connection.getresponse()
    if response.status != http.client.OK:
        raise ValueError("not 200")
    document = response.read(MAX_DOCUMENT_BYTES + 1)
    if len(document) > MAX_DOCUMENT_BYTES:
        raise ValueError("too large")
    # Reading up to a size, http.client does not say so when the connection ended before the announced length.
    if response.length:
        raise ValueError("cut off")
    return document
