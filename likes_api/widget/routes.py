"""Serve ``like-button.js`` under a name that changes with its content, and under a fixed one for pages."""

import re
from typing import Final

from flask import Blueprint, Response, abort

from likes_api.http.accepts import accepts
from likes_api.http.assets import Asset

# One script for browsers, made of files with a subject each; they share one scope.
PARTS: Final = ("texts", "numbers", "style", "server", "reaction", "like-button", "vote-buttons")
SCRIPT: Final = Asset.joined("likes_api.widget", [f"{part}.js" for part in PARTS], "text/javascript")
SCRIPT_PATH: Final = f"/widget/like-button.{SCRIPT.version}.js"


def create_blueprint() -> Blueprint:
    """Make the blueprint. Its routes use neither the database nor cookies."""
    blueprint = Blueprint("widget", __name__)

    @blueprint.get("/widget/like-button.<version>.js")
    @accepts()
    def versioned(version: str) -> Response:
        """Serve this version, to be cached for a year; under another version's name (of a cached page) for minutes."""
        if not re.fullmatch("[0-9a-f]{16}", version):
            abort(404)
        return SCRIPT.respond(versioned=version == SCRIPT.version)

    @blueprint.get("/widget/like-button.js")
    @accepts()
    def plain() -> Response:
        return SCRIPT.respond(versioned=False)

    @blueprint.after_request
    def embeddable(response: Response) -> Response:
        """Allow pages of other origins to load it: module scripts are fetched with CORS (HTML standard)."""
        response.headers["Access-Control-Allow-Origin"] = "*"
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        return response

    return blueprint
