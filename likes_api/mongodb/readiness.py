"""Check whether the database can take a vote now, and if not, why."""

from enum import StrEnum

from pymongo.errors import (
    ConfigurationError,
    ConnectionFailure,
    ExecutionTimeout,
    NetworkTimeout,
    NotPrimaryError,
    OperationFailure,
    ServerSelectionTimeoutError,
    WaitQueueTimeoutError,
)

from likes_api.mongodb.client import deadline, ping
from likes_api.mongodb.documents import Database
from likes_api.mongodb.instrumented import circuit_of


class Unready(StrEnum):
    """The reason that a database is not ready: where an operator should look first."""

    UNREACHABLE = "unreachable"  # no server: it is down, or the way to it
    SLOW = "slow"  # there is a server, but it does not answer in time
    NO_PRIMARY = "no primary"  # servers answer, but none takes writes
    BUSY = "no free connection"  # as many calls are under way as there may be
    REFUSED = "refused"  # it answered with an error: a password, a permission
    CIRCUIT_OPEN = "circuit open"  # it answers, but this worker still refuses votes; it is about to notice


def fault_of(database: Database, seconds: float) -> Unready | None:
    """Return why the next vote of this worker would fail: ping the primary, in one round trip, then ask the breaker.

    The answer is about the next vote of this worker. An open circuit breaker would refuse it.
    """
    try:
        with deadline(seconds):
            ping(database.client)
    except ServerSelectionTimeoutError:
        return _why_no_server(database)
    except WaitQueueTimeoutError:
        return Unready.BUSY
    except NotPrimaryError:
        return Unready.NO_PRIMARY
    except (NetworkTimeout, ExecutionTimeout):
        return Unready.SLOW
    except OperationFailure:
        return Unready.REFUSED
    except ConnectionFailure:
        return _why_no_server(database)
    except ConfigurationError:
        # The hosts of a mongodb+srv URI are looked up with the first use.
        return Unready.UNREACHABLE
    circuit = circuit_of(database)
    return Unready.CIRCUIT_OPEN if circuit is not None and circuit.is_open else None


def _why_no_server(database: Database) -> Unready:
    """Return the reason by the last observations of the driver's monitors."""
    servers = database.client.topology_description.server_descriptions().values()
    if any(server.is_server_type_known for server in servers):
        return Unready.NO_PRIMARY
    if any(isinstance(server.error, NetworkTimeout) for server in servers):
        return Unready.SLOW
    return Unready.UNREACHABLE
