"""Check that the database is as the service needs it."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from config.settings import Settings
from likes_api.checks.finding import Finding, Level
from likes_api.mongodb import collections
from likes_api.mongodb.client import deadline
from likes_api.mongodb.documents import Database
from likes_api.mongodb.readiness import fault_of
from likes_api.repository import StoreError

OLDEST = (6, 0)
# Sessions, tokens and limits use our clock, TTL indexes that of MongoDB. Synchronized clocks differ by less.
MAX_SKEW_SECONDS = 1.0
# With fewer, an acknowledged vote is on one machine, or nothing is acknowledged while one member is down.
MEMBERS = 3
_SECONDS = 5.0
_SAMPLES = 5
# Of a date in BSON.
_RESOLUTION_SECONDS = 0.001
_WELL = frozenset({"PRIMARY", "SECONDARY", "ARBITER"})


def check(database: Database, settings: Settings) -> Iterator[Finding]:
    """Yield findings about the server, its replica set, the indexes and its clock."""
    fault = fault_of(database, _SECONDS)
    if fault is not None:
        yield Finding(Level.ERROR, "database", fault.value)
        return
    checks: dict[str, Callable[[Database, Settings], Finding]] = {
        "database": _version,
        "replica set": _replica_set,
        "indexes": _indexes,
        "clock": _clock,
    }
    for subject, look in checks.items():
        try:
            with deadline(_SECONDS):
                yield look(database, settings)
        except StoreError as error:  # the database user may lack the privilege
            yield Finding(Level.SKIPPED, subject, f"MongoDB refuses or is slow: {type(error).__name__}")


def _version(database: Database, _: Settings) -> Finding:
    version: str = database.client.server_info()["version"]
    recent = tuple(map(int, version.split(".")[:2])) >= OLDEST
    needed = "" if recent else f"; {'.'.join(map(str, OLDEST))} or newer is needed"
    return Finding(Level.OK if recent else Level.ERROR, "database", f"MongoDB {version}{needed}")


def _replica_set(database: Database, _: Settings) -> Finding:
    hello: dict[str, Any] = database.client.admin.command("hello")
    if hello.get("msg") == "isdbgrid":
        return Finding(Level.OK, "replica set", "a sharded cluster; its shards are not looked at")
    if "setName" not in hello:
        return Finding(
            Level.WARNING, "replica set", "none: a standalone server has no transactions, and no second copy of a vote"
        )
    status = database.client.admin.command("replSetGetStatus")
    members = {member["name"]: member["stateStr"] for member in status["members"]}
    faults = [f"{name} is {state}" for name, state in members.items() if state not in _WELL]
    bearing = sum(state != "ARBITER" for state in members.values())
    if bearing < MEMBERS:
        faults.append(f"{bearing} of {MEMBERS} members that hold data: a lost machine loses votes, or stops them")
    return Finding(Level.WARNING if faults else Level.OK, "replica set", "; ".join(faults) or f"{len(members)} members")


def _indexes(database: Database, settings: Settings) -> Finding:
    missing = [f"{collection}.{index}" for collection, index in collections.missing_indexes(database)]
    faults = [f"missing, the service makes them when it starts: {', '.join(missing)}"] if missing else []
    hosts = {collections.SESSIONS: "sessionToken"}
    if settings.qa_id_field != "_id":
        hosts |= dict.fromkeys((collections.QUESTIONS, collections.MESSAGES), settings.qa_id_field)
    faults += [
        f"{collection} has none on {field}: each request reads the whole collection"
        for collection, field in hosts.items()
        if not collections.is_found_by(database, collection, field)
    ]
    return Finding(Level.WARNING if faults else Level.OK, "indexes", "; ".join(faults) or "all there")


def _clock(database: Database, _: Settings) -> Finding:
    """Compare clocks by the answer that came back soonest; its round-trip time is the uncertainty."""
    uncertain, behind = min(_skew(database) for _ in range(_SAMPLES))
    differs = abs(behind) - uncertain > MAX_SKEW_SECONDS
    direction = "behind" if behind > 0 else "ahead of"
    text = f"{abs(behind):.3f} s {direction} MongoDB's, give or take {uncertain:.3f} s"
    return Finding(Level.WARNING if differs else Level.OK, "clock", text)


def _skew(database: Database) -> tuple[float, float]:
    """Return the uncertainty, and how far our clock is behind."""
    began = time.perf_counter()
    theirs: datetime = database.client.admin.command("hello")["localTime"]
    half = (time.perf_counter() - began) / 2
    return half + _RESOLUTION_SECONDS, (theirs.replace(tzinfo=UTC) - _now()).total_seconds() + half


def _now() -> datetime:
    return datetime.now(UTC)
