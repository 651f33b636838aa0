"""Do the jobs of voters who leave or become another: those that are asked for, and those that killed processes left."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from likes_api.mongodb import timeouts
from likes_api.mongodb.documents import Database
from likes_api.repository.voters.in_arrays import VotesInArrays
from likes_api.repository.voters.in_documents import VotesInDocuments
from likes_api.repository.voters.jobs import Job, Jobs
from likes_api.repository.votes.maintenance.duty import Duty
from likes_api.repository.votes.targets import TargetFinder
from likes_api.votes import TargetKind


@dataclass(frozen=True, slots=True)
class Progress:
    """What was done.

    :param done: how many votes were taken back or handed over.
    :param is_finished: whether nothing is left.
    """

    done: int
    is_finished: bool


class JobWork:
    """Work on jobs. Where the database fails in between, the job is taken up again after a pause, by any process.

    :param qa_id_field: the field in which questions and messages carry their id.
    """

    def __init__(self, database: Database, qa_id_field: str = "_id") -> None:
        finder = TargetFinder(qa_id_field)
        self._arrays = VotesInArrays(database, finder)
        self._documents = VotesInDocuments(database, finder)
        self._jobs = Jobs(database)
        self._duty = Duty("voters", self._round)

    def start(self) -> None:
        """Start the thread that goes on with what killed processes left, if it does not run."""
        self._duty.start()

    def stop(self) -> None:
        """End the thread, after its present step."""
        self._duty.stop()

    def work(self, voter: str, seconds: float) -> Progress:
        """Work on a voter's job for some seconds, or wait for the process that does."""
        until = time.monotonic() + seconds
        while (job := self._jobs.claim(voter)) is None:
            if self._jobs.find(voter) is None:
                return Progress(0, is_finished=True)
            if time.monotonic() > until:
                return Progress(0, is_finished=False)
            time.sleep(timeouts.VOTER_POLL_SECONDS)
        return self._work(job, until)

    def _round(self) -> float:
        job = self._jobs.claim()
        if job is None:
            return timeouts.VOTER_JOBS_SECONDS
        progress = self._work(job, time.monotonic() + timeouts.VOTER_ROUND_SECONDS)
        return 0.0 if progress.done or progress.is_finished else timeouts.VOTER_POLL_SECONDS

    def _work(self, job: Job, until: float) -> Progress:
        done, kept = 0, time.monotonic()
        for step in self._steps(job):
            done += step or 0
            now = time.monotonic()
            if now > until:
                self._jobs.keep(job)
                self._jobs.release(job)
                return Progress(done, is_finished=False)
            if now - kept > timeouts.VOTER_JOB_CLAIM_SECONDS / 3:
                self._jobs.keep(job)
                kept = now
            if step is None:
                time.sleep(timeouts.VOTER_POLL_SECONDS)
        self._jobs.delete(job)
        return Progress(done, is_finished=True)

    def _steps(self, job: Job) -> Iterator[int | None]:
        """Do the work, and yield after each step the number of its votes; ``None`` while a migration has to end first.

        Arrays come before documents, so that a target that moves meanwhile is met in the second form. In the end, a
        look at everything that an index leads to has found nothing.
        """
        yield from self._scan(job)
        found = True
        while found:
            found = False
            for step in self._look(job):
                found = True
                yield step

    def _scan(self, job: Job) -> Iterator[int]:
        for kind in job.scans:
            while (begin := job.scans[kind]) is not None:
                done, end = self._arrays.hand_over_some(kind, job.voter, job.into, begin)
                job.scans[kind] = end or None
                yield done

    def _look(self, job: Job) -> Iterator[int | None]:
        for kind in TargetKind:
            if kind not in job.scans:
                yield from self._arrays.hand_over_all(kind, job.voter, job.into)
        yield from self._in_documents(job)
        if self._documents.is_noted(job.voter):
            yield None

    def _in_documents(self, job: Job) -> Iterator[int | None]:
        waiting, step = 0, self._documents.hand_over_some(job.voter, job.into, None)
        while step is not None:
            waiting += step.waiting
            yield step.done
            step = None if step.end is None else self._documents.hand_over_some(job.voter, job.into, step.end)
        if waiting:
            yield None
