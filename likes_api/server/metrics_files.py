"""The directory of the workers' metrics, and the files of each worker: hooks for ``config/gunicorn.conf.py``.

prometheus_client names the files after the process. Then they would grow in number with every worker that is recycled
and every scrape would read them all; so here they are named after the worker's *slot*, the lowest number that no
living worker has. A new worker goes on counting in the files of a dead one, and there are never more sets of files
than workers lived at once.

Source: prometheus_client documentation, "Multiprocess Mode".
"""

import os
import shutil
import tempfile
from collections.abc import Iterable
from typing import Any

_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


def prepare() -> None:
    """Make the directory, empty and ours alone, before anything imports prometheus_client.

    Another master (SIGUSR2), which inherits the variable, makes its own.
    """
    os.environ[_VARIABLE] = tempfile.mkdtemp(prefix="likes-api-metrics-")


def remove() -> None:
    """Remove the directory, when the master ends."""
    shutil.rmtree(os.environ[_VARIABLE], ignore_errors=True)


def assign_slot(worker: Any, living: Iterable[Any]) -> None:
    """Assign a slot, in the master, to a worker that is about to be forked."""
    taken = {each.metrics_slot for each in living}
    worker.metrics_slot = next(slot for slot in range(len(taken) + 1) if slot not in taken)


def use_slot(worker: Any) -> None:
    """Make this process, a worker just forked, write to the files of its slot."""
    from prometheus_client import values  # not before prepare()

    values.ValueClass = values.MultiProcessValue(lambda: worker.metrics_slot)


def prune_gauges(worker: Any) -> None:
    """Delete the gauges of a worker that has ended; its counters stay."""
    from prometheus_client import multiprocess  # not before prepare()

    multiprocess.mark_process_dead(worker.metrics_slot)
