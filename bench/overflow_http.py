"""One target with 100,000 voters through gunicorn, beside 1,000 small ones."""

import statistics
import tempfile

from bench import overflow, qa_votes
from harness import wrk
from harness.server import running_server
from likes_api.mongodb.client import connect

_DATABASE = "bench_http"
_SMALL = wrk.WRK_SCRIPT % wrk.QUESTIONS
_LARGE = wrk.WRK_SCRIPT.replace('\'{"targetId":"q_\' .. math.random(%d) .. \'"', '\'{"targetId":"crowd"')


def compare(uri: str, seconds: float) -> None:
    """Measure both, alternating, and print the medians and their ratio."""
    qa_votes.fill(uri, _DATABASE)
    with connect(uri) as client:
        overflow.put_moved(client[_DATABASE], "crowd", overflow.CROWD)
    environment = {
        "LIKES_MONGODB_URI": uri,
        "LIKES_MONGODB_DATABASE": _DATABASE,
        "LIKES_SECRET_KEY": wrk.SECRET,
        "LIKES_NEXTAUTH_SECRET": wrk.SECRET,
        "LIKES_RATELIMIT_ENABLED": "false",
        "WEB_CONCURRENCY": "2",
    }
    small: list[wrk.Rate] = []
    large: list[wrk.Rate] = []
    with running_server(environment) as url, tempfile.TemporaryDirectory() as directory:
        for script in (_SMALL, _LARGE):
            wrk.vote(url, directory, 1, connections=16, script=script)
        for _ in range(overflow.ROUNDS):
            small.append(wrk.vote(url, directory, seconds / 2, connections=16, script=_SMALL))
            large.append(wrk.vote(url, directory, seconds / 2, connections=16, script=_LARGE))
    rates = [statistics.median(each.votes for each in rounds) for rounds in (small, large)]
    tails = [statistics.median(each.p99 for each in rounds) for rounds in (small, large)]
    print("16 clients over HTTP, 2 workers")
    print(f"{'1,000 small targets':>26}  {rates[0]:6.0f} votes/s            p99 {tails[0]:5.1f} ms")
    ratio = rates[1] / rates[0]
    print(f"{'one of 100,000 voters':>26}  {rates[1]:6.0f} votes/s ({ratio:4.2f} x)   p99 {tails[1]:5.1f} ms")
