"""The data of contract 3: likes with their authors. Requests have nothing but guids in URLs."""

from collections.abc import Callable, Iterable, Mapping
from typing import NotRequired, TypedDict

from likes_api.repository.people import Person


class Author(TypedDict):
    """The person who likes."""

    guid: str
    diaspora_id: str
    name: str
    avatar: NotRequired[str]


class Like(TypedDict):
    """One like of a list."""

    guid: str
    author: Author


def dump_likes(likers: Iterable[str], people: Mapping[str, Person], guid_of: Callable[[str], str]) -> list[Like]:
    """Write a list of likes, in the order of ``likers``; those of people who are gone are left out.

    :param guid_of: names the like of a liker.
    """
    return [{"guid": guid_of(liker), "author": _author(people[liker])} for liker in likers if liker in people]


def _author(person: Person) -> Author:
    author: Author = {"guid": person.guid, "diaspora_id": person.diaspora_id, "name": person.name}
    if person.avatar:
        author["avatar"] = person.avatar
    return author
