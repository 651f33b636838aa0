"""The calls of the administration (section 10), for a service token with the scope ``admin``."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import httpx

from likes_client.answers import AnyTarget, AuditLine, BadLine, Content, Imported, Session, Token, VoteOn
from likes_client.calls import Call, Flow, Page, Pages, json_of, nothing, path
from likes_client.errors import ServiceUnavailable

Fields = Mapping[str, Any]
# An import is sent in parts: each is kept until it is answered, so that it can be sent again, and its answer is short
# enough for the buffers on the way, for it is read after the part is sent.
PART_LINES = 1_000
PART_BYTES = 1 << 20
AUDIT_LINES = 100


def put_target(target: AnyTarget, fields: Fields) -> Call[Content]:
    """Make a target or replace its fields; its votes stay."""
    return Call("PUT", _target(target), json_of, json=dict(fields))


def patch_target(target: AnyTarget, fields: Fields) -> Call[Content]:
    """Change some fields of a target. It is not sent again where it may have been applied."""
    return Call("PATCH", _target(target), json_of, json=dict(fields))


def get_target(target: AnyTarget) -> Call[Content]:
    """Return a target's fields and counts."""
    return Call("GET", _target(target), json_of)


def delete_target(target: AnyTarget) -> Call[None]:
    """Delete a target and its votes, a post with its comments; of questions and messages the votes alone."""
    return Call("DELETE", _target(target), nothing)


def put_person(guid: str, fields: Fields) -> Call[Content]:
    """Make a person or replace what is known of one."""
    return Call("PUT", path("admin", "people", guid), json_of, json=dict(fields))


def get_person(guid: str) -> Call[Content]:
    """Return a person."""
    return Call("GET", path("admin", "people", guid), json_of)


def delete_person(guid: str) -> Flow[None]:
    """Delete a person with tokens and likes."""
    return _until_done(Call("DELETE", path("admin", "people", guid), _done))


def put_user(id_: str, fields: Fields) -> Call[Content]:
    """Make a user or replace ``name``, ``email`` and ``image``."""
    return Call("PUT", path("admin", "users", id_), json_of, json=dict(fields))


def get_user(id_: str) -> Call[Content]:
    """Return a user."""
    return Call("GET", path("admin", "users", id_), json_of)


def delete_user(id_: str) -> Call[None]:
    """Delete a user and the sessions; votes stay."""
    return Call("DELETE", path("admin", "users", id_), nothing)


def create_session(user: str, *, expires_in: int | None = None) -> Call[Session]:
    """Sign a user in, for so many seconds (30 days). It is not sent again where it may have been applied."""
    return Call("POST", "/admin/sessions", json_of, json=_given(user=user, expires_in=expires_in))


def create_token(person: str, scopes: Sequence[str], *, expires_in: int | None = None) -> Call[Token]:
    """Make a person's bearer token, for so many seconds (a day); not sent again where it may have been applied."""
    body = _given(person=person, scopes=list(scopes), expires_in=expires_in)
    return Call("POST", "/admin/tokens", json_of, json=body)


def import_lines(lines: Iterable[Mapping[str, Any] | bytes]) -> Flow[Imported]:
    """Import content, people and users: import lines, as objects or as NDJSON without its line ends.

    They are sent in parts of up to 1,000 lines and 1 MiB. A part that was cut off is sent again, which does nothing
    twice.
    """
    imported, failed, first = 0, list[BadLine](), 0
    for part in _parts(lines):
        body = b"\n".join(part) + b"\n"
        headers = {"Content-Type": "application/x-ndjson"}
        bad, done = yield Call("POST", "/admin/import", _read_import, content=body, headers=headers, idempotent=True)
        imported += done
        failed += [{"line": first + each["line"], "error": each["error"]} for each in bad]
        first += len(part)
    return {"imported": imported, "failed": failed}


def audit(after: int = 0) -> Pages[AuditLine]:
    """Return the changes by administrators behind a number, the oldest first."""

    def read(response: httpx.Response) -> Page[AuditLine]:
        lines: list[AuditLine] = response.json()["lines"]
        return Page(lines, audit(lines[-1]["id"]) if len(lines) == AUDIT_LINES else None)

    return Call("GET", "/admin/audit", read, parameters={"after": after, "limit": AUDIT_LINES})


def export_voter(id_: str) -> Call[list[VoteOn]]:
    """Return every vote of a voter."""
    return Call("GET", path("admin", "voters", id_, "export"), _ndjson)


def erase_voter(id_: str) -> Flow[None]:
    """Take back every vote of a voter."""
    return _until_done(Call("DELETE", path("admin", "voters", id_), _done))


def merge_voter(id_: str, into: str) -> Flow[None]:
    """Make the votes of a voter another's; where both voted, the other's stands."""
    return _until_done(Call("POST", path("admin", "voters", id_, "merge"), _done, json={"into": into}, idempotent=True))


def _until_done(call: Call[bool]) -> Flow[None]:
    """Send a call until nothing is left to do."""
    while not (yield call):
        pass


def _done(response: httpx.Response) -> bool:
    """Whether nothing is left: 202 is an answer of a request whose time was over before."""
    return response.status_code != httpx.codes.ACCEPTED


def _target(target: AnyTarget) -> str:
    return path("admin", "targets", *target)


def _given(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _parts(lines: Iterable[Mapping[str, Any] | bytes]) -> Iterator[list[bytes]]:
    part, size = list[bytes](), 0
    for given in lines:
        line = given if isinstance(given, bytes) else json.dumps(given).encode()
        if part and (len(part) == PART_LINES or size + len(line) > PART_BYTES):
            yield part
            part, size = [], 0
        part.append(line)
        size += len(line) + 1
    if part:
        yield part


def _read_import(response: httpx.Response) -> tuple[list[BadLine], int]:
    """Return the bad lines, and how many were imported.

    :raises ServiceUnavailable: the import has not come to its end.
    """
    *bad, last = _ndjson(response) or [{}]
    if "imported" not in last:
        raise ServiceUnavailable(503, str(last.get("error", "the answer is not whole")), headers=response.headers)
    return bad, last["imported"]


def _ndjson(response: httpx.Response) -> list[Any]:
    return [json.loads(line) for line in response.content.splitlines()]
