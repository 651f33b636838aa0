"""``POST /admin/import``: NDJSON lines in, and a line out for each bad one, as they come."""

import io
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge

from likes_api import ndjson
from likes_api.contracts.admin.schemas import dump_line
from likes_api.mongodb import timeouts
from likes_api.mongodb.client import deadline
from likes_api.mongodb.failures import facts
from likes_api.repository import StoreError
from likes_api.repository.content import ContentRepository, Record

MEDIA_TYPE = "application/x-ndjson"
MAX_BYTES = 64 << 20
# A line is parsed as a whole, which takes many times its size: `likes-api import` takes longer ones.
MAX_LINE_BYTES = 4 << 20
_CHUNK_BYTES = 64 << 10

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _InTime:
    """The content, with a time limit for each batch, as the whole request has none."""

    content: ContentRepository

    def put(self, records: list[Record]) -> dict[int, str]:
        with deadline(timeouts.IMPORT_BATCH_SECONDS):
            return self.content.put(records)


def import_body(stream: Any, content: ContentRepository) -> Iterator[bytes]:
    """Import the lines of a body while it comes, one batch of them in memory.

    :returns: the lines of the answer. Where the last one has no ``imported``, the import has not come to its end; sent
        again, it does nothing twice.
    """
    lines = ndjson.bounded_lines(io.BufferedReader(stream, _CHUNK_BYTES), MAX_LINE_BYTES)
    imported = failed = 0
    try:
        for batch in ndjson.import_batches(lines, _InTime(content), MAX_LINE_BYTES):
            imported += batch.imported
            failed += len(batch.faults)
            yield from _faults(batch)
    except RequestEntityTooLarge:
        yield dump_line({"error": "Request entity too large"})
    except ClientDisconnected:
        log.info("the client of an import has gone")
        yield dump_line({"error": "Body is not whole"})
    except StoreError as error:
        log.warning("an import was cut off", extra=facts(error))
        yield dump_line({"error": "Service unavailable"})
    else:
        yield dump_line({"imported": imported, "failed": failed})


def _faults(batch: ndjson.Batch) -> Sequence[bytes]:
    return [dump_line({"line": number, "error": reason}) for number, reason in batch.faults.items()]
