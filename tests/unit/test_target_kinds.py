"""Whoever adds a kind of target finds here what else has to know it (CONTRIBUTING.md)."""

from likes_api import records
from likes_api.contracts.host import policy
from likes_api.repository.votes.targets import COLLECTIONS, HOST_OWNED
from likes_api.server.deployment import OURS
from likes_api.votes import TargetKind


def test_kind_has_a_collection_an_import_line_indexes_and_voters_when_it_is_a_kind() -> None:
    kinds = set(TargetKind)
    assert set(COLLECTIONS) == kinds
    assert len(set(COLLECTIONS.values())) == len(kinds)
    assert {kind.value for kind in kinds} <= set(records.FIELDS)
    assert {COLLECTIONS[kind] for kind in kinds - HOST_OWNED} <= set(OURS)
    assert set(policy._VOTERS) == kinds
