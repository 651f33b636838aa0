"""The rules that an entry's owner has set for likes on it, and entries that are made by their first like."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from likes_api.mongodb import collections
from likes_api.mongodb.documents import Database, Session
from likes_api.repository.batching.batched_reads import BatchedReads
from likes_api.repository.rules import Rules
from likes_api.votes import Target, TargetKind, TargetNotFound

# What contract 2 takes for an id.
ENTRY_ID = re.compile(r"[A-Za-z0-9_-]{1,255}")


@dataclass(frozen=True, slots=True)
class EntryPolicy:
    """Whether an entry takes likes, and from guests.

    :param guest_allowed: ``None`` where the entry leaves it to the application's setting.
    :param exists: whether it is there; otherwise its first like makes it.
    """

    locked: bool
    guest_allowed: bool | None
    exists: bool = True


_TO_BE_MADE = EntryPolicy(locked=False, guest_allowed=None, exists=False)


class EntryRepository:
    """Read entries, and make those that a like may make. Every method may raise ``StoreError``.

    :param made_from: the ids of entries that are made by their first like; none by default.
    """

    def __init__(self, database: Database, made_from: re.Pattern[str] | None = None) -> None:
        self._entries = collections.get(database, collections.ENTRIES)
        self._made_from = made_from
        self.rules: Rules[EntryPolicy] = Rules((), {"locked": 1, "guest_allowed": 1}, _policy)
        self._policies = BatchedReads(self._read_policies)

    def policy(self, entry_id: str, session: Session | None = None) -> EntryPolicy:
        """Read one entry's policy, in one round trip for all calls that meet.

        Missing fields mean not locked, and no rule for guests.

        :param session: the transaction of the like: what was made after that has begun is not there for either.
        :raises TargetNotFound: there is no such entry, and no like may make it.
        """
        if session is None:
            policy = self._policies.get(entry_id)
        else:
            policy = self._read_policies([entry_id], None, session).get(entry_id)
        policy = policy or self.to_be_made([entry_id]).get(entry_id)
        if policy is None:
            raise TargetNotFound(Target(TargetKind.ENTRY, entry_id))
        return policy

    def to_be_made(self, ids: Iterable[str]) -> dict[str, EntryPolicy]:
        """Return the policies of those entries, of ids that are not there, that a like may make."""
        return {id_: _TO_BE_MADE for id_ in ids if self._may_be_made(id_)}

    def make(self, entry_id: str, session: Session | None = None) -> None:
        """Make an entry without votes, in one round trip; one that is there stays as it is."""
        none: dict[str, Any] = {"upvotes": 0, "downvotes": 0, "likedBy": [], "dislikedBy": []}
        self._entries.update_one({"_id": entry_id}, {"$setOnInsert": none}, upsert=True, session=session)

    def _read_policies(
        self, ids: Collection[str], comment: str | None, session: Session | None = None
    ) -> dict[str, EntryPolicy]:
        found = self._entries.find(
            {"_id": {"$in": list(ids)}}, self.rules.fields, batch_size=len(ids) + 1, comment=comment, session=session
        )
        with found:
            return {each["_id"]: self.rules.read(each) for each in found}

    def _may_be_made(self, entry_id: str) -> bool:
        return bool(self._made_from and self._made_from.fullmatch(entry_id) and ENTRY_ID.fullmatch(entry_id))


def _policy(found: Mapping[str, Any]) -> EntryPolicy:
    guest_allowed = found.get("guest_allowed")
    return EntryPolicy(bool(found.get("locked")), None if guest_allowed is None else bool(guest_allowed))
