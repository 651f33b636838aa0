"""The data of contract 2: ids, and counts with the visitor's own like."""

from collections.abc import Mapping, Sequence
from typing import Any

from likes_api.repository.entries import ENTRY_ID
from likes_api.votes import Tally

MAX_IDS = 50


class InvalidId(ValueError):
    """An entry's id is malformed, or there are none or too many of them."""


def load_entry_id(value: str) -> str:
    """Read an entry's id.

    :raises InvalidId: it is not 1-255 of ``[A-Za-z0-9_-]``.
    """
    if not ENTRY_ID.fullmatch(value):
        raise InvalidId
    return value


def load_ids(parameters: Sequence[str]) -> list[str]:
    """Read ``?ids=a,b``, each id once, in the order given; ``?ids=a&ids=b`` says the same.

    Blanks around an id are trimmed, and what is no id is skipped, as the original addon does.

    :raises InvalidId: no id is left, or more than 50 are.
    """
    given = (id_.strip() for parameter in parameters for id_ in parameter.split(","))
    ids = [id_ for id_ in given if ENTRY_ID.fullmatch(id_)]
    if not 1 <= len(ids) <= MAX_IDS:
        raise InvalidId
    return list(dict.fromkeys(ids))


def dump_answer(tally: Tally) -> dict[str, Any]:
    """Write the answer to a toggle."""
    return {"likes_count": _count(tally), "user_has_liked": tally.liked}


def dump_status(ids: Sequence[str], tallies: Mapping[str, Tally]) -> dict[str, Any]:
    """Write the status of the entries that exist, in the order asked for."""
    return {id_: {"count": _count(tallies[id_]), "liked": tallies[id_].liked} for id_ in ids if id_ in tallies}


def _count(tally: Tally) -> int:
    return tally.boost + tally.upvotes
