"""The rules that an entry's owner has set for likes on it."""

from dataclasses import dataclass

from likes_api.mongodb import collections
from likes_api.mongodb.documents import Database
from likes_api.votes import Target, TargetKind, TargetNotFound


@dataclass(frozen=True, slots=True)
class EntryPolicy:
    """Whether an entry takes likes, and from guests.

    :param guest_allowed: ``None`` where the entry leaves it to the application's setting.
    """

    locked: bool
    guest_allowed: bool | None


class EntryRepository:
    """Read entries. Every method may raise :class:`likes_api.repository.StoreError`."""

    def __init__(self, database: Database) -> None:
        self._entries = collections.get(database, collections.ENTRIES)

    def policy(self, entry_id: str) -> EntryPolicy:
        """Read one entry's policy, in one round trip; missing fields mean not locked, and no rule for guests.

        :raises TargetNotFound: there is no such entry.
        """
        found = self._entries.find_one({"_id": entry_id}, {"_id": 0, "locked": 1, "guest_allowed": 1})
        if found is None:
            raise TargetNotFound(Target(TargetKind.ENTRY, entry_id))
        guest_allowed = found.get("guest_allowed")
        return EntryPolicy(bool(found.get("locked")), None if guest_allowed is None else bool(guest_allowed))
