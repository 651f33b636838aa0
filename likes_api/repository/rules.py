"""The rules of a target, which say who may see it and vote on it: read in one round trip with its votes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from likes_api.mongodb.documents import Document

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Rules(Generic[R]):
    """The stages and fields by which the rules of one kind of target are read.

    :param stages: of an aggregation on their collection, behind the match by id; they leave out what nobody who asks
        may see.
    :param fields: what a projection takes along, under names that are none of a tally's.
    :param read: makes the rules of a document so projected.
    """

    stages: Sequence[Document]
    fields: Document
    read: Callable[[Mapping[str, Any]], R]


NO_RULES: Rules[None] = Rules((), {}, lambda _: None)
