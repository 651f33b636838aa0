"""Run the benchmarks: ``python -m bench [NAME...]``, all of them by default."""

import argparse
from collections.abc import Callable

from bench import lists, overflow, qa_votes, status

BENCHMARKS: dict[str, Callable[[float], None]] = {
    "qa_votes": qa_votes.main,
    "overflow": overflow.main,
    "status": status.main,
    "lists": lists.main,
}


def main() -> None:
    """Run the named benchmarks one after the other."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long each measurement takes")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - BENCHMARKS.keys():
        parser.error(f"no benchmark {', '.join(sorted(unknown))}")
    for name in arguments.names or BENCHMARKS:
        print(f"\n== {name}", flush=True)
        BENCHMARKS[name](arguments.seconds)


if __name__ == "__main__":
    main()
