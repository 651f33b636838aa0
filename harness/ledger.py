"""The votes that a client has cast: the state by each answer, and both possible states where there is none.

A toggle that was not answered, or answered with an error, may have happened or not. Its client does not repeat it, for
that could take the vote back; the next answer tells which it was. Each (voter, target) belongs to one client, so
nobody else changes it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from likes_api.votes import Vote

Key = tuple[str, str]  # voter, target
State = Vote | None


def toggled(state: State, vote: Vote) -> State:
    """Return the state after a toggle, as the Q&A document has it."""
    return None if state is vote else vote


@dataclass(slots=True)
class Entry:
    """The states that are possible, and the last acknowledged toggle: its action, and the state before."""

    possible: set[State] = field(default_factory=lambda: {None})
    before: State = None
    vote: Vote | None = None


@dataclass(slots=True)
class Ledger:
    """The ledger of one client."""

    entries: dict[Key, Entry] = field(default_factory=dict)
    acknowledged: int = 0
    uncertain: int = 0
    resolved: int = 0
    contradictions: list[str] = field(default_factory=list)

    def answered(self, key: Key, vote: Vote, after: State) -> None:
        """Record an acknowledged toggle; its answer must follow from a state that was possible."""
        entry = self.entries.setdefault(key, Entry())
        origins = {state for state in entry.possible if toggled(state, vote) is after}
        if not origins:
            self.contradictions.append(f"{key}: {vote} led to {after}, but it was {describe(entry)}")
        elif len(entry.possible) > 1:
            self.resolved += 1
        self.acknowledged += 1
        entry.before = next(iter(origins)) if len(origins) == 1 else None
        entry.vote = vote if len(origins) == 1 else None
        entry.possible = {after}

    def put(self, key: Key, vote: State, *, changed: bool) -> None:
        """Record that a vote was set, or was so already: not a toggle, so it may be repeated."""
        entry = self.entries.setdefault(key, Entry())
        if not any((state is not vote) is changed for state in entry.possible):
            self.contradictions.append(f"{key}: set to {vote}, changed: {changed}, but it was {describe(entry)}")
        elif len(entry.possible) > 1:
            self.resolved += 1
        self.acknowledged += 1
        entry.vote = None
        entry.possible = {vote}

    def put_unanswered(self, key: Key, vote: State) -> None:
        """Record that a vote may have been set."""
        self.uncertain += 1
        self.entries.setdefault(key, Entry()).possible.add(vote)

    def unanswered(self, key: Key, vote: Vote) -> None:
        """Record a toggle whose outcome is unknown."""
        entry = self.entries.setdefault(key, Entry())
        self.uncertain += 1
        entry.possible |= {toggled(state, vote) for state in entry.possible}

    def lost_and_doubled(self, held: Mapping[Key, State]) -> tuple[list[str], list[str]]:
        """Compare with the database's votes in the end.

        :returns: what was acknowledged and is not there (or was done twice, which may look the same), and what was
            done twice for certain.
        """
        lost, doubled = list(self.contradictions), []
        for key, entry in self.entries.items():
            state = held.get(key)
            if state in entry.possible:
                continue
            fault = f"{key}: {describe(entry)} was acknowledged, {state} is held"
            twice = toggled(toggled(entry.before, entry.vote), entry.vote) if entry.vote else None
            if entry.vote and state is twice and state is not entry.before:
                doubled.append(fault)
            else:
                lost.append(fault)
        return lost, doubled


def describe(entry: Entry) -> str:
    """Return the names of the possible states."""
    return " or ".join(sorted(str(state) for state in entry.possible))
