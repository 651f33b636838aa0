"""One target with 100,000 voters through gunicorn, beside 1,000 small ones."""

import os
import re
import statistics
import subprocess
import tempfile
from pathlib import Path

from bench import overflow, qa_votes
from likes_api.repository.client import connect
from tests.support.server import running_server

_DATABASE = "bench_http"
_SCRIPT = qa_votes.WRK_SCRIPT.replace('\'{"targetId":"q_\' .. math.random(%d) .. \'"', '\'{"targetId":"%s"')


def compare(uri: str, seconds: float) -> None:
    """Measure both, alternating, and print the medians and their ratio."""
    qa_votes._fill(uri, _DATABASE)  # noqa: SLF001 - the same documents as there
    with connect(uri) as client:
        overflow.put_moved(client[_DATABASE], "crowd", overflow.CROWD)
    environment = {
        "LIKES_MONGODB_URI": uri,
        "LIKES_MONGODB_DATABASE": _DATABASE,
        "LIKES_SECRET_KEY": qa_votes.SECRET,
        "LIKES_NEXTAUTH_SECRET": qa_votes.SECRET,
        "LIKES_RATELIMIT_ENABLED": "false",
        "WEB_CONCURRENCY": "2",
    }
    small: list[tuple[float, float]] = []
    large: list[tuple[float, float]] = []
    with running_server(environment) as url, tempfile.TemporaryDirectory() as directory:
        for script in (_small_script(), _SCRIPT % "crowd"):
            _wrk(url, directory, script, 1)
        for _ in range(overflow.ROUNDS):
            small.append(_wrk(url, directory, _small_script(), seconds / 2))
            large.append(_wrk(url, directory, _SCRIPT % "crowd", seconds / 2))
    rates = [statistics.median(rate for rate, _ in each) for each in (small, large)]
    tails = [statistics.median(tail for _, tail in each) for each in (small, large)]
    print("16 clients over HTTP, 2 workers")
    print(f"{'1,000 small targets':>26}  {rates[0]:6.0f} votes/s            p99 {tails[0]:5.1f} ms")
    ratio = rates[1] / rates[0]
    print(f"{'one of 100,000 voters':>26}  {rates[1]:6.0f} votes/s ({ratio:4.2f} x)   p99 {tails[1]:5.1f} ms")


def _small_script() -> str:
    return qa_votes.WRK_SCRIPT % qa_votes.QUESTIONS


def _wrk(url: str, directory: str, text: str, seconds: float) -> tuple[float, float]:
    """Give votes per second, and the 99th percentile in milliseconds."""
    script, cookies = Path(directory, "vote.lua"), Path(directory, "cookies")
    script.write_text(text)
    tokens = [qa_votes._token(number) for number in range(qa_votes.USERS)]  # noqa: SLF001
    cookies.write_text("\n".join(f"next-auth.session-token={token}" for token in tokens))
    report = subprocess.run(
        ["wrk", "-t1", "-c16", f"-d{max(1, round(seconds))}s", "--latency", "-s", str(script), url],
        env=os.environ | {"BENCH_COOKIES": str(cookies)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    if "Non-2xx" in report or "Socket errors" in report:
        raise RuntimeError(f"wrk met errors:\n{report}")
    rate = re.search(r"Requests/sec:\s+([\d.]+)", report)
    tail = re.search(r"99%\s+([\d.]+)(us|ms|s)", report)
    assert rate is not None
    assert tail is not None
    return float(rate[1]), float(tail[1]) * {"us": 0.001, "ms": 1, "s": 1000}[tail[2]]
