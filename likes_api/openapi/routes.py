"""Serve the document of the interface."""

from collections.abc import Sequence
from functools import lru_cache

from flask import Blueprint, Flask, Response, current_app

from likes_api.http.accepts import accepts
from likes_api.http.assets import Asset
from likes_api.http.errors import Dialect
from likes_api.openapi.document import make_document, written


def create_blueprint(dialects: Sequence[Dialect]) -> Blueprint:
    """Make the blueprint. The document is made when it is first asked for."""
    blueprint = Blueprint("openapi", __name__)

    @lru_cache(1)
    def document(app: Flask) -> Asset:
        return Asset.made_of(written(make_document(app, dialects)).encode(), "application/json")

    @blueprint.get("/openapi.json")
    @accepts()
    def openapi_json() -> Response:
        return document(current_app._get_current_object()).respond(versioned=False)  # type: ignore[attr-defined]  # noqa: SLF001

    return blueprint
