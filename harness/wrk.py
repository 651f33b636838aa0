"""Votes over HTTP by wrk: many voters on many targets, over connections that are kept alive."""

import os
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

# Each line of the file has one voter's headers, parted by tabs.
_SCRIPT = """
local voters = {}
for line in io.lines(os.getenv("BENCH_VOTERS")) do
  local headers = {["Content-Type"] = "application/json"}
  for name, value in line:gmatch("([^\\t:]+): ([^\\t]+)") do headers[name] = value end
  voters[#voters + 1] = headers
end
init = function(args) math.randomseed(os.time()) end
request = function()
  local target = math.random(%(targets)d)
  return wrk.format("POST", string.format("%(path)s", target), voters[math.random(#voters)],
    string.format('%(body)s', target))
end
"""
_MILLISECONDS = {"us": 0.001, "ms": 1, "s": 1000}


@dataclass(frozen=True, slots=True)
class Votes:
    """The requests of a run: the URL and body, in which ``%d`` is the target's number, and each voter's headers."""

    path: str
    body: str
    voters: Sequence[str]
    targets: int = 1_000
    # Statuses besides 2xx that are an answer to a vote: the voter may have voted there before.
    may_refuse: bool = False


@dataclass(frozen=True, slots=True)
class Rate:
    """The result of a run: votes taken in a second, their number, and the 99th percentile of their times in ms."""

    votes: float
    count: int
    p99: float


def vote(url: str, votes: Votes, directory: str, seconds: float, *, connections: int) -> Rate:
    """Vote for so long.

    :param directory: where to write what wrk reads.
    :raises RuntimeError: a vote was not taken.
    """
    script, voters = Path(directory, "vote.lua"), Path(directory, "voters")
    script.write_text(_SCRIPT % {"targets": votes.targets, "path": votes.path, "body": votes.body})
    voters.write_text("\n".join(votes.voters))
    report = subprocess.run(
        ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--latency", "-s", str(script), url],
        env=os.environ | {"BENCH_VOTERS": str(voters)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    requests = re.search(r"(\d+) requests in ([\d.]+)(ms|s)", report)
    tail = re.search(r"99%\s+([\d.]+)(us|ms|s)", report)
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", report)
    if requests is None or tail is None or "Socket errors" in report or (refused and not votes.may_refuse):
        raise RuntimeError(f"wrk met errors:\n{report}")
    taken = int(requests[1]) - (int(refused[1]) if refused else 0)
    elapsed = float(requests[2]) * _MILLISECONDS[requests[3]] / 1000
    return Rate(taken / elapsed, taken, float(tail[1]) * _MILLISECONDS[tail[2]])
