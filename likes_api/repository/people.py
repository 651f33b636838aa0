"""People as the authors of likes."""

from collections.abc import Collection
from dataclasses import dataclass

from likes_api.mongodb import collections
from likes_api.mongodb.documents import Database


@dataclass(frozen=True, slots=True)
class Person:
    """A person as others see them."""

    guid: str
    diaspora_id: str
    name: str
    avatar: str | None


class PeopleRepository:
    """Read people."""

    def __init__(self, database: Database) -> None:
        self._people = collections.get(database, collections.PEOPLE)

    def by_guids(self, guids: Collection[str]) -> dict[str, Person]:
        """Read many people in one round trip, or none for an empty list; those who do not exist are left out.

        :raises likes_api.repository.StoreError: the database did not answer.
        """
        if not guids:
            return {}
        # Whom somebody ignores is nobody else's business, and may be long.
        shown = {"diaspora_id": 1, "name": 1, "avatar": 1}
        # Room for all in the first batch, and for one more, or the server would not know the end.
        found = self._people.find({"_id": {"$in": list(guids)}}, shown, batch_size=len(guids) + 1)
        return {
            each["_id"]: Person(each["_id"], each["diaspora_id"], each["name"], each.get("avatar")) for each in found
        }
