"""The routes of the host API. Checks come in the order of ``CONTRACTS.md`` section 8."""

from collections.abc import Container
from dataclasses import dataclass
from functools import partial
from typing import Any

from flask import Blueprint, Response, jsonify, request

from likes_api import metrics
from likes_api.contracts.host import callers, errors, interface, policy, schemas
from likes_api.contracts.host.lists import Lists
from likes_api.contracts.host.policy import Value
from likes_api.contracts.host.targets import Targets, by_kind
from likes_api.http import json_body, origin
from likes_api.http.accepts import accepts
from likes_api.http.headers import private_json
from likes_api.http.interface import describes
from likes_api.http.rate_limits.limits import RateLimits
from likes_api.http.wsgi import paths
from likes_api.identity import authorization
from likes_api.identity.caller import Authenticator, Caller, CallerKind
from likes_api.identity.guest import network
from likes_api.identity.service_token import ServiceScope
from likes_api.repository.votes.repository import VoteRepository
from likes_api.votes import NO_VOTES, Tally, Target, TargetKind, TargetNotFound

NAME = "host"
# Two hundred targets with ids of some hundred bytes.
MAX_STATUS_BYTES = 128 * 1024
# Seconds for which anybody may keep counts; a cache may go on with older ones while it asks for new ones (RFC 5861).
_SHARED = "public, max-age=5, stale-while-revalidate=30"
_DONE = {Value.UP: "liked", Value.DOWN: "downvoted", Value.NONE: "cleared"}


@dataclass(frozen=True, slots=True)
class HostSettings:
    """The operator's settings of the host API.

    :param vote_limit: votes per caller, in Flask-Limiter's notation; a guest is the address that asks.
    :param status_limit: reads per address, counted together with contract 2's status.
    :param guest_likes: whether guests may like entries that do not say so themselves.
    :param allowed_origins: origins besides our own whose pages may vote.
    """

    vote_limit: str
    status_limit: str
    guest_likes: bool
    allowed_origins: Container[str]


def create_blueprint(
    authenticator: Authenticator,
    votes: VoteRepository,
    targets: Targets,
    lists: Lists,
    rate_limits: RateLimits,
    settings: HostSettings,
) -> Blueprint:
    """Make the blueprint."""
    routes = _Routes(authenticator, votes, targets, lists, rate_limits, settings)
    blueprint = Blueprint(NAME, __name__, url_prefix=errors.PREFIX)
    vote = "/targets/<type_>/<id_>/vote"
    blueprint.add_url_rule(vote, view_func=routes.put_vote, methods=["PUT"])
    blueprint.add_url_rule(vote, view_func=routes.delete_vote, methods=["DELETE"])
    blueprint.add_url_rule(vote, view_func=routes.get_vote, methods=["GET"])
    blueprint.add_url_rule("/votes/status", view_func=routes.post_status, methods=["POST"])
    blueprint.add_url_rule("/counts", view_func=routes.get_counts, methods=["GET"])
    blueprint.add_url_rule("/me", view_func=routes.get_me, methods=["GET"])
    blueprint.add_url_rule("/me/votes", view_func=routes.get_votes, methods=["GET"])
    blueprint.add_url_rule("/targets/<type_>/<id_>/voters", view_func=routes.get_voters, methods=["GET"])
    return blueprint


class _Routes:
    """The views, and the steps that they share."""

    def __init__(
        self,
        authenticator: Authenticator,
        votes: VoteRepository,
        targets: Targets,
        lists: Lists,
        rate_limits: RateLimits,
        settings: HostSettings,
    ) -> None:
        self._authenticator = authenticator
        self._votes = votes
        self._targets = targets
        self._lists = lists
        self._rate_limits = rate_limits
        self._settings = settings
        self._by_caller = rate_limits.declare("vote", settings.vote_limit)
        self._status_by_address = rate_limits.declare("status", settings.status_limit)

    @accepts(*callers.ACCEPTED)
    @describes(interface.PUT_VOTE)
    def put_vote(self, type_: str, id_: str) -> Response:
        """Set the caller's vote."""
        caller = self._writing(type_)
        json_body.require_json(request)
        body = json_body.json_object(request)
        target = _target(type_, id_)
        return self._cast(caller, target, schemas.load_value(body))

    @accepts(*callers.ACCEPTED)
    @describes(interface.DELETE_VOTE)
    def delete_vote(self, type_: str, id_: str) -> Response:
        """Take back the caller's vote."""
        caller = self._writing(type_)
        json_body.discard(request)
        return self._cast(caller, _target(type_, id_), Value.NONE)

    @accepts(*callers.ACCEPTED)
    @describes(interface.GET_VOTE)
    def get_vote(self, type_: str, id_: str) -> Response:
        """Read a target's counts and the caller's own vote."""
        caller = self._authenticator.require(request, callers.ACCEPTED)
        _require_credential(type_, caller, writes=False)
        target = _target(type_, id_)
        reader = callers.reader(caller, target.kind, request)
        policy.require_scope(target.kind, reader, writes=False)
        self._check_status_limit(caller)
        # One round trip, and one more where the target has many votes.
        for tally, rules in self._targets.read(target.kind, [target.id], reader).values():
            if not policy.may_read(rules, reader):
                raise policy.NotAllowed
            return private_json(schemas.dump_vote(tally))
        raise TargetNotFound(target)

    @accepts(*callers.ACCEPTED)
    @describes(interface.POST_STATUS)
    def post_status(self) -> Response:
        """Read the state of a page's targets, in at most two round trips for each type."""
        request.max_content_length = MAX_STATUS_BYTES
        caller = self._authenticator.require(request, callers.ACCEPTED)
        json_body.require_json(request)
        asked = schemas.load_asked(json_body.json_object(request))
        policy.require_service_scope(caller, ServiceScope.VOTES_READ)
        self._check_status_limit(caller)
        found: dict[Target, dict[str, Any]] = {}
        for kind, ids in by_kind(asked).items():
            found |= self._states(kind, ids, callers.reader(caller, kind, request))
        return private_json({"targets": [found[target] for target in asked if target in found]})

    @accepts()
    @describes(interface.GET_COUNTS)
    def get_counts(self) -> Response:
        """Read counts that anybody may keep, in at most two round trips for each type."""
        asked = schemas.load_counted(request.args.getlist("target"))
        found = {kind: self._targets.read(kind, ids, None) for kind, ids in by_kind(asked).items()}
        tallies = {each: found[each.kind][each.id][0] for each in asked if each.id in found[each.kind]}
        response = jsonify(schemas.dump_counts(tallies))
        response.headers["Cache-Control"] = _SHARED
        response.add_etag()
        response.make_conditional(request)
        return response

    @accepts(*callers.ACCEPTED)
    @describes(interface.GET_ME)
    def get_me(self) -> Response:
        """Return the caller."""
        return private_json(schemas.dump_caller(self._known()))

    @accepts(*callers.ACCEPTED)
    @describes(interface.GET_VOTES)
    def get_votes(self) -> Response:
        """Read the caller's votes."""
        caller = self._known()
        return private_json(self._lists.votes_of(caller, request, partial(self._check_status_limit, caller)))

    @accepts(*callers.ACCEPTED)
    @describes(interface.GET_VOTERS)
    def get_voters(self, type_: str, id_: str) -> Response:
        """Read a target's voters."""
        caller = self._authenticator.require(request, callers.ACCEPTED)
        _require_credential(type_, caller, writes=False)
        target = _target(type_, id_)
        return private_json(self._lists.voters(target, caller, request, partial(self._check_status_limit, caller)))

    def _known(self) -> Caller:
        """Return the caller; without a credential a guest, where guests may like what does not say."""
        caller = self._authenticator.require(request, callers.ACCEPTED)
        if caller.kind is CallerKind.GUEST and not self._settings.guest_likes:
            raise policy.OtherCredential
        return caller

    def _writing(self, type_: str) -> Caller:
        caller = self._authenticator.require(request, callers.ACCEPTED)
        _require_credential(type_, caller, writes=True)
        # No page of another site can make a browser send a bearer token, and where there is one no cookie counts.
        if not authorization.bearer_tokens(request.headers.get("Authorization")):
            origin.require_ours(request, self._settings.allowed_origins)
        return caller

    def _cast(self, caller: Caller, target: Target, value: Value) -> Response:
        """Cast a vote, in one round trip for a host's document and two for any other; one more where nothing changes.

        A guest and a JWT cost none besides, any other credential has cost one. A like that makes its entry costs one.
        """
        voter = callers.writer(caller, target.kind, request)
        # A guest who changes the name of the browser is another one, but has the same address.
        counted = network(request.remote_addr) if voter.kind is CallerKind.GUEST else voter.id
        self._rate_limits.check((self._by_caller, counted))
        rules = self._targets.rules_of(target, voter)
        policy.require_may_vote(target.kind, rules, voter, value, guest_likes=self._settings.guest_likes)
        if policy.is_to_be_made(rules) and value is Value.NONE:
            return _vote(NO_VOTES, changed=False)
        if policy.is_to_be_made(rules):
            self._targets.make(target)
        vote = value.vote
        tally, changed = (
            self._votes.clear(target, voter.id) if vote is None else self._votes.set(target, voter.id, vote)
        )
        if changed:
            metrics.count_vote(NAME, _DONE[value])
        return _vote(tally, changed=changed)

    def _states(self, kind: TargetKind, ids: list[str], reader: Caller) -> dict[Target, dict[str, Any]]:
        try:
            policy.require_credential(kind, reader, writes=False)
            policy.require_scope(kind, reader, writes=False)
        except (policy.OtherCredential, policy.InsufficientScope):
            return {}
        states = {}
        for id_, (tally, rules) in self._targets.read(kind, ids, reader).items():
            if policy.may_read(rules, reader):
                target = Target(kind, id_)
                reason = policy.reason_against(kind, rules, reader, guest_likes=self._settings.guest_likes)
                states[target] = schemas.dump_status(target, tally, reason)
        return states

    def _check_status_limit(self, caller: Caller) -> None:
        if caller.kind is not CallerKind.SERVICE:
            self._rate_limits.check((self._status_by_address, network(request.remote_addr)))


def _require_credential(type_: str, caller: Caller, *, writes: bool) -> None:
    """Refuse a credential that is about targets of other types; whether this is a type at all is asked later."""
    if (kind := schemas.kind_of(type_)) is not None:
        policy.require_credential(kind, caller, writes=writes)


def _target(type_: str, id_: str) -> Target:
    return Target(schemas.load_kind(type_), paths.segment_as_sent(request.environ, id_))


def _vote(tally: Tally, *, changed: bool) -> Response:
    return private_json(schemas.dump_vote(tally) | {"changed": changed})
