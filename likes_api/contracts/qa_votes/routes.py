"""The one route of contract 1. Checks come in the order of ``CONTRACTS.md`` section 1."""

from collections.abc import Container
from typing import Any

from flask import Blueprint
from flask.globals import request_ctx

from likes_api import metrics
from likes_api.contracts.qa_votes import interface, schemas
from likes_api.http import idempotency, json_body, origin
from likes_api.http.accepts import accepts
from likes_api.http.interface import describes
from likes_api.http.rate_limits.limits import RateLimits
from likes_api.identity.caller import Authenticator, Caller, Credential
from likes_api.mongodb.documents import Session
from likes_api.repository.idempotency_keys import IdempotencyRepository
from likes_api.repository.votes.repository import VoteRepository
from likes_api.votes import action_of_toggle

ACCEPTED = frozenset({Credential.SESSION, Credential.JWT})


def create_blueprint(
    votes: VoteRepository,
    records: IdempotencyRepository,
    authenticator: Authenticator,
    rate_limits: RateLimits,
    *,
    limit: str,
    allowed_origins: Container[str],
) -> Blueprint:
    """Make the blueprint.

    :param limit: votes per user, in Flask-Limiter's notation.
    :param allowed_origins: origins besides our own whose pages may vote.
    """
    blueprint = Blueprint("qa_votes", __name__)
    by_user = rate_limits.declare("qa-vote", limit)

    @blueprint.post("/api/likes")
    @accepts(*ACCEPTED)
    @describes(interface.VOTE)
    def vote() -> dict[str, Any]:
        # Once: flask.request is looked up each time it is named, which adds up to more than reading the body takes.
        request = request_ctx.request
        caller = authenticator.require(request, ACCEPTED)
        origin.require_ours(request, allowed_origins)
        json_body.require_json(request)
        body = json_body.json_object(request)
        ballot = schemas.load_ballot(body)
        key = idempotency.key_of(request, caller.id, body)
        rate_limits.check((by_user, caller.id))
        answer, repeated = idempotency.once(records, key, lambda session: _toggle(votes, ballot, caller, session))
        if not repeated:
            metrics.count_vote(blueprint.name, answer["action"])
        return answer

    return blueprint


def _toggle(votes: VoteRepository, ballot: schemas.Ballot, voter: Caller, session: Session | None) -> dict[str, Any]:
    # One round trip. A JWT, in a cookie or as a bearer token, costs none; a database session has cost one, to find the
    # user.
    tally = votes.toggle(ballot.target, voter.id, ballot.vote, session)
    return schemas.dump_answer(action_of_toggle(ballot.vote, tally.own), tally)
