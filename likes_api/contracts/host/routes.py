"""The routes of the host API. Checks come in the order of ``CONTRACTS.md`` section 8."""

from collections.abc import Iterable

from flask import Blueprint, Response, jsonify, request

from likes_api.contracts.host import errors, schemas
from likes_api.http.accepts import accepts
from likes_api.repository.votes.repository import VoteRepository
from likes_api.votes import Tally, Target, TargetKind

# Seconds for which anybody may keep counts; a cache may go on with older ones while it asks for new ones (RFC 5861).
_SHARED = "public, max-age=5, stale-while-revalidate=30"


def create_blueprint(votes: VoteRepository) -> Blueprint:
    """Make the blueprint."""
    blueprint = Blueprint("host", __name__, url_prefix=errors.PREFIX)

    @blueprint.get("/counts")
    @accepts()
    def counts() -> Response:
        targets = schemas.load_counted(request.args.getlist("target"))
        tallies = _tallies(votes, targets)
        response = jsonify(schemas.dump_counts(tallies))
        response.headers["Cache-Control"] = _SHARED
        response.add_etag()
        response.make_conditional(request)
        return response

    return blueprint


def _tallies(votes: VoteRepository, targets: Iterable[Target]) -> dict[Target, Tally]:
    """Read the counts of targets, in their order; what does not exist is left out. At most two queries for each type.

    Two by :meth:`VoteRepository.tallies`: one for all targets of a type, one for those of them with many votes.
    """
    by_kind: dict[TargetKind, list[str]] = {}
    for target in targets:
        by_kind.setdefault(target.kind, []).append(target.id)
    found = {kind: votes.tallies(kind, ids) for kind, ids in by_kind.items()}
    return {target: tally for target in targets if (tally := found[target.kind].get(target.id)) is not None}
