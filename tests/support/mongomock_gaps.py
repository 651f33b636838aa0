"""Teach mongomock 4.3 what the vote repository needs: expressions in projections (MongoDB 4.4), and ``$type``.

It serves unit tests only: what matters is proven on a real mongod by the same suite.
"""

from typing import Any

from bson import ObjectId
from mongomock import aggregate
from mongomock.collection import Collection

_NATIVE = {"$elemMatch", "$slice"}
_TYPES = {ObjectId: "objectId", type(None): "null", str: "string"}


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
    _install_type()


def _install_type() -> None:
    native = aggregate._Parser._handle_type_operator

    def with_type(self: Any, operator: str, values: Any) -> Any:
        if operator != "$type":
            return native(self, operator, values)
        try:
            return _TYPES.get(type(self.parse(values)), "other")
        except KeyError:
            return "missing"

    aggregate.type_operators.append("$type")
    aggregate._Parser._handle_type_operator = with_type
