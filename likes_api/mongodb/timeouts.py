"""Every time limit of the database, in one table, and how each follows from the others.

``CONTRACTS.md`` promises an answer within 3.5 s, whatever the database does. The other limits of a request are parts of
that; those of maintenance concern nobody who waits.
"""

from datetime import timedelta

# -- The promise
ANSWER_SECONDS = 3.5
READY_SECONDS = 2.0

# -- The driver. The URI wins over each (``client.py``). A call within a deadline has no more time than that leaves.
SERVER_SELECTION_MILLISECONDS = 2_000
CONNECT_MILLISECONDS = 1_000
SOCKET_MILLISECONDS = 3_000
WAIT_QUEUE_MILLISECONDS = 1_000
MAX_IDLE_MILLISECONDS = 300_000

# -- A request: from its begin to the end of its last call. The driver may overrun it by its pause between two looks for
# a server (0.5 s: measured 3.0 s for 2.5).
REQUEST_DATABASE_SECONDS = 2.0
# Of its limits. Not much shorter, or a flood that slows the database down would switch off the limits that are there to
# stop it. After a failure their storage is left alone for a while; every request would wait for it otherwise.
LIMITER_SECONDS = 1.0
LIMITER_PAUSE_SECONDS = 3.0
# For a MongoDB that keeps nothing but the counters: where there is no server, go on at once.
LIMITER_SELECTION_MILLISECONDS = 250

# -- The probes, below READY_SECONDS together: waiting for a server, the driver looks at the clock every 0.5 s only.
READY_DATABASE_SECONDS = 1.2
READY_LIMITER_SECONDS = 0.4
READY_INDEXES_SECONDS = 0.2

# -- The circuit breaker's probe, and the pause after one in vain
PROBE_SECONDS = 1.0
PROBE_PAUSE_SECONDS = 0.1

# -- Transactions. One of ours is open for milliseconds: one that idles for a second lost its process, and so did one
# that is older than any request.
ABANDONED_IDLE_SECONDS = 1.0
ABANDONED_AGE_SECONDS = 4.0
LOOK_FOR_ABANDONED_SECONDS = 1.0

# -- Publishing. Hosts see totals that are at most a second old, so a round begins more often than that; less often
# while this process sees no votes on moved targets: only what another, killed one has left can be there.
PUBLISH_SECONDS = 0.4
PUBLISH_IDLE_SECONDS = 0.8
PUBLISH_ONE_SECONDS = 1.0
GONE_TARGET_SECONDS = 60.0
# How long a process keeps others from compacting the same votes.
COMPACTION_CLAIM = timedelta(seconds=1)

# -- Reads that threads share: longer than one takes where it is worth waiting for somebody else's.
SHARED_READ_SECONDS = 0.1

# -- Migrations. 400,000 voters, the most that a document holds, take 11 s to copy; a move that is older than STALE has
# lost its process.
MIGRATION_SECONDS = 50.0
STALE_MIGRATION = timedelta(seconds=60)
RETRY_MIGRATION_SECONDS = 5.0
# A target is locked for some milliseconds. A lock that is older is broken: the process that made it is gone or slow.
LOCKED_SECONDS = 0.4
LOCKED_POLL_SECONDS = 0.004
# An import waits for a move by somebody else, and looks so often.
IMPORT_MIGRATION_SECONDS = 120.0
IMPORT_POLL_SECONDS = 0.1
# A batch of an import over HTTP, which streams for as long as it needs.
IMPORT_BATCH_SECONDS = 150.0

# -- Voters who leave. A request works for so long and answers then; its steps take tens of milliseconds each. What a
# killed process had claimed is taken up by another one's maintenance, which looks so often.
VOTER_REQUEST_SECONDS = 1.0
VOTER_POLL_SECONDS = 0.05
VOTER_JOB_CLAIM_SECONDS = 3.0
VOTER_JOBS_SECONDS = 5.0
# A round of it ends after so long, so that its thread can be stopped.
VOTER_ROUND_SECONDS = 1.0
# A batch of an export, which streams for as long as it needs; the first may take a scan of a host's collection.
EXPORT_BATCH_SECONDS = 150.0

# -- Maintenance as a whole. After a failure: one may pass at once, but a database that is unavailable is not asked all
# the time.
MAINTENANCE_PAUSE_SECONDS = 0.1
MAINTENANCE_LONGEST_PAUSE_SECONDS = 5.0
MAINTENANCE_IDLE_SECONDS = 60.0
MAINTENANCE_STOP_SECONDS = 2.0

# -- The start of a worker, which has to answer soon, whatever the database does. To look at a million documents of an
# earlier version takes the server two seconds.
START_SECONDS = 2.0
RENAME_SECONDS = 60.0
RETRY_INDEXES_SECONDS = 10.0
# To make an index on documents that are there reads them all. No request waits for it.
INDEXES_SECONDS = 600.0
STOP_INDEXES_SECONDS = 2.0


def milliseconds(span: timedelta) -> int:
    """Return a time span as MongoDB's expressions add it to a date."""
    return span // timedelta(milliseconds=1)
