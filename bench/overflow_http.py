"""One target with 100,000 voters through gunicorn, beside 1,000 small ones."""

import statistics
import tempfile
from dataclasses import replace

from bench import overflow, voters
from harness import wrk
from harness.server import running_server
from likes_api.mongodb.client import connect

_DATABASE = "bench_http"


def compare(uri: str, seconds: float) -> None:
    """Measure both, alternating, and print the medians and their ratio."""
    with connect(uri) as client:
        voters.fill(client[_DATABASE])
        overflow.put_moved(client[_DATABASE], "crowd", overflow.CROWD)
    environment = {
        "LIKES_MONGODB_URI": uri,
        "LIKES_MONGODB_DATABASE": _DATABASE,
        "LIKES_SECRET_KEY": voters.SECRET,
        "LIKES_NEXTAUTH_SECRET": voters.SECRET,
        "LIKES_RATELIMIT_ENABLED": "false",
        "WEB_CONCURRENCY": "2",
    }
    small: list[wrk.Rate] = []
    large: list[wrk.Rate] = []
    with running_server(environment) as url, tempfile.TemporaryDirectory() as directory:
        on_small = voters.qa_by_jwt()
        on_large = replace(on_small, body=on_small.body.replace("q_%d", "crowd"))
        for votes in (on_small, on_large):
            wrk.vote(url, votes, directory, 1, connections=16)
        for _ in range(overflow.ROUNDS):
            small.append(wrk.vote(url, on_small, directory, seconds / 2, connections=16))
            large.append(wrk.vote(url, on_large, directory, seconds / 2, connections=16))
    rates = [statistics.median(each.votes for each in rounds) for rounds in (small, large)]
    tails = [statistics.median(each.p99 for each in rounds) for rounds in (small, large)]
    print("16 clients over HTTP, 2 workers")
    print(f"{'1,000 small targets':>26}  {rates[0]:6.0f} votes/s            p99 {tails[0]:5.1f} ms")
    ratio = rates[1] / rates[0]
    print(f"{'one of 100,000 voters':>26}  {rates[1]:6.0f} votes/s ({ratio:4.2f} x)   p99 {tails[1]:5.1f} ms")
