"""Metrics for Prometheus: every metric is declared here, and used through these functions.

Under gunicorn each worker writes to files of its own, which any worker adds up when it is asked (the ``multiprocess``
mode of prometheus_client, see ``likes_api/server/metrics_files.py``); elsewhere the values live in this process.

Labels have few values, all of them ours: no id, address or text of a client. The children are cached, because looking
one up costs more than counting in it.

Source: Prometheus documentation, "Instrumentation" and "Metric and label naming".
"""

from functools import cache

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, values
from prometheus_client.exposition import generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

__all__ = [
    "ADDRESSED",
    "CONTENT_TYPE",
    "ONE_ADDRESS",
    "circuit_is_open",
    "count_database_failure",
    "count_idempotency",
    "count_key_set_failure",
    "count_limiter_failure",
    "count_maintenance_failure",
    "count_vote",
    "note_maintenance_round",
    "note_voters",
    "observe_addresses",
    "observe_command",
    "observe_pool_wait",
    "observe_request",
    "render",
]

CONTENT_TYPE = CONTENT_TYPE_LATEST
ADDRESSED, ONE_ADDRESS = "likes_addressed_requests", "likes_one_address_requests"

# Seconds. A vote takes a few milliseconds; a request is over after 3.5 s whatever happens (CONTRACTS.md).
_REQUEST_BUCKETS = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 3.5)
_COMMAND_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1, 3.5)
_POOL_BUCKETS = (0.0001, 0.001, 0.01, 0.1, 1)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

_requests = Histogram(
    "likes_request_seconds",
    "Time from a request's first line of ours to its answer.",
    ["contract", "route", "method", "status"],
    buckets=_REQUEST_BUCKETS,
)
_votes = Counter("likes_votes", "Votes taken, by what they did.", ["contract", "action"])
_commands = Histogram(
    "likes_database_command_seconds",
    "Time that MongoDB took for a command, by the command's name and outcome (ok, failed).",
    ["command", "outcome"],
    buckets=_COMMAND_BUCKETS,
)
_database_failures = Counter(
    "likes_database_failures", "Database calls that failed, by the driver's name of the failure.", ["failure"]
)
_pool_waits = Histogram(
    "likes_database_pool_wait_seconds", "Time that a command waited for a connection.", buckets=_POOL_BUCKETS
)
_circuit = Gauge(
    "likes_database_circuit_open",
    "Workers that refuse database calls because the database is unavailable.",
    multiprocess_mode="livesum",
)
_voters = Gauge(
    "likes_document_voters",
    "Most voters found in the arrays of one document, where there are more than 10,000.",
    ["kind"],
    multiprocess_mode="max",
)
_limiter_failures = Counter("likes_limiter_failures", "Requests let through because the rate limits' store failed.")
_maintenance_failures = Counter(
    "likes_maintenance_failures",
    "Rounds of a maintenance thread that failed, by its duty: publish, migrate, voters.",
    ["duty"],
)
_maintenance_rounds = Gauge(
    "likes_maintenance_round_timestamp_seconds",
    "Unix time of the last round that a maintenance thread did, by its duty; of the worker whose is the oldest.",
    ["duty"],
    multiprocess_mode="livemin",
)
_key_set_failures = Counter("likes_key_set_failures", "Fetches of an issuer's key set that failed.")
_idempotency = Counter("likes_idempotency", "Requests with an Idempotency-Key, by outcome.", ["outcome"])

_addressed = Gauge(
    ADDRESSED, "Recent requests without an Authorization header to a contract.", multiprocess_mode="livesum"
)
_one_address = Gauge(
    ONE_ADDRESS,
    f"How many of {ADDRESSED} one address made, at least; nearly all, behind a proxy that is not counted.",
    multiprocess_mode="livesum",
)


def observe_request(contract: str | None, route: str | None, method: str, status: int, seconds: float) -> None:
    """Record a request that was answered; ``contract`` and ``route`` are ``None`` where the URL is unknown."""
    known = method if method in _METHODS else "other"
    _request_child(contract or "none", route or "none", known, status).observe(seconds)


def count_vote(contract: str, action: str) -> None:
    """Count a vote that was taken."""
    _vote_child(contract, action).inc()


def observe_command(name: str, seconds: float, *, ok: bool) -> None:
    """Record a command that MongoDB answered, or that failed."""
    _command_child(name, "ok" if ok else "failed").observe(seconds)


def count_database_failure(failure: str) -> None:
    """Count a database call that failed, a retry of the driver's included."""
    _database_failures.labels(failure).inc()


def observe_pool_wait(seconds: float) -> None:
    """Record how long a command waited for a connection."""
    _pool_waits.observe(seconds)


def circuit_is_open(state: bool) -> None:
    """Record whether this worker's circuit is open."""
    _circuit.set(int(state))


def note_voters(kind: str, voters: int) -> None:
    """Record the number of voters of a document whose arrays hold many."""
    _voters.labels(kind).set(voters)


def count_limiter_failure() -> None:
    """Count a request that was let through because the counters were unavailable."""
    _limiter_failures.inc()


def count_maintenance_failure(duty: str) -> None:
    """Count a round of a maintenance thread that failed."""
    _maintenance_failures.labels(duty).inc()


def note_maintenance_round(duty: str) -> None:
    """Record that a maintenance thread has finished a round."""
    _maintenance_rounds.labels(duty).set_to_current_time()


def count_key_set_failure() -> None:
    """Count a fetch of a key set that failed; the last one stays valid."""
    _key_set_failures.inc()


def count_idempotency(outcome: str) -> None:
    """Count a request with an ``Idempotency-Key``."""
    _idempotency.labels(outcome).inc()


def observe_addresses(requests: int, of_one: int) -> None:
    """Record the number of recent requests of this worker, and the least number of them that one address made."""
    _addressed.set(requests)
    _one_address.set(of_one)


def render() -> bytes:
    """Write all metrics in Prometheus' text format, those of all workers added up."""
    if not getattr(values.ValueClass, "_multiprocess", False):
        return generate_latest(REGISTRY)
    registry = CollectorRegistry()
    MultiProcessCollector(registry)
    return generate_latest(registry)


@cache
def _request_child(contract: str, route: str, method: str, status: int) -> Histogram:
    return _requests.labels(contract, route, method, status)


@cache
def _vote_child(contract: str, action: str) -> Counter:
    return _votes.labels(contract, action)


@cache
def _command_child(name: str, outcome: str) -> Histogram:
    return _commands.labels(name, outcome)
