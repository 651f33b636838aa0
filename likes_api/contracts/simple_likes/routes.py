"""The three routes of contract 2. Checks come in the order of ``CONTRACTS.md`` section 2."""

from collections.abc import Container
from typing import Any

from flask import Blueprint, Response, jsonify, request

from config.settings import Limits
from likes_api import metrics
from likes_api.contracts.simple_likes import interface, policy, schemas
from likes_api.http import idempotency, json_body, origin
from likes_api.http.accepts import accepts
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

ACCEPTED = frozenset({Credential.SESSION, Credential.JWT, Credential.GUEST})


def create_blueprint(
    votes: VoteRepository,
    entries: EntryRepository,
    records: IdempotencyRepository,
    authenticator: Authenticator,
    rate_limits: RateLimits,
    *,
    limits: Limits,
    guest_likes: bool,
    allowed_origins: Container[str],
) -> Blueprint:
    """Make the blueprint.

    :param guest_likes: whether guests may like entries that do not say so themselves.
    :param allowed_origins: origins besides our own whose pages may like.
    """
    blueprint = Blueprint("simple_likes", __name__, url_prefix="/!/simple-likes")
    by_address = rate_limits.declare("toggle-address", limits.toggle_address)
    by_address_at_once = rate_limits.declare("toggle-burst", limits.toggle_burst)
    by_user = rate_limits.declare("toggle-user", limits.toggle_user)
    by_user_and_entry = rate_limits.declare("toggle-entry", limits.toggle_entry)
    status_by_address = rate_limits.declare("status", limits.status)

    @blueprint.post("/<entry_id>/toggle")
    @accepts(*ACCEPTED)
    @describes(interface.TOGGLE)
    def toggle(entry_id: str) -> dict[str, Any]:
        json_body.require_json(request)
        origin.require_ours(request, allowed_origins)
        _require_csrf_token()
        caller = _caller(authenticator)
        address = network(request.remote_addr)
        # A visitor without a valid credential counts as a guest.
        user = (caller or authenticator.guest(request)).id
        rate_limits.check(
            (by_address, address),
            (by_address_at_once, address),
            (by_user, user),
            (by_user_and_entry, f"{entry_id}|{user}"),
        )
        target = Target(TargetKind.ENTRY, schemas.load_entry_id(entry_id))
        json_body.require_json_or_nothing(request)
        # Without a valid session there is no answer that could be remembered.
        key = idempotency.key_of(request, caller.id if caller else "", None)
        answer, repeated = idempotency.once(records, key, lambda session: like(target, caller, session))
        if not repeated:
            metrics.count_vote(blueprint.name, Action.LIKED if answer["user_has_liked"] else Action.UNLIKED)
        return answer

    def like(target: Target, caller: Caller | None, session: Session | None) -> dict[str, Any]:
        # Two round trips: what the entry's owner allows, and the vote; one more where a like makes the entry. A JWT, in
        # a cookie or as a bearer token, costs none; a database session has cost one, to find the user.
        entry = entries.policy(target.id, session)
        voter = policy.require_may_like(entry, caller, guest_likes=guest_likes)
        if not entry.exists:
            entries.make(target.id, session)
        tally = votes.toggle(target, voter.id, Vote.UP, session)
        return schemas.dump_answer(tally)

    @blueprint.get("/status")
    @accepts(*ACCEPTED)
    @describes(interface.STATUS)
    def status() -> Response:
        rate_limits.check((status_by_address, network(request.remote_addr)))
        ids = schemas.load_ids(request.args.getlist("ids"))
        caller = _caller(authenticator)
        # One round trip, whatever the number of ids, and one to find the user of a database session.
        tallies = votes.tallies(TargetKind.ENTRY, ids, caller.id if caller else None)
        to_be_made = entries.to_be_made(id_ for id_ in ids if id_ not in tallies)
        return _private(schemas.dump_status(ids, tallies | dict.fromkeys(to_be_made, NO_VOTES)))

    @blueprint.get("/csrf-token")
    @accepts()
    @describes(interface.CSRF_TOKEN)
    def csrf_token() -> Response:
        return _private({"csrf_token": csrf.issue()})

    return blueprint


def _caller(authenticator: Authenticator) -> Caller | None:
    """Return the user, or the guest where there is no credential at all; ``None`` where there is an invalid one."""
    try:
        return authenticator.authenticate(request, ACCEPTED)
    except InvalidCredential:
        return None


def _require_csrf_token() -> None:
    # No page of another site can make a browser send a bearer token, and where there is one no cookie counts.
    if not authorization.bearer_tokens(request.headers.get("Authorization")):
        csrf.check()


def _private(body: dict[str, Any]) -> Response:
    """Return an answer that is this visitor's own and must not be cached."""
    response = jsonify(body)
    response.headers["Cache-Control"] = "private, no-store"
    return response
