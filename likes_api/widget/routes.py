"""Serve ``like-button.js``: under a name that changes with its content, and under one to write into a page by hand."""

from typing import Final

from flask import Blueprint, Response, abort

from likes_api.http.assets import Asset

SCRIPT: Final = Asset.of("likes_api.widget", "like-button.js", "text/javascript")
SCRIPT_PATH: Final = f"/widget/like-button.{SCRIPT.version}.js"


def create_blueprint() -> Blueprint:
    """Make the blueprint. Its routes touch neither database nor cookies."""
    blueprint = Blueprint("widget", __name__)

    @blueprint.get("/widget/like-button.<version>.js")
    def versioned(version: str) -> Response:
        """Serve this version for good; another one, which we do not have, must not be kept under its name."""
        if version != SCRIPT.version:
            abort(404)
        return SCRIPT.respond(versioned=True)

    @blueprint.get("/widget/like-button.js")
    def plain() -> Response:
        return SCRIPT.respond(versioned=False)

    @blueprint.after_request
    def embeddable(response: Response) -> Response:
        """Let pages of other origins load it: module scripts are fetched with CORS (HTML standard)."""
        response.headers["Access-Control-Allow-Origin"] = "*"
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        return response

    return blueprint
