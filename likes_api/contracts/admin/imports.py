"""``POST /admin/import``: NDJSON lines in, as they come, and a line out for each bad one behind the last of them."""

import io
import logging
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Any

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
# Of the answer, so much is kept until the body has ended: the beginning in memory, the rest in a file.
MAX_ANSWER_BYTES = 64 << 20
_IN_MEMORY_BYTES = 1 << 20

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

    The answer begins when the body has ended. nginx stops passing on a body as soon as its answer begins (1.22: only
    ``grpc_pass`` sets ``preserve_output``), and most clients read nothing before they have sent everything.

    :returns: the lines of the answer. Where the last one has no ``imported``, the import has not come to its end; sent
        again, it does nothing twice.
    """
    with tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES) as answer:
        last = _import(stream, content, answer)
        answer.seek(0)
        yield from iter(lambda: answer.read(_CHUNK_BYTES), b"")
        yield dump_line(last)


def _import(stream: Any, content: ContentRepository, answer: IO[bytes]) -> Mapping[str, Any]:
    """Import the lines, write those about bad ones, and return the last one."""
    lines = ndjson.bounded_lines(io.BufferedReader(stream, _CHUNK_BYTES), MAX_LINE_BYTES)
    imported = failed = 0
    try:
        for batch in ndjson.import_batches(lines, _InTime(content), MAX_LINE_BYTES):
            imported += batch.imported
            failed += len(batch.faults)
            answer.writelines(dump_line({"line": number, "error": why}) for number, why in batch.faults.items())
            if answer.tell() > MAX_ANSWER_BYTES:
                return {"error": "Too many bad lines"}
    except RequestEntityTooLarge:
        return {"error": "Request entity too large"}
    except ClientDisconnected:
        log.info("the client of an import has gone")
        return {"error": "Body is not whole"}
    except StoreError as error:
        log.warning("an import was cut off", extra=facts(error))
        return {"error": "Service unavailable"}
    return {"imported": imported, "failed": failed}
