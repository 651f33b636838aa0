"""The methods of the Python client on a real gunicorn; the asynchronous client has the same ones."""

import asyncio
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import httpx
import likes_client
import pytest
from likes_client import (
    AsyncClient,
    BadRequest,
    BearerToken,
    Client,
    Conflict,
    Forbidden,
    Gone,
    NotFound,
    ServiceToken,
    SessionCookie,
    Target,
    Unauthorized,
    admin,
)

from harness.server import ROOT
from likes_api.mongodb.documents import Database
from likes_api.repository.votes.repository import VoteRepository
from likes_api.votes import Target as StoredTarget
from likes_api.votes import TargetKind, Vote
from tests.support import diaspora
from tests.support.admin import PERSON, USER, administrator
from tests.support.clients import TYPESCRIPT, Caller, built, sync_call
from tests.support.qa_votes import session_of

README, TYPESCRIPT_README = ROOT / "clients" / "python" / "README.md", TYPESCRIPT / "README.md"
IDS = ["a/b", "/", "%", "a%2Fb", "a b", "ü/ö", "?a=b", "#", "...", "a+b", "x/vote", ":", "a:b"]


@pytest.mark.parametrize("id_", IDS)
def test_vote_is_on_the_target_with_that_id(likes: Caller, service: ServiceToken, stored: Database, id_: str) -> None:
    stored["questions"].insert_one({"_id": id_})
    question = Target("question", id_)
    ada = likes.as_(service.for_("ada"))
    assert ada.set_vote(question, -1) == {"upvotes": 0, "downvotes": 1, "count": 0, "vote": -1, "changed": True}
    assert stored["questions"].find_one({"_id": id_})["dislikedBy"] == ["ada"]
    assert ada.get_vote(question) == {"upvotes": 0, "downvotes": 1, "count": 0, "vote": -1}
    assert [each["id"] for each in ada.status([question, ("entry", "none")])] == [id_]
    assert ada.counts([question]) == {question: {"upvotes": 0, "downvotes": 1, "count": 0}}
    assert list(likes.voters(question, "down")) == [{"id": "ada"}]
    assert ada.clear_vote(question)["changed"]
    stored["questions"].delete_one({"_id": id_})


@pytest.mark.parametrize("id_", [".", ".."])
def test_dots_are_an_id_when_the_client_writes_the_path_itself(
    url: str, service: ServiceToken, stored: Database, id_: str
) -> None:
    stored["questions"].insert_one({"_id": id_})
    assert sync_call(url, service.for_("ada"), "set_vote", ("question", id_), 1)["changed"]
    stored["questions"].delete_one({"_id": id_})


def test_lists_are_walked_page_by_page(likes: Caller, service: ServiceToken, stored: Database) -> None:
    stored["questions"].insert_many([{"_id": f"n{number}"} for number in range(5)])
    votes = VoteRepository(stored)
    for number in range(5):
        votes.set(StoredTarget(TargetKind.QUESTION, f"n{number}"), "äda", Vote.UP)
        votes.set(StoredTarget(TargetKind.QUESTION, "n0"), f"u{number}", Vote.UP)
    ada = likes.as_(service.for_("äda"))
    assert [vote["id"] for vote in ada.my_votes("question", limit=2)] == [f"n{number}" for number in range(5)]
    voters = [voter["id"] for voter in likes.voters(("question", "n0"), limit=2)]
    assert voters == [*(f"u{number}" for number in range(5)), "äda"]
    page = likes.voters_page(("question", "n0"), limit=4)
    assert (page["total"], page["guests"], len(page["voters"])) == (6, 0, 4)
    assert len(likes.voters_page(("question", "n0"), cursor=page["next"])["voters"]) == 2
    stored["questions"].delete_many({"_id": {"$regex": "^n"}})


def test_likes_of_a_post_are_walked_by_their_links(likes: Caller, stored: Database) -> None:
    people = [diaspora.BOB, diaspora.ALICE, diaspora.CAROL]
    clients = [likes.as_(BearerToken(diaspora.token_of(stored, person))) for person in people]
    for client in clients:
        client.like(diaspora.PUBLIC)
        client.like(diaspora.PUBLIC, diaspora.comment_on(diaspora.PUBLIC))
        with pytest.raises(Conflict, match="already exists"):
            client.like(diaspora.PUBLIC)
    for comment in (None, diaspora.comment_on(diaspora.PUBLIC)):
        guids = [like["author"]["guid"] for like in clients[0].likes(diaspora.PUBLIC, comment, per_page=1)]
        assert guids == people
    for client in clients:
        client.unlike(diaspora.PUBLIC)
        client.unlike(diaspora.PUBLIC, diaspora.comment_on(diaspora.PUBLIC))
        with pytest.raises(Gone):
            client.unlike(diaspora.PUBLIC)


def test_content_is_administrated(likes: Caller, stored: Database) -> None:
    assert likes.put_target(("entry", "a-1"), {"title": "A", "boost": 3})["boost"] == 3
    assert likes.patch_target(("entry", "a-1"), {"boost": 4})["title"] == "A"
    assert likes.get_target(("entry", "a-1"))["boost"] == 4
    likes.delete_target(("entry", "a-1"))
    with pytest.raises(NotFound):
        likes.get_target(("entry", "a-1"))
    assert likes.put_person("p/1", PERSON) == likes.get_person("p/1") == {"guid": "p/1", **PERSON}
    assert likes.put_user("u/1", USER) == likes.get_user("u/1") == {"id": "u/1", **USER}
    session = likes.create_session("u/1", expires_in=60)
    token = likes.create_token("p/1", ["public:read"], expires_in=60)
    assert likes.as_(SessionCookie(session["cookie"])).me() == {"kind": "user", "id": "u/1"}
    assert likes.as_(BearerToken(token["token"])).me() == {"kind": "person", "id": "p/1"}
    likes.delete_user("u/1")
    with pytest.raises(Unauthorized):
        likes.as_(SessionCookie(session["cookie"])).me()
    stored["likes_people"].delete_one({"_id": "p/1"})


def test_audit_is_walked_from_its_begin(likes: Caller, stored: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admin, "AUDIT_LINES", 2)
    for number in range(3):
        likes.put_target(("message", f"a{number}"), {})
    numbers = [line["id"] for line in likes.audit()]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) >= 3
    assert [line["id"] for line in likes.audit(after=numbers[-3])] == numbers[-2:]
    stored["messages"].delete_many({"_id": {"$regex": "^a"}})


def test_import_names_bad_lines_by_their_number(likes: Caller, stored: Database) -> None:
    answer = likes.import_lines([{"kind": "question", "id": "i"}, b'{"kind":"cat"}', b"", b"bad"])
    assert (answer["imported"], [each["line"] for each in answer["failed"]]) == (1, [2, 4])
    assert likes.import_lines([]) == {"imported": 0, "failed": []}
    stored["questions"].delete_one({"_id": "i"})


def test_voter_is_exported_merged_and_erased(likes: Caller, service: ServiceToken, stored: Database) -> None:
    stored["questions"].insert_many([{"_id": f"v{number}"} for number in range(3)])
    for number in range(3):
        likes.as_(service.for_("leaver/1")).set_vote(("question", f"v{number}"), -1)
    votes = [{"type": "question", "id": f"v{number}", "vote": -1} for number in range(3)]
    assert sorted(likes.export_voter("leaver/1"), key=lambda vote: vote["id"]) == votes
    likes.merge_voter("leaver/1", "stayer")
    assert likes.export_voter("leaver/1") == []
    assert len(likes.export_voter("stayer")) == 3
    likes.erase_voter("stayer")
    assert likes.export_voter("stayer") == []
    with pytest.raises(BadRequest):
        likes.merge_voter("a", "a")
    likes.put_person("p-leaves", PERSON)
    likes.delete_person("p-leaves")
    with pytest.raises(NotFound):
        likes.get_person("p-leaves")
    stored["questions"].delete_many({"_id": {"$regex": "^v"}})


def test_caller_is_nobody_else_when_connections_are_shared(likes: Caller, stored: Database) -> None:
    ada = likes.as_(SessionCookie(session_of("ada")))
    assert ada.me() == {"kind": "user", "id": "ada"}
    assert likes.me()["kind"] == "service"
    with pytest.raises(Unauthorized) as raised:
        likes.as_(None).me()
    assert raised.value.request_id
    with pytest.raises(BadRequest, match="Likes-On-Behalf-Of is missing"):
        list(likes.my_votes())
    reader = ServiceToken(administrator(None, stored, "votes:read").token)  # type: ignore[arg-type]
    with pytest.raises(Forbidden) as forbidden:
        likes.as_(reader).put_user("x", {})
    assert (forbidden.value.status, forbidden.value.code) == (403, "insufficient_scope")


def test_cookie_of_an_answer_is_not_kept_when_connections_are_shared() -> None:
    sent: list[str | None] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request.headers.get("Cookie"))
        return httpx.Response(200, json={}, headers={"Set-Cookie": "session=of-ada"})

    with Client("http://localhost", SessionCookie("a=1"), transport=httpx.MockTransport(answer)) as ada:
        ada.me()
        ada.as_(None).me()
    assert sent == ["a=1", None]


def test_secrets_are_not_shown_when_a_credential_is_printed() -> None:
    for credential in (ServiceToken("secret", "ada"), BearerToken("secret"), SessionCookie("secret")):
        assert "secret" not in repr(credential)


def methods_of(client: type) -> set[str]:
    return {name for name in dir(client) if not name.startswith("_")} - {"close", "aclose", "send", "as_"}


def test_both_clients_have_the_same_methods() -> None:
    assert methods_of(Client) == methods_of(AsyncClient)
    assert set(re.findall(r"`(\w+)`", README.read_text())) >= methods_of(Client)


def test_asynchronous_client_walks_lists_and_runs_calls_of_many_requests(
    url: str, service: ServiceToken, stored: Database
) -> None:
    async def run() -> None:
        async with AsyncClient(url, service) as likes:
            answer = await likes.import_lines({"kind": "question", "id": f"n{number}"} for number in range(1_001))
            assert answer == {"imported": 1_001, "failed": []}
            ada = likes.as_(service.for_("ada"))
            await asyncio.gather(*(ada.set_vote(("question", f"n{number}"), 1) for number in range(30)))
            assert len([vote async for vote in ada.my_votes("question", limit=20)]) == 30

    asyncio.run(run())
    stored["questions"].delete_many({"_id": {"$regex": "^n"}})


def test_readme_works_as_it_stands(
    url: str, service: ServiceToken, stored: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    stored["questions"].insert_one({"_id": "q_1"})
    names: dict[str, Any] = {"URL": url, "TOKEN": service.token, "COOKIE": session_of("ada")}
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        exec(compile(block, README, "exec"), names)
    assert names["page"][0]["vote"] == 1
    assert capsys.readouterr().out.splitlines()[1].startswith("404 not_found Not found ")
    # The toggle took the vote of the first block back.
    assert stored["questions"].find_one({"_id": "q_1"})["likedBy"] == []
    stored["questions"].delete_one({"_id": "q_1"})


def test_readme_of_typescript_works_as_it_stands(
    url: str, service: ServiceToken, stored: Database, tmp_path: Path
) -> None:
    stored["questions"].insert_one({"_id": "q_1"})
    (block,) = re.findall(r"```ts\n(.*?)```", TYPESCRIPT_README.read_text(), re.DOTALL)
    given = f"const URL = {json.dumps(url)}, TOKEN = {json.dumps(service.token)};\n"
    source, index = tmp_path / "readme.mts", built() / "index.js"
    source.write_text(given + block.replace('"likes-client"', json.dumps(str(index))))
    options = ["--strict", "--target", "es2022", "--module", "nodenext", "--lib", "es2022,dom", "--skipLibCheck"]
    tsc = TYPESCRIPT / "node_modules" / ".bin" / "tsc"
    subprocess.run([tsc, source, *options, "--outDir", tmp_path], check=True, timeout=120)
    said = subprocess.run(["node", tmp_path / "readme.mjs"], check=True, capture_output=True, text=True, timeout=60)
    voter, error = said.stdout.splitlines()
    assert voter.startswith("ada ")
    assert error.startswith("404 not_found Not found ")
    assert stored["questions"].find_one({"_id": "q_1"})["likedBy"] == ["ada"]
    stored["questions"].delete_one({"_id": "q_1"})


def test_typescript_client_has_every_method_of_the_python_client() -> None:
    names = set(re.findall(r"`(\w+)`", TYPESCRIPT_README.read_text()))
    methods = {re.sub("_(.)", lambda match: match[1].upper(), name) for name in methods_of(Client)}
    assert names >= methods
    declared = "".join((built() / f"{name}.d.ts").read_text() for name in ("likes", "admin"))
    assert set(re.findall(r"^    (\w+)(?:<.*>)?\(", declared, re.MULTILINE)) >= methods


def test_package_says_that_it_is_typed() -> None:
    assert Path(likes_client.__file__).with_name("py.typed").exists()
