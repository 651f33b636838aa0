"""Whatever BSON a host can have left in a field of a target, for hypothesis."""

from datetime import UTC, datetime

from bson import Binary, Code, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from hypothesis import strategies as st

HEX = "64b7f0c2a1b2c3d4e5f60718"
VOTERS = ["ada", "eve", HEX]
NUMBERS = st.one_of(
    st.integers(-(2**63), 2**63 - 1).map(Int64),
    st.integers(-5, 5),
    st.floats(),
    st.sampled_from([Decimal128(each) for each in ("5", "-1", "2.5", "NaN", "Infinity", "9E6000", "1E-6000")]),
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    NUMBERS,
    st.sampled_from([*VOTERS, "", "$x", "x" * 300, ObjectId(HEX), ObjectId(), Binary(b"x"), MinKey(), MaxKey()]),
    st.sampled_from([datetime(2026, 1, 1, tzinfo=UTC), Timestamp(1, 1), Regex("x"), Code("x"), Regex(".*")]),
)
ANYTHING = st.recursive(
    SCALARS,
    lambda each: st.lists(each, max_size=4) | st.dictionaries(st.sampled_from(["a", "id", "form"]), each, max_size=3),
    max_leaves=6,
)
