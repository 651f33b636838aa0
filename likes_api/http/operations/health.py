"""Probes and metrics for an operator: whether the process lives, whether it can serve, and its counters."""

from collections.abc import Callable, Iterator, Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any

from flask import Blueprint, Response, request

from likes_api import metrics
from likes_api.http.accepts import accepts
from likes_api.http.errors import Refused
from likes_api.http.interface import TEXT, Answer, Operation, describes, map_of, object_of, one_of
from likes_api.mongodb import timeouts
from likes_api.mongodb.capabilities import is_standalone
from likes_api.mongodb.client import deadline
from likes_api.mongodb.documents import Database
from likes_api.mongodb.readiness import fault_of
from likes_api.repository import StoreError

Network = IPv4Network | IPv6Network

_HEALTH = Operation(
    summary="Whether the process lives",
    answers={200: Answer(object_of(status=one_of(["ok"])), {"status": "ok"})},
    reads_database=False,
)
_READINESS = Operation(
    summary="Whether a vote could be taken now",
    answers={
        200: Answer(object_of("Ready", ["degraded"], status=one_of(["ok"]), degraded=map_of(TEXT)), {"status": "ok"}),
        503: Answer(
            object_of("NotReady", status=one_of(["unavailable"]), not_ready=map_of(TEXT)),
            {"status": "unavailable", "not_ready": {"mongodb": "no primary"}},
        ),
    },
)


def create_blueprint(
    database: Database,
    limiter_answers: Callable[[float], bool],
    missing_indexes: Callable[[], list[str]],
    metrics_allow: Sequence[Network],
) -> Blueprint:
    """Make the blueprint of the probes and the metrics.

    :param limiter_answers: asks the store of the rate limits for a sign of life, within so many seconds.
    :param missing_indexes: the indexes that are missing for what has been asked of this worker.
    :param metrics_allow: where a monitoring system may ask from.
    """
    blueprint = Blueprint("ops", __name__)

    @blueprint.get("/healthz")
    @accepts()
    @describes(_HEALTH)
    def health() -> dict[str, Any]:
        """Answer 200 while the process runs; it does not ask the database, whose failure would restart every worker."""
        return {"status": "ok"}

    @blueprint.get("/readyz")
    @accepts()
    @describes(_READINESS)
    def readiness() -> tuple[dict[str, Any], int]:
        """Answer 200 when a vote could be taken now, else 503 and what is not ready.

        Without the store of the rate limits votes go on, and so they do on a MongoDB without transactions, and without
        indexes that only a list needs: the answer says so, and is 200.
        """
        fault = fault_of(database, timeouts.READY_DATABASE_SECONDS)
        if fault is not None:
            return {"status": "unavailable", "not_ready": {"mongodb": fault.value}}, 503
        degraded = dict(_degradations(database, limiter_answers, missing_indexes))
        return {"status": "ok"} | ({"degraded": degraded} if degraded else {}), 200

    @blueprint.get("/metrics")
    @accepts()
    def exposition() -> Response:
        """Return all workers' metrics added up, to clients that may read them."""
        if not _is_in(metrics_allow, request.remote_addr):
            raise Refused(403, "Forbidden")
        return Response(metrics.render(), content_type=metrics.CONTENT_TYPE)

    return blueprint


def _degradations(
    database: Database, limiter_answers: Callable[[float], bool], missing_indexes: Callable[[], list[str]]
) -> Iterator[tuple[str, str]]:
    if is_standalone(database):
        yield "mongodb", "no transactions"
    if not limiter_answers(timeouts.READY_LIMITER_SECONDS):
        yield "limiter", "unreachable"
    if missing := _in_time(missing_indexes):
        yield "indexes", f"missing: {', '.join(missing)}"


def _in_time(missing_indexes: Callable[[], list[str]]) -> list[str]:
    """Return what is missing; nothing where the database does not say so in time."""
    try:
        with deadline(timeouts.READY_INDEXES_SECONDS):
            return missing_indexes()
    except StoreError:
        return []


def _is_in(networks: Sequence[Network], address: str | None) -> bool:
    """Whether an address is in one of the networks; the peer of a unix socket has none."""
    try:
        ip = ip_address(address or "")
    except ValueError:
        return False
    mapped = ip.ipv4_mapped if isinstance(ip, IPv6Address) else None
    return any((mapped or ip) in network for network in networks)
