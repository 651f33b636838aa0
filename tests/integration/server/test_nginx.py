"""Prove that ``deploy/nginx.conf`` does what it says, with Debian's nginx in front of a real gunicorn."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
import requests
from pymongo import MongoClient

from harness.documents import emptied_afterwards
from harness.nginx import Nginx, running_nginx
from harness.raw_http import connect, exchange
from harness.server import Server, free_port, started_server
from likes_api.embedded_mongod.server import EmbeddedMongod
from likes_api.mongodb.documents import Document
from likes_api.ndjson import BATCH_LINES
from likes_api.repository.credentials.service_tokens import ServiceTokenRepository
from likes_api.server.client_socket import REQUEST_SECONDS
from tests.integration.server.test_gunicorn import GET, POST, chunked_cookie, environment, session
from tests.support.clock import eventually, stopwatch

DATABASE = "test_nginx"
URL = "/api/likes"
BALLOT = {"targetId": "q_0", "targetType": "question"}


@pytest.fixture(scope="module")
def gunicorn(mongod: EmbeddedMongod) -> Iterator[Server]:
    settings = environment(mongod.uri, DATABASE, LIKES_TRUSTED_PROXIES="1")
    with started_server(settings) as server:
        yield server


@pytest.fixture(scope="module")
def nginx(gunicorn: Server) -> Iterator[Nginx]:
    with running_nginx(gunicorn.url.removeprefix("http://")) as nginx:
        yield nginx


@pytest.fixture
def browser(nginx: Nginx) -> Iterator[requests.Session]:
    with requests.Session() as client:
        client.trust_env = False  # or a CA bundle in the environment would win
        client.verify = str(nginx.certificate)
        yield client


def https(nginx: Nginx, path: str) -> str:
    return f"https://localhost:{nginx.tls_port}{path}"


def plain(nginx: Nginx) -> str:
    return f"http://127.0.0.1:{nginx.plain_port}"


def test_http_is_sent_to_https_when_a_browser_asks(nginx: Nginx) -> None:
    answer = requests.post(f"http://127.0.0.1:{nginx.redirect_port}/a?b=c", timeout=60, allow_redirects=False)
    assert answer.status_code == 308
    assert answer.headers["Location"] == "https://127.0.0.1/a?b=c"


def test_the_application_sees_https_when_nginx_says_so(
    nginx: Nginx, gunicorn: Server, browser: requests.Session
) -> None:
    """An Origin is our own when its scheme is, too: it would be foreign if the application saw http."""
    headers = {"Cookie": f"next-auth.session-token={session()}", "Origin": f"https://localhost:{nginx.tls_port}"}
    assert browser.post(https(nginx, URL), json=BALLOT, headers=headers, timeout=60).status_code == 404
    headers["Origin"] = headers["Origin"].replace("https", "http")
    refused = browser.post(https(nginx, URL), json=BALLOT, headers=headers, timeout=60)
    assert refused.status_code == 403
    lines = [json.loads(line) for line in gunicorn.log.read_text().splitlines() if '"expected"' in line]
    said = {name: lines[-1][name] for name in ("level", "request_id", "origin", "expected")}
    assert said == {
        "level": "WARNING",
        "request_id": refused.headers["X-Request-ID"],
        "origin": headers["Origin"],
        "expected": f"https://localhost:{nginx.tls_port}",
    }


def test_a_session_in_three_chunks_passes_when_it_takes_12_kilobytes(nginx: Nginx, browser: requests.Session) -> None:
    headers = {"Cookie": chunked_cookie(session(filler=8_500)).decode()}
    assert browser.post(https(nginx, URL), json=BALLOT, headers=headers, timeout=60).status_code == 404


class Echo(BaseHTTPRequestHandler):
    """Answer with the headers that arrive."""

    def do_GET(self) -> None:
        body = json.dumps({name.lower(): self.headers.get_all(name) for name in self.headers}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


def test_address_scheme_host_and_prefix_are_nginxs_own_words_when_the_client_claims_others() -> None:
    with HTTPServer(("127.0.0.1", 0), Echo) as upstream, running_nginx(f"127.0.0.1:{upstream.server_port}") as nginx:
        thread = Thread(target=upstream.serve_forever)
        thread.start()
        claims = b"X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: https\r\n"
        claims += b"X-Forwarded-Host: evil.example\r\nX-Forwarded-Prefix: /evil\r\nConnection: close\r\n\r\n"
        seen = exchange(plain(nginx), GET + claims).json
        upstream.shutdown()
        thread.join()
    assert seen["x-forwarded-for"] == ["127.0.0.1"]
    assert seen["x-forwarded-proto"] == ["http"]
    assert seen["host"] == seen["x-forwarded-host"] == ["localhost"]
    assert "x-forwarded-prefix" not in seen


@pytest.mark.parametrize(
    ("request_", "status", "error"),
    [
        (GET + b"Cookie: " + b"a" * 16_400 + b"\r\n\r\n", 431, "Request header fields too large"),
        (b"GET /" + b"a" * 17_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 414, "URI too long"),
        (b"GET /" + b"a" * 9_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 414, "URI too long"),
        (b"GET / HTTP/1.1\r\n\r\n", 400, "Bad request"),
        (POST + b"Content-Length: 16385\r\n\r\n" + b"a" * 16_385, 413, "Request entity too large"),
    ],
)
def test_errors_are_json_when_nginx_or_gunicorn_refuses(nginx: Nginx, request_: bytes, status: int, error: str) -> None:
    answer = exchange(plain(nginx), request_)
    assert (answer.status, answer.headers["content-type"]) == (status, "application/json")
    assert answer.json == {"error": error}


LIST = b"GET /api/v1/posts/p/likes HTTP/1.1\r\nHost: localhost\r\n"


@pytest.mark.parametrize(
    ("request_", "status", "message"),
    [
        (LIST + b"Cookie: " + b"a" * 16_400 + b"\r\n\r\n", 431, "Request header fields too large"),
        (b"GET /api/v1/posts/p/likes HTTP/1.1\r\n\r\n", 400, "Bad request"),
        (LIST + b"Content-Length: 16385\r\n\r\n" + b"a" * 16_385, 413, "Request entity too large"),
    ],
)
def test_errors_are_in_the_words_of_contract_3_when_nginx_refuses_a_url_of_it(
    nginx: Nginx, request_: bytes, status: int, message: str
) -> None:
    answer = exchange(plain(nginx), request_)
    assert (answer.status, answer.headers["content-type"]) == (status, "application/json")
    assert answer.json == {"code": status, "message": message}


def test_503_is_json_when_gunicorn_is_away() -> None:
    with running_nginx(f"127.0.0.1:{free_port()}") as nginx:
        answer = exchange(plain(nginx), GET + b"Connection: close\r\n\r\n")
        listed = exchange(plain(nginx), LIST + b"Connection: close\r\n\r\n")
    assert (answer.status, answer.json) == (503, {"error": "Service unavailable"})
    assert (listed.status, listed.json) == (503, {"code": 503, "message": "Service unavailable"})
    assert answer.headers["retry-after"] == listed.headers["retry-after"] == "1"


def sockets(server: Server) -> list[str]:
    """List the states of the server's connections, as proc(5) has them: 01 established, 06 TIME_WAIT."""
    port = int(server.url.rpartition(":")[2])
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return [line[3] for line in lines if int(line[1].rpartition(":")[2], 16) == port]


def test_connections_to_gunicorn_are_kept_when_clients_come_and_go(nginx: Nginx, gunicorn: Server) -> None:
    closed = sockets(gunicorn).count("06")
    for _ in range(20):
        assert exchange(plain(nginx), GET + b"Connection: close\r\n\r\n").status == 200
    assert 1 <= sockets(gunicorn).count("01") <= 10
    assert sockets(gunicorn).count("06") <= closed


def test_others_are_served_when_slow_clients_hold_connections_to_nginx(nginx: Nginx) -> None:
    with ExitStack() as held:
        for data in (b"", GET, POST + b"Content-Length: 100\r\n\r\n{"):
            for _ in range(100):
                held.enter_context(connect(plain(nginx))).sendall(data)
        # Before any of those connections is closed because its time is over.
        with stopwatch() as watch:
            for _ in range(10):
                assert exchange(plain(nginx), GET + b"Connection: close\r\n\r\n").status == 200
            assert watch.seconds < REQUEST_SECONDS / 2


@pytest.fixture
def admin(client: MongoClient[Document], gunicorn: Server) -> Iterator[dict[str, str]]:
    """Return the headers of an administrator's import."""
    database = client[DATABASE]
    with emptied_afterwards(database):
        token = ServiceTokenRepository(database).create("ci", ["admin"], datetime.now(UTC))
        yield {"Authorization": f"Bearer {token}", "Content-Type": "application/x-ndjson", "Connection": "close"}


def test_import_is_passed_on_while_it_comes_and_answered_whole_when_it_is_longer_than_other_bodies(
    nginx: Nginx, admin: dict[str, str], client: MongoClient[Document]
) -> None:
    """The bad line comes first: an answer that began there would keep nginx from sending the rest."""
    entries = client[DATABASE]["likes_entries"]
    batch = [b"bad\n", *(b'{"kind":"entry","id":"e%d","title":"%s"}\n' % (n, b"x" * 200) for n in range(BATCH_LINES))]

    def body() -> Iterator[bytes]:
        # The worker reads 64 KiB at a time, so that the end of these stays there.
        yield b"".join(2 * batch)
        # Nothing is kept back until the request is whole: these are imported while the next ones are not sent.
        eventually(lambda: entries.count_documents({}) >= BATCH_LINES - 1)
        yield from (b"".join(batch[1:]) for _ in range(40))

    answer = requests.post(f"{plain(nginx)}/admin/import", data=body(), headers=admin, timeout=60)
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert [line.get("line") for line in lines] == [1, BATCH_LINES + 2, None]
    assert lines[-1] == {"imported": 42 * BATCH_LINES, "failed": 2}


def test_import_of_more_than_64_mib_is_413_of_nginx(nginx: Nginx, admin: dict[str, str]) -> None:
    head = b"".join(f"{name}: {value}\r\n".encode() for name, value in admin.items())
    request = b"POST /admin/import HTTP/1.1\r\nHost: localhost\r\nContent-Length: 67108865\r\n" + head + b"\r\n"
    answer = exchange(plain(nginx), request)
    assert (answer.status, answer.json) == (413, {"error": "Request entity too large"})


def test_export_passes_whole_and_an_erasure_answers(
    nginx: Nginx, admin: dict[str, str], client: MongoClient[Document]
) -> None:
    client[DATABASE]["likes_entries"].insert_many(
        {"_id": f"e{number}", "likedBy": ["ada"], "upvotes": 1} for number in range(3_000)
    )
    url = f"{plain(nginx)}/admin/voters/ada"
    lines = requests.get(f"{url}/export", headers=admin, timeout=60).text.splitlines()
    assert {json.loads(line)["id"] for line in lines} == {f"e{number}" for number in range(3_000)}
    statuses = iter(lambda: requests.delete(url, headers=admin, timeout=60).status_code, 204)
    assert set(statuses) <= {202}
    assert client[DATABASE]["likes_entries"].count_documents({"upvotes": 0, "likedBy": []}) == 3_000
