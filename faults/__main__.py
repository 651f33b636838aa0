"""Run faults: ``python -m faults [NAME...]``, all but the long ones by default. Exit code 1 if something is lost."""

import argparse
import time
from collections.abc import Callable

from faults import large_import, memory, replica_set, single_node, slow_clients, voters
from harness.report import Report

SCENARIOS: dict[str, Callable[[], Report]] = {
    "replica_set": replica_set.main,
    "single_node": single_node.main,
    "slow_clients": slow_clients.main,
}
LONG: dict[str, Callable[[], Report]] = {
    "large_import": large_import.main,
    "memory": memory.main,
    "voters": voters.main,
}


def main() -> None:
    """Run the named scenarios, one after the other."""
    parser = argparse.ArgumentParser(prog="faults", description=__doc__)
    everything = SCENARIOS | LONG
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(everything)}")
    names = parser.parse_args().names or list(SCENARIOS)
    if unknown := set(names) - everything.keys():
        parser.error(f"no scenario {', '.join(sorted(unknown))}")
    failures = []
    for name in names:
        began = time.monotonic()
        print(f"\n== {name}", flush=True)
        failures += everything[name]().failures
        print(f"     ({time.monotonic() - began:.0f} s)", flush=True)
    if failures:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
