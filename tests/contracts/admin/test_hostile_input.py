"""Whatever an administrator sends is done or refused, and never an error of ours."""

import json
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from harness.documents import emptied_afterwards
from likes_api.mongodb.documents import Database
from tests.support.admin import COLLECTIONS, FIELDS, NDJSON, PERSON, REQUIRED, USER, administrator, audit, content

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
NAMES = sorted({name for fields in [*FIELDS.values(), *REQUIRED.values(), PERSON, USER] for name in fields})
BODIES = st.dictionaries(st.sampled_from(NAMES) | TEXT, VALUES, max_size=4)
RESOURCES = [*(f"targets/{kind}" for kind in COLLECTIONS), "people", "users"]
LINES = st.dictionaries(st.sampled_from(["kind", "id", "guid", "likedBy", *NAMES]), VALUES, max_size=5)


@pytest.mark.parametrize("resource", RESOURCES)
@given(id_=TEXT, method=st.sampled_from(["PUT", "PATCH", "GET", "DELETE"]), body=BODIES)
def test_request_is_done_or_refused_and_nothing_is_stored_behind_an_error(
    module_database: Database, app: Flask, resource: str, id_: str, method: str, body: dict[str, Any]
) -> None:
    with emptied_afterwards(module_database):
        admin = administrator(app, module_database)
        answer = admin.ask(method, f"/admin/{resource}/{quote(id_, safe='')}", body)
        assert answer.status_code in {200, 201, 204, 400, 404, 405}
        if answer.status_code >= 400:
            assert list(answer.get_json()) == ["error"]
        if answer.status_code in {200, 201}:
            assert {name: answer.get_json()[name] for name in body} == body
            assert len(audit(module_database)) == 1
        else:
            assert (content(module_database), audit(module_database)) == ({}, [])


@pytest.mark.parametrize("path", ["sessions", "tokens", "people/x", "targets/entry/x"])
@given(data=st.binary(max_size=60) | BODIES.map(lambda body: json.dumps(body).encode()))
def test_body_is_refused_when_it_is_nothing_of_ours(
    module_database: Database, app: Flask, path: str, data: bytes
) -> None:
    with emptied_afterwards(module_database):
        admin = administrator(app, module_database)
        method = "PUT" if "/" in path else "POST"
        answer = admin.ask(method, f"/admin/{path}", data=data, content_type="application/json")
        assert answer.status_code in {201, 400}


@given(lines=st.lists(st.binary(max_size=60) | LINES.map(lambda line: json.dumps(line).encode()), max_size=6))
def test_import_counts_each_line_as_good_or_bad(module_database: Database, app: Flask, lines: list[bytes]) -> None:
    with emptied_afterwards(module_database):
        admin = administrator(app, module_database)
        response = admin.ask("POST", "/admin/import", data=b"\n".join(lines), content_type=NDJSON)
        *bad, last = [json.loads(line) for line in response.data.splitlines()]
        sent = [line for line in b"\n".join(lines).split(b"\n") if line.strip()]
        assert last == {"imported": len(sent) - len(bad), "failed": len(bad)}
        assert all(sorted(line) == ["error", "line"] for line in bad)
