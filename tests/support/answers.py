"""What tests look at in an answer."""

from typing import Any

from werkzeug.test import TestResponse


def outcome(response: TestResponse) -> tuple[int, Any]:
    """Return the status and the body."""
    return response.status_code, response.get_json()
