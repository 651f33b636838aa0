"""Votes over HTTP by wrk: many users on many questions, over connections that are kept alive."""

import json
import os
import re
import subprocess
from pathlib import Path
from time import time
from typing import NamedTuple

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from joserfc import jwe
from joserfc.jwk import OctKey

QUESTIONS = 1_000
USERS = 500
SECRET = "a secret for benchmarks and nothing else"

WRK_SCRIPT = """
local cookies = {}
for line in io.lines(os.getenv("BENCH_COOKIES")) do cookies[#cookies + 1] = line end
local function draw()
  local body = '{"targetId":"q_' .. math.random(%d) .. '","targetType":"question","voteType":"up"}'
  local headers = {["Content-Type"] = "application/json", ["Cookie"] = cookies[math.random(#cookies)]}
  return wrk.format("POST", "/api/likes", headers, body)
end
init = function(args) math.randomseed(os.time()) end
request = draw
"""
_MILLISECONDS = {"us": 0.001, "ms": 1, "s": 1000}


class Rate(NamedTuple):
    """What was measured: votes per second, and the 99th percentile of their times in milliseconds."""

    votes: float
    p99: float


def vote(url: str, directory: str, seconds: float, *, connections: int, script: str = WRK_SCRIPT % QUESTIONS) -> Rate:
    """Have the users vote for so long.

    :param directory: where to write what wrk reads.
    :param script: draws the votes, in Lua; it finds the users' cookies in the file ``BENCH_COOKIES``.
    :raises RuntimeError: not every answer was 200.
    """
    written, cookies = Path(directory, "vote.lua"), Path(directory, "cookies")
    written.write_text(script)
    cookies.write_text("\n".join(f"next-auth.session-token={_token(number)}" for number in range(USERS)))
    report = subprocess.run(
        ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--latency", "-s", str(written), url],
        env=os.environ | {"BENCH_COOKIES": str(cookies)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    rate = re.search(r"Requests/sec:\s+([\d.]+)", report)
    tail = re.search(r"99%\s+([\d.]+)(us|ms|s)", report)
    if "Non-2xx" in report or "Socket errors" in report or not rate or not tail:
        raise RuntimeError(f"wrk met errors:\n{report}")
    return Rate(float(rate[1]), float(tail[1]) * _MILLISECONDS[tail[2]])


def _token(number: int) -> str:
    claims = json.dumps({"sub": f"user-{number:020}", "exp": int(time()) + 86_400})
    key = OctKey.import_key(
        HKDF(SHA256(), 32, salt=b"", info=b"NextAuth.js Generated Encryption Key").derive(SECRET.encode())
    )
    return jwe.encrypt_compact({"alg": "dir", "enc": "A256GCM"}, claims, key)
