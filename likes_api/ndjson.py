"""Read NDJSON lines into records: targets, users and people, as ``CONTRACTS.md`` section 5 has them, and tokens."""

import json
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, Protocol, TypeVar

from marshmallow import ValidationError

from likes_api.records import faults_of, load_line, load_token, printable
from likes_api.repository.content import Record
from likes_api.repository.credentials.tokens import TokenRecord

BATCH_LINES = 200
# After so many lines, some milliseconds, other requests of a worker have their turn.
TURN_LINES = 20
# A batch ends at so many bytes; one line may be longer, for it may hold a million voters.
BATCH_BYTES = 1 << 20
# Room for more than a million voters. A file without line breaks must not fill the memory.
MAX_LINE_BYTES = 64 << 20
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")

R = TypeVar("R")


class Store(Protocol[R]):
    """A repository that stores records."""

    def put(self, records: list[R]) -> dict[int, str]:
        """Write records; return the reason for each refusal, by index."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What became of some lines that were imported together.

    :param end: the number of the last one.
    :param imported: how many are in the database now; empty lines are neither good nor bad.
    :param faults: what is wrong with each bad line, by its number.
    """

    end: int
    imported: int
    faults: Mapping[int, str]


def bounded_lines(file: BinaryIO, limit: int = 0) -> Iterator[bytes]:
    """Read lines; one of more than :data:`MAX_LINE_BYTES` is cut off behind its first byte too many.

    :param limit: the same for fewer bytes.
    """
    limit = limit or MAX_LINE_BYTES
    while line := file.readline(limit + 1):
        rest = line
        while not rest.endswith(b"\n") and (rest := file.readline(min(limit, BATCH_BYTES))):
            pass
        yield line


def import_lines(lines: Iterable[bytes], store: Store[Record]) -> Iterator[tuple[int, list[str]]]:
    """Import targets, users and people in batches.

    :returns: after each batch, the number of lines read so far, and ``line N: reason`` for each bad line of the batch.
    """
    return _reported(import_batches(lines, store))


def import_tokens(lines: Iterable[bytes], store: Store[TokenRecord]) -> Iterator[tuple[int, list[str]]]:
    """Import bearer tokens, of which only the hash is known, as :func:`import_lines` does."""
    return _reported(_import(lines, store, load_token, MAX_LINE_BYTES))


def import_batches(lines: Iterable[bytes], store: Store[Record], limit: int = 0) -> Iterator[Batch]:
    """Import targets, users and people, and yield what became of each batch.

    :param limit: how many bytes a line may have; :data:`MAX_LINE_BYTES` by default.
    """
    return _import(lines, store, load_line, limit or MAX_LINE_BYTES)


def _reported(batches: Iterator[Batch]) -> Iterator[tuple[int, list[str]]]:
    for batch in batches:
        yield batch.end, [f"line {number}: {reason}" for number, reason in batch.faults.items()]


def _import(
    lines: Iterable[bytes], store: Store[R], load: Callable[[dict[str, Any]], R], limit: int
) -> Iterator[Batch]:
    for batch in _batches(enumerate(lines, start=1)):
        records: list[R] = []
        numbers: list[int] = []
        faults: dict[int, str] = {}
        for number, line in batch:
            if number % TURN_LINES == 0:
                time.sleep(0)
            if not line.strip():
                continue
            try:
                records.append(_read(line, load, limit))
                numbers.append(number)
            except ValueError as error:
                faults[number] = str(error)
        refused = store.put(records) if records else {}
        faults |= {numbers[index]: reason for index, reason in refused.items()}
        reasons = {number: printable(faults[number]) for number in sorted(faults)}
        yield Batch(batch[-1][0], len(records) - len(refused), reasons)


def _batches(numbered: Iterable[tuple[int, bytes]]) -> Iterator[list[tuple[int, bytes]]]:
    batch: list[tuple[int, bytes]] = []
    size = 0
    for number, line in numbered:
        if batch and (len(batch) == BATCH_LINES or size + len(line) > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append((number, line))
        size += len(line)
    if batch:
        yield batch


def _read(line: bytes, load: Callable[[dict[str, Any]], R], limit: int) -> R:
    """Read one line.

    :raises ValueError: the line is invalid; the message, for the operator, says why.
    """
    try:
        values = _parse(line, limit)
        if not isinstance(values, dict):
            raise ValueError("not a JSON object")
        return load(values)
    except ValidationError as error:
        raise ValueError(faults_of(error)) from None
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except OverflowError:
        raise ValueError("a number is too large") from None


def _parse(line: bytes, limit: int) -> Any:
    if len(line) > limit:
        raise ValueError(f"longer than {limit >> 20} MiB")
    # Not `json.loads`, which accepts encoded surrogates; a file may begin with a byte order mark.
    text = line.decode("utf-8-sig")
    values = json.loads(text)
    if _SURROGATE.search(text):
        try:
            json.dumps(values, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise ValueError("half a surrogate pair, which is not valid Unicode") from None
    return values
