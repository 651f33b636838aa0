"""Teach mongomock 4.3 expressions in projections (MongoDB 4.4), as ``find_one_and_update`` in the vote repository uses.

mongomock evaluates expressions in aggregations, but not in projections; this hands the one to the other. It serves unit
tests only: what matters is proven on a real mongod by the same suite.
"""

from typing import Any

from mongomock import aggregate
from mongomock.collection import Collection

_NATIVE = {"$elemMatch", "$slice"}


def install() -> None:
    """Patch mongomock in this process; calling it again changes nothing."""
    native = Collection._copy_only_fields
    if native.__name__ == "copy_with_expressions":
        return

    def copy_with_expressions(self: Collection, doc: dict[str, Any], fields: Any, container: Any) -> Any:
        if not isinstance(fields, dict):
            return native(self, doc, fields, container)
        expressions = {k: v for k, v in fields.items() if isinstance(v, dict) and not _NATIVE & v.keys()}
        if not expressions:
            return native(self, doc, fields, container)
        plain = {name: value for name, value in fields.items() if name not in expressions}
        copy = native(
            self, doc, plain if plain.keys() - {"_id"} else {"_id": plain.get("_id", 1), "\0none": 1}, container
        )
        for name, expression in expressions.items():
            copy[name] = aggregate._parse_expression(expression, doc)
        return copy

    Collection._copy_only_fields = copy_with_expressions
