"""The share of requests that one address makes: nearly all, behind a proxy that is not counted as ours."""

from threading import Lock

from likes_api import metrics

# Older requests count half: what is reported has to follow a change of the proxies.
_RECENT = 2_000
_PUBLISHED_EVERY = 16


class AddressShare:
    """Count the least number of requests of the most frequent address, and keep nothing but its hash.

    The majority vote of Boyer and Moore: the candidate's requests count up, all others down; at zero the next address
    is the candidate. With a share p of all requests the count is between 2p - 1 and p of them, where p is over a half.

    Source: R. S. Boyer, J S. Moore, "MJRTY: A Fast Majority Vote Algorithm".
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._candidate = 0
        self.of_candidate = 0
        self.requests = 0

    def note(self, address: str | None) -> None:
        """Count a request, and update the metrics now and then."""
        known = hash(address)  # salted: another in the next process
        with self._lock:
            if not self.of_candidate:
                self._candidate = known
            self.of_candidate += 1 if known == self._candidate else -1
            self.requests += 1
            if self.requests >= _RECENT:
                self.requests //= 2
                self.of_candidate //= 2
            if not self.requests % _PUBLISHED_EVERY:
                metrics.observe_addresses(self.requests, self.of_candidate)
