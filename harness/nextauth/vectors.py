"""Load ``vectors.json``, the cookies that ``make-vectors.mjs`` had the real packages make."""

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Vector:
    """The cookies of one session; ``user`` is ``None`` where they must be refused."""

    name: str
    by: str
    cookie: str
    secrets: tuple[str, ...]
    user: str | None
    expired: bool
    cookies: dict[str, str]


def load() -> list[Vector]:
    """Read all vectors, in the order in which they were made."""
    text = Path(__file__).with_name("vectors.json").read_text(encoding="utf-8")
    return [Vector(**entry | {"secrets": tuple(entry["secrets"])}) for entry in json.loads(text)["vectors"]]


def named(name: str) -> Vector:
    """Find one vector.

    :raises KeyError: there is none of this name.
    """
    return {vector.name: vector for vector in load()}[name]
