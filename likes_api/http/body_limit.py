"""The limit of a body that comes without a length, in chunks."""

from flask import Request
from werkzeug.exceptions import RequestEntityTooLarge


def require_end(request: Request) -> None:
    """Refuse a body that goes on beyond ``MAX_CONTENT_LENGTH``, once it has been read up to there.

    Werkzeug cuts a chunked body off at the limit without an error. Its stream, asked for more, would refuse one, too,
    that ends exactly there (``werkzeug.wsgi.LimitedStream``).

    :raises werkzeug.exceptions.RequestEntityTooLarge:
    """
    if "wsgi.input_terminated" in request.environ and request.environ["wsgi.input"].read(1):
        raise RequestEntityTooLarge
