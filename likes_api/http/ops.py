"""What an operator's probes ask: is the process alive, and can it serve."""

from typing import Any

from flask import Blueprint

from likes_api.repository import StoreError
from likes_api.repository.client import deadline, ping
from likes_api.repository.documents import Database

READINESS_SECONDS = 1.5


def create_blueprint(database: Database) -> Blueprint:
    """Make the blueprint of the probes."""
    blueprint = Blueprint("ops", __name__)

    @blueprint.get("/healthz")
    def health() -> dict[str, Any]:
        """Answer while the process does; the database is not asked, or its failure would restart every worker."""
        return {"status": "ok"}

    @blueprint.get("/readyz")
    def readiness() -> tuple[dict[str, Any], int]:
        """Answer 200 when a vote could be taken now, else 503 and what is not ready."""
        try:
            with deadline(READINESS_SECONDS):
                ping(database)
        except StoreError:
            return {"status": "unavailable", "not_ready": ["mongodb"]}, 503
        return {"status": "ok"}, 200

    return blueprint
