"""The lists of the host API: the voters of a target, and the votes of the caller."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from flask import Request

from likes_api.contracts.host import errors, policy, schemas
from likes_api.contracts.host.targets import Targets
from likes_api.http.cursors import Cursors
from likes_api.identity.bearer import Scope
from likes_api.identity.caller import Caller, CallerKind
from likes_api.identity.service_token import ON_BEHALF_OF, act_for
from likes_api.repository.names import NameRepository
from likes_api.repository.votes.lists.votes_of_voter import Place, VotesOfVoter
from likes_api.repository.votes.repository import VoteRepository
from likes_api.votes import Target, TargetKind, TargetNotFound, Vote

MAX_LIMIT, DEFAULT_LIMIT = 100, 50


class VotersFor(StrEnum):
    """The callers whom ``LIKES_VOTERS`` lets see the voters of entries, questions and messages."""

    NOBODY = "nobody"
    USERS = "users"
    EVERYONE = "everyone"


@dataclass(frozen=True, slots=True)
class Lists:
    """Read lists, a page at a time."""

    targets: Targets
    votes: VoteRepository
    votes_of_voter: VotesOfVoter
    names: NameRepository
    cursors: Cursors
    voters_for: VotersFor

    def voters(
        self, target: Target, caller: Caller, request: Request, check_limit: Callable[[], None]
    ) -> dict[str, Any]:
        """List the voters of a target: two round trips and one for the names; one more each where it has many votes.

        :raises Refused: 400, a parameter is invalid.
        :raises InvalidCursor:
        :raises policy.VotersArePrivate: nobody sees them.
        :raises policy.OtherCredential: users see them alone.
        :raises TargetNotFound: it does not exist, or is not visible.
        :raises policy.NotAllowed: the post is private to this token.
        """
        vote = _load_vote(request) or Vote.UP
        limit = _load_limit(request)
        of = ("voters", target.kind.value, target.id, vote.value)
        after = self.cursors.load(of, request.args.get("cursor"))
        policy.require_scope(target.kind, caller, writes=False)
        check_limit()
        found = self.targets.read(target.kind, [target.id], caller).get(target.id)
        if found is None:
            raise TargetNotFound(target)
        rules = found[1]
        self._require_may_see_voters(target.kind, rules, caller)
        if policy.is_to_be_made(rules):
            return {"voters": [], "guests": 0, "total": 0, "next": None}
        page = self.votes.voters(target, vote, after, limit)
        names = self.names.names_of(page.ids, people_first=target.kind in policy.OF_PEOPLE)
        return {
            "voters": [{"id": id_} | ({"name": names[id_]} if id_ in names else {}) for id_ in page.ids],
            "guests": page.guests,
            "total": page.total,
            "next": self.cursors.dump(of, page.ids[-1]) if page.more else None,
        }

    def votes_of(self, caller: Caller, request: Request, check_limit: Callable[[], None]) -> dict[str, Any]:
        """List the votes of the caller, or of the one for whom a service asks, in one round trip.

        :raises Refused: 400, a parameter is invalid.
        :raises InvalidCursor:
        :raises policy.OtherCredential: the credential is for targets of other types.
        :raises policy.InsufficientScope:
        :raises MissingOnBehalfOf: a service does not say for whom.
        """
        kind = None if (type_ := request.args.get("type")) is None else schemas.load_kind(type_)
        vote, limit = _load_vote(request), _load_limit(request)
        # The id and the scopes are the same, whether a user or a person is asked for.
        voter = act_for(caller, request.headers.get(ON_BEHALF_OF), policy.caller_kind(kind or TargetKind.ENTRY))
        kinds = policy.kinds_of(caller) if kind is None else frozenset({kind})
        of = ("votes", voter.id, kind and kind.value, vote and vote.value)
        after = self.cursors.load(of, request.args.get("cursor"))
        for each in kinds:
            policy.require_credential(each, caller, writes=True)
            policy.require_scope(each, voter, writes=False)
        check_limit()
        page = self.votes_of_voter.page(
            voter.id,
            kinds,
            list(Vote) if vote is None else [vote],
            None if after is None else Place.load(after),
            limit,
            private=Scope.PRIVATE_READ in voter.scopes,
        )
        return {
            "votes": [schemas.dump_listed(on, cast) for on, cast in page.votes],
            "next": None if page.end is None else self.cursors.dump(of, page.end.dump()),
        }

    def _require_may_see_voters(self, kind: TargetKind, rules: policy.Rules, caller: Caller) -> None:
        """Refuse who may not see voters: of posts and comments by contract 3's rules, of others by the setting."""
        if not policy.may_read(rules, caller):
            raise policy.NotAllowed
        if kind in policy.OF_PEOPLE or caller.kind is CallerKind.SERVICE or self.voters_for is VotersFor.EVERYONE:
            return
        if self.voters_for is VotersFor.NOBODY:
            raise policy.VotersArePrivate
        if caller.kind is not CallerKind.USER:
            raise policy.OtherCredential


def _load_vote(request: Request) -> Vote | None:
    word = request.args.get("vote")
    if word is not None and word not in list(Vote):
        raise errors.invalid("vote")
    return None if word is None else Vote(word)


def _load_limit(request: Request) -> int:
    word = request.args.get("limit", str(DEFAULT_LIMIT))
    # Of a longer one the number itself would take time.
    if not (word.isascii() and word.isdigit() and len(word) <= len(str(MAX_LIMIT)) and 1 <= int(word) <= MAX_LIMIT):
        raise errors.invalid("limit")
    return int(word)
