"""Targets of all types, with the rules of each: for one that is voted on, and for many that are read."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from likes_api.contracts.host import policy
from likes_api.identity.caller import Caller
from likes_api.repository import rules
from likes_api.repository.entries import EntryRepository
from likes_api.repository.posts import PostRepository
from likes_api.repository.votes.repository import VoteRepository
from likes_api.votes import NO_VOTES, Tally, Target, TargetKind

Found = tuple[Tally, policy.Rules]


class Targets:
    """Read targets as a caller may see them."""

    def __init__(self, votes: VoteRepository, entries: EntryRepository, posts: PostRepository) -> None:
        self._votes = votes
        self._entries = entries
        self._posts = posts

    def rules_of(self, target: Target, caller: Caller) -> policy.Rules:
        """Read the rules of one target: a round trip for entries, posts and comments, none for a host's documents.

        :raises TargetNotFound: it does not exist, or is not visible; of a host's documents the vote itself says so.
        """
        if target.kind is TargetKind.ENTRY:
            return self._entries.policy(target.id)
        if target.kind in policy.OF_PEOPLE:
            return self._posts.policy(target, policy.reader_of_posts(caller))
        return None

    def read(self, kind: TargetKind, ids: Sequence[str], caller: Caller | None) -> dict[str, Found]:
        """Read targets of one type, with the caller's own votes and their rules; what is not visible is left out.

        One round trip, and one more for all that have many votes.
        """
        found: dict[str, Found] = {
            **self._votes.read(kind, ids, policy.voter_of(kind, caller), self._rules(kind, caller))
        }
        if kind is TargetKind.ENTRY:
            unknown = [id_ for id_ in ids if id_ not in found]
            found |= {id_: (NO_VOTES, its) for id_, its in self._entries.to_be_made(unknown).items()}
        return found

    def make(self, target: Target) -> None:
        """Make an entry that its first like makes, in one round trip."""
        self._entries.make(target.id)

    def _rules(self, kind: TargetKind, caller: Caller | None) -> rules.Rules[Any]:
        if kind is TargetKind.ENTRY:
            return self._entries.rules
        return self._posts.rules(kind, policy.reader_of_posts(caller)) if kind in policy.OF_PEOPLE else rules.NO_RULES


def by_kind(targets: Iterable[Target]) -> Mapping[TargetKind, list[str]]:
    """Return the ids of targets by their type, each once."""
    ids: dict[TargetKind, dict[str, None]] = {}
    for target in targets:
        ids.setdefault(target.kind, {})[target.id] = None
    return {kind: list(each) for kind, each in ids.items()}
