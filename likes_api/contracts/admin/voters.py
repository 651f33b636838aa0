"""``/admin/voters`` and the deletion of people: answers about work that may take more than one request."""

import logging
from collections.abc import Callable, Iterator
from itertools import islice

from flask import Response, jsonify

from likes_api.contracts.admin.schemas import dump_line, dump_vote
from likes_api.http.headers import no_content
from likes_api.mongodb import timeouts
from likes_api.mongodb.client import deadline
from likes_api.mongodb.failures import facts
from likes_api.repository import StoreError
from likes_api.repository.voters.leaving import Lacking, Leaving
from likes_api.repository.voters.work import Progress
from likes_api.votes import Target, Vote

MEDIA_TYPE = "application/x-ndjson"
# Names the indexes that the host's collections lack, for which they are read whole.
SLOW = "Likes-Slow"
_BATCH = 500

log = logging.getLogger(__name__)


def in_time(leaving: Leaving, work: Callable[[Lacking, float], Progress]) -> Response:
    """Work for as long as a request has; answer 204 when nothing is left, else 202 with the number of votes."""
    lacking = leaving.lacking()
    progress = work(lacking, timeouts.VOTER_REQUEST_SECONDS)
    if progress.is_finished:
        return _marked(no_content(), lacking)
    response = jsonify({"done": progress.done})
    response.status_code = 202
    return _marked(response, lacking)


def export(leaving: Leaving, voter: str) -> Response:
    """Answer a line for each vote of a voter, as they are found."""
    lacking = leaving.lacking()
    response = _marked(Response(_lines(leaving, voter), mimetype=MEDIA_TYPE), lacking)
    # For nginx: the answer is to be passed on while it comes.
    response.headers["X-Accel-Buffering"] = "no"
    return response


def _lines(leaving: Leaving, voter: str) -> Iterator[bytes]:
    votes = leaving.export(voter)
    try:
        while batch := _next(votes):
            yield b"".join(dump_line(dump_vote(target, vote)) for target, vote in batch)
    except StoreError as error:
        log.warning("an export was cut off", extra=facts(error))
        yield dump_line({"error": "Service unavailable"})


def _next(votes: Iterator[tuple[Target, Vote]]) -> list[tuple[Target, Vote]]:
    """Read some votes, with a time limit, as the whole request has none."""
    with deadline(timeouts.EXPORT_BATCH_SECONDS):
        return list(islice(votes, _BATCH))


def _marked(response: Response, lacking: Lacking) -> Response:
    response.headers["Cache-Control"] = "private, no-store"
    if lacking.indexes:
        response.headers[SLOW] = ", ".join(lacking.indexes)
    return response
