"""The three routes of contract 2. Checks come in the order of ``CONTRACTS.md`` section 2."""

from collections.abc import Container
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, request

from config.settings import Limits
from likes_api import metrics
from likes_api.contracts.simple_likes import interface, policy, schemas
from likes_api.http import idempotency, json_body, origin
from likes_api.http.accepts import accepts
from likes_api.http.headers import private_json
from likes_api.http.interface import describes
from likes_api.http.rate_limits.limits import RateLimits
from likes_api.identity import authorization, csrf
from likes_api.identity.caller import Authenticator, Caller, Credential, InvalidCredential
from likes_api.identity.guest import network
from likes_api.mongodb.documents import Session
from likes_api.repository.entries import EntryRepository
from likes_api.repository.idempotency_keys import IdempotencyRepository
from likes_api.repository.votes.repository import VoteRepository
from likes_api.votes import NO_VOTES, Action, Target, TargetKind, Vote

NAME = "simple_likes"
ACCEPTED = frozenset({Credential.SESSION, Credential.JWT, Credential.GUEST})


@dataclass(frozen=True, slots=True)
class SimpleLikesSettings:
    """The operator's settings of contract 2.

    :param guest_likes: whether guests may like entries that do not say so themselves.
    :param allowed_origins: origins besides our own whose pages may like.
    """

    limits: Limits
    guest_likes: bool
    allowed_origins: Container[str]


def create_blueprint(
    votes: VoteRepository,
    entries: EntryRepository,
    records: IdempotencyRepository,
    authenticator: Authenticator,
    rate_limits: RateLimits,
    settings: SimpleLikesSettings,
) -> Blueprint:
    """Make the blueprint."""
    routes = _Routes(votes, entries, records, authenticator, rate_limits, settings)
    blueprint = Blueprint(NAME, __name__, url_prefix="/!/simple-likes")
    blueprint.add_url_rule("/<entry_id>/toggle", view_func=routes.toggle, methods=["POST"])
    blueprint.add_url_rule("/status", view_func=routes.status, methods=["GET"])
    blueprint.add_url_rule("/csrf-token", view_func=routes.csrf_token, methods=["GET"])
    return blueprint


class _Routes:
    """The views, and the steps that they share."""

    def __init__(
        self,
        votes: VoteRepository,
        entries: EntryRepository,
        records: IdempotencyRepository,
        authenticator: Authenticator,
        rate_limits: RateLimits,
        settings: SimpleLikesSettings,
    ) -> None:
        self._votes = votes
        self._entries = entries
        self._records = records
        self._authenticator = authenticator
        self._rate_limits = rate_limits
        self._settings = settings
        limits = settings.limits
        self._by_address = rate_limits.declare("toggle-address", limits.toggle_address)
        self._by_address_at_once = rate_limits.declare("toggle-burst", limits.toggle_burst)
        self._by_user = rate_limits.declare("toggle-user", limits.toggle_user)
        self._by_user_and_entry = rate_limits.declare("toggle-entry", limits.toggle_entry)
        self._status_by_address = rate_limits.declare("status", limits.status)

    @accepts(*ACCEPTED)
    @describes(interface.TOGGLE)
    def toggle(self, entry_id: str) -> dict[str, Any]:
        """Like an entry, or take the like back."""
        json_body.require_json(request)
        origin.require_ours(request, self._settings.allowed_origins)
        _require_csrf_token()
        caller = self._caller()
        self._check_limits(entry_id, caller)
        target = Target(TargetKind.ENTRY, schemas.load_entry_id(entry_id))
        json_body.require_json_or_nothing(request)
        # Without a valid session there is no answer that could be remembered.
        key = idempotency.key_of(request, caller.id if caller else "", None)
        answer, repeated = idempotency.once(self._records, key, lambda session: self._like(target, caller, session))
        if not repeated:
            metrics.count_vote(NAME, Action.LIKED if answer["user_has_liked"] else Action.UNLIKED)
        return answer

    @accepts(*ACCEPTED)
    @describes(interface.STATUS)
    def status(self) -> Response:
        """Read counts of a page's entries, and which of them the caller likes."""
        self._rate_limits.check((self._status_by_address, network(request.remote_addr)))
        ids = schemas.load_ids(request.args.getlist("ids"))
        caller = self._caller()
        # One round trip, whatever the number of ids, and one to find the user of a database session.
        tallies = self._votes.tallies(TargetKind.ENTRY, ids, caller.id if caller else None)
        to_be_made = self._entries.to_be_made(id_ for id_ in ids if id_ not in tallies)
        return private_json(schemas.dump_status(ids, tallies | dict.fromkeys(to_be_made, NO_VOTES)))

    @accepts()
    @describes(interface.CSRF_TOKEN)
    def csrf_token(self) -> Response:
        """Issue a token, and the cookie that it belongs to."""
        return private_json({"csrf_token": csrf.issue()})

    def _caller(self) -> Caller | None:
        """Return the user, or the guest where there is no credential; ``None`` where there is an invalid one."""
        try:
            return self._authenticator.authenticate(request, ACCEPTED)
        except InvalidCredential:
            return None

    def _check_limits(self, entry_id: str, caller: Caller | None) -> None:
        address = network(request.remote_addr)
        # A visitor without a valid credential counts as a guest.
        user = (caller or self._authenticator.guest(request)).id
        self._rate_limits.check(
            (self._by_address, address),
            (self._by_address_at_once, address),
            (self._by_user, user),
            (self._by_user_and_entry, f"{entry_id}|{user}"),
        )

    def _like(self, target: Target, caller: Caller | None, session: Session | None) -> dict[str, Any]:
        # Two round trips: what the entry's owner allows, and the vote; one more where a like makes the entry. A JWT, in
        # a cookie or as a bearer token, costs none; a database session has cost one, to find the user.
        entry = self._entries.policy(target.id, session)
        voter = policy.require_may_like(entry, caller, guest_likes=self._settings.guest_likes)
        if not entry.exists:
            self._entries.make(target.id, session)
        tally = self._votes.toggle(target, voter.id, Vote.UP, session)
        return schemas.dump_answer(tally)


def _require_csrf_token() -> None:
    # No page of another site can make a browser send a bearer token, and where there is one no cookie counts.
    if not authorization.bearer_tokens(request.headers.get("Authorization")):
        csrf.check()
