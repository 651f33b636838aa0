"""Clients that vote over connections kept alive, and record the outcome of each request."""

import http.client
import json
import random
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from threading import Event, Thread

from harness.ledger import Key, Ledger
from harness.nextauth import forge
from likes_api.votes import Vote

SECRET = "a secret for faults and nothing else"
COOKIE = "next-auth.session-token"
VOTERS_PER_CLIENT = 20
# A vote without an answer may still be applied, for as long as a request may use the database.
SETTLE_SECONDS = 3.0
# A request that takes longer counts as unanswered, unless a client has more patience.
PATIENCE_SECONDS = 8.0
ACKNOWLEDGED = frozenset({200, 204, 409, 410})
_REFUSED_PAUSE = 0.02


@dataclass(frozen=True, slots=True)
class Outcome:
    """A request: when it began (monotonic), how long it took, and its status; 0 unanswered, -1 not even connected."""

    began: float
    seconds: float
    status: int


@dataclass
class Client:
    """Vote in a thread, one request at a time; a toggle whose outcome is unknown is never repeated."""

    port: int
    number: int
    targets: Sequence[str]
    pause: float = 0.0
    failed: int = 500
    patience: float = PATIENCE_SECONDS
    ledger: Ledger = field(default_factory=Ledger)
    outcomes: list[Outcome] = field(default_factory=list)
    strange: list[str] = field(default_factory=list)

    def run(self, stop: Event) -> None:
        """Vote until told to stop."""
        draw = random.Random(self.number)
        voters = {voter: self._headers(voter) for voter in self._voters()}
        resting: dict[Key, float] = {}
        connection: http.client.HTTPConnection | None = None
        while not stop.is_set():
            key = (draw.choice(list(voters)), draw.choice(self.targets))
            if resting.get(key, 0.0) > time.monotonic():
                continue
            connection = connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.patience)
            vote = draw.choice(list(Vote))
            if not self._vote(connection, voters[key[0]], key, vote):
                resting[key] = time.monotonic() + SETTLE_SECONDS
            if connection.sock is None or self.outcomes[-1].status <= 0:
                connection.close()
                connection = None
            time.sleep(self.pause)
        if connection is not None:
            connection.close()

    def _voters(self) -> Iterable[str]:
        return (f"voter-{self.number}-{index:020}" for index in range(VOTERS_PER_CLIENT))

    def _headers(self, voter: str) -> dict[str, str]:
        token = forge.v4(SECRET, {"sub": voter, "exp": int(time.time()) + 86_400})
        return {"Content-Type": "application/json", "Cookie": f"{COOKIE}={token}"}

    def _vote(self, connection: http.client.HTTPConnection, headers: dict[str, str], key: Key, vote: Vote) -> bool:
        """Cast one vote and record it in the ledger; return whether its outcome is known."""
        body = json.dumps({"targetId": key[1], "targetType": "question", "voteType": vote})
        status, answer = self._request(connection, "POST", "/api/likes", body, headers)
        if status == 200:
            told = json.loads(answer)
            self.ledger.answered(key, vote, Vote.UP if told["liked"] else Vote.DOWN if told["downvoted"] else None)
        elif status != -1:
            self.ledger.unanswered(key, vote)
        return status in {-1, 200}

    def _request(
        self, connection: http.client.HTTPConnection, method: str, url: str, body: str | None, headers: dict[str, str]
    ) -> tuple[int, bytes]:
        """Send one request, and record its outcome."""
        began = time.monotonic()
        status, answer = -1, b""
        try:
            if connection.sock is None:
                connection.connect()
            status = 0
            connection.request(method, url, body, headers)
            response = connection.getresponse()
            answer = response.read()
            status = response.status
        except (OSError, http.client.HTTPException):
            connection.close()
        self.outcomes.append(Outcome(began, time.monotonic() - began, status))
        if status == -1:  # nothing was sent
            time.sleep(_REFUSED_PAUSE)
        if status not in {-1, 0, self.failed, *ACKNOWLEDGED}:
            self.strange.append(f"{status} {answer[:200]!r}")
        return status, answer


@dataclass
class Liker(Client):
    """Like and unlike posts as a diaspora* application does. These are no toggles: the answer says if they changed."""

    token: str = ""
    person: str = ""
    failed: int = 503

    def _voters(self) -> Iterable[str]:
        return [self.person]

    def _headers(self, voter: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def _vote(self, connection: http.client.HTTPConnection, headers: dict[str, str], key: Key, vote: Vote) -> bool:
        state = Vote.UP if vote is Vote.UP else None
        method = "POST" if state else "DELETE"
        status, _ = self._request(connection, method, f"/api/v1/posts/{key[1]}/likes", None, headers)
        if status in {204, 409, 410}:
            self.ledger.put(key, state, changed=status == 204)
        elif status != -1:
            self.ledger.put_unanswered(key, state)
        return status in {-1, 204, 409, 410}


class Crowd:
    """Run clients in threads."""

    def __init__(
        self,
        port: int,
        size: int,
        targets: Sequence[str],
        pause: float = 0.0,
        first: int = 0,
        others: Iterable[Client] = (),
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        own = (Client(port, first + number, targets, pause, patience=patience) for number in range(size))
        self.clients = [*own, *others]
        self._stop = Event()
        self._threads = [Thread(target=client.run, args=(self._stop,), daemon=True) for client in self.clients]

    def start(self) -> None:
        """Start the threads."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop all clients after their present request."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    @property
    def outcomes(self) -> list[Outcome]:
        """Return the outcomes of all requests, in the order in which they ended."""
        everyone = [outcome for client in self.clients for outcome in list(client.outcomes)]
        return sorted(everyone, key=lambda outcome: outcome.began + outcome.seconds)
