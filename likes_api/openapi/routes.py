"""Serve the document of the interface, and a page to read it and try it on."""

from collections.abc import Mapping, Sequence
from functools import lru_cache

from flask import Blueprint, Flask, Response, abort, current_app

from likes_api.http.accepts import accepts
from likes_api.http.assets import Asset
from likes_api.http.errors import Dialect
from likes_api.http.headers import protect_page
from likes_api.openapi.document import make_document, written

_OURS, _SWAGGER_UI = "likes_api.openapi", "flask_swagger_ui"


def create_blueprint(dialects: Sequence[Dialect]) -> Blueprint:
    """Make the blueprint. The document is made, and files are read, when they are first asked for."""
    blueprint = Blueprint("openapi", __name__)

    @lru_cache(1)
    def document(app: Flask) -> Asset:
        return Asset.made_of(written(make_document(app, dialects)).encode(), "application/json")

    @blueprint.get("/openapi.json")
    @accepts()
    def openapi_json() -> Response:
        return document(current_app._get_current_object()).respond(versioned=False)  # type: ignore[attr-defined]  # noqa: SLF001

    @blueprint.get("/docs")
    @accepts()
    def docs() -> Response:
        return protect_page(_page().respond(versioned=False))

    @blueprint.get("/docs/<asset>")
    @accepts()
    def docs_asset(asset: str) -> Response:
        found = _assets().get(asset) or abort(404)
        return found.respond(versioned=False)

    return blueprint


@lru_cache(1)
def _page() -> Asset:
    return Asset.of(_OURS, "docs.html", "text/html")


@lru_cache(1)
def _assets() -> Mapping[str, Asset]:
    return {
        "docs.js": Asset.of(_OURS, "docs.js", "text/javascript"),
        "swagger-ui.css": Asset.of(_SWAGGER_UI, "dist/swagger-ui.css", "text/css"),
        "swagger-ui-bundle.js": Asset.of(_SWAGGER_UI, "dist/swagger-ui-bundle.js", "text/javascript"),
    }
