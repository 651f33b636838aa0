"""What a client has sent of its next request, gathered without a thread; a thread reads it only when it is whole.

gunicorn's own threads read from the socket and wait for slow clients there, for ever where need be: as many half-sent
requests as there are threads, and nobody is served any more.
"""

import re
from time import monotonic

from gunicorn.http.unreader import Unreader

# More than two field lines of the longest size that config/gunicorn.conf.py admits, and the least that
# deploy/nginx.conf passes on. What a thousand connections hold here stays below 50 MB.
MAX_HEAD_BYTES = 32 * 1024
# The contracts' limit on bodies, the application's too. A longer one is not waited for: the application refuses it by
# its announced length, unread.
MAX_BODY_BYTES = 16 * 1024

_HEAD_END = re.compile(rb"\n\r?\n")
_LENGTH = re.compile(rb"\ncontent-length:[ \t]*(\d{1,18})[ \t]*\r?\n", re.IGNORECASE)
_CHUNKED = re.compile(rb"\ntransfer-encoding:", re.IGNORECASE)
# A chunk's size and extensions (RFC 9112, 7.1), and the trailer section behind the last one.
_CHUNK = re.compile(rb"([0-9a-f]{1,8})[^\n]{0,255}\n", re.IGNORECASE)
_TRAILERS = re.compile(rb"([^\n]+\n)*?\r?\n")
_EXPECTS = re.compile(rb"\nexpect:[ \t]*100-continue[ \t]*\r?(?=\n)", re.IGNORECASE)


class Received(Unreader):
    """Gather a request; then give its bytes to gunicorn's parser, which meets the end of the data behind them.

    So no thread ever waits for a client's bytes, whatever the client leaves out or the parser makes of them.
    """

    def __init__(self) -> None:
        super().__init__()
        # When the request was whole and could have been served.
        self.whole_at = monotonic()
        # When somebody noticed that there is something to read, if it was not read at once.
        self._noticed_at: float | None = None
        # Whether nothing had come yet of the request that is being gathered; a connection's first is taken as begun.
        self._idle = False
        # Whether the client has more to send of a request that is answered without it: nothing may follow then.
        self.cut = False
        # Whether the client waits for "100 Continue" before it sends the body.
        self.expects_continue = False
        # How far into a chunked body its chunks are complete, and how much they carry.
        self._scanned = self._carried = 0
        # The same, with what has come of the next chunk.
        self._arrived = 0

    def chunk(self, size_hint: int | None = None) -> bytes:  # gunicorn's signature
        """Tell the parser that there is no more."""
        return b""

    def note_arrival(self) -> None:
        """Note that something is there to be read."""
        self._noticed_at = self._noticed_at or monotonic()

    def add(self, data: bytes) -> None:
        """Append what was read from the socket."""
        self.buf.seek(0, 2)
        self.buf.write(data)

    def begins(self) -> bool:
        """Tell, once, that the first bytes of a request after another one are there."""
        begins = self._idle and bool(self.buf.getvalue())
        self._idle = self._idle and not begins
        return begins

    @property
    def head_is_too_large(self) -> bool:
        """Tell whether the head is longer than is waited for."""
        return self.cut and _HEAD_END.search(self.buf.getvalue()) is None

    def is_whole(self) -> bool:
        """Tell whether a thread can take the request: it is there, or is to be refused for its size."""
        data = self.buf.getvalue()
        end = _HEAD_END.search(data)
        if end is None:
            self.cut = len(data) > MAX_HEAD_BYTES
            whole = self.cut
        else:
            whole = self._is_body_whole(data, end.end())
        if whole:
            self._scanned = self._carried = 0
            self.whole_at = self._noticed_at or monotonic()
            self._noticed_at = None
            self._idle = True
        return whole

    def _is_body_whole(self, data: bytes, begin: int) -> bool:
        head = data[:begin]
        given = len(data) - begin
        length = _LENGTH.search(head)
        if _CHUNKED.search(head):
            whole = self._are_chunks_whole(data[begin:])
            # Beyond the second limit it is all sizes and no data.
            self.cut = not whole and (self._arrived > MAX_BODY_BYTES or given > 2 * MAX_BODY_BYTES)
        elif length:
            whole = given >= int(length[1])
            self.cut = int(length[1]) > MAX_BODY_BYTES and not whole
        else:
            whole = True
        if _EXPECTS.search(head):
            # Taken away, or gunicorn would say "100 Continue" again.
            self.buf.seek(0)
            self.buf.truncate()
            self.buf.write(_EXPECTS.sub(b"", head, count=1) + data[begin:])
            self.expects_continue = not (whole or self.cut)
        return whole or self.cut

    def _are_chunks_whole(self, body: bytes) -> bool:
        """Go on where the last look ended; what is malformed is whole, for the parser to refuse."""
        while chunk := _CHUNK.match(body, self._scanned):
            size = int(chunk[1], 16)
            if size == 0:
                return _TRAILERS.match(body, chunk.end()) is not None
            end = chunk.end() + size + 2  # the chunk's own line end
            if end > len(body):
                self._arrived = self._carried + len(body) - chunk.end()
                return False
            self._scanned = end
            self._carried += size
        self._arrived = self._carried
        return b"\n" in body[self._scanned :]
