"""The description of a route for the published interface. It only describes: checks and their order stay the view's.

``likes_api.openapi`` makes an OpenAPI document of the descriptions, and of the tables of refusals that they name.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from marshmallow import Schema

from likes_api.http.errors import Refused

Refusal = type[Exception] | Refused
V = TypeVar("V", bound=Callable[..., Any])
JsonSchema = dict[str, Any]

# The attribute of a view that holds its description.
DESCRIPTION = "interface_description"

COUNT: JsonSchema = {"type": "integer", "minimum": 0}
TEXT: JsonSchema = {"type": "string"}
FLAG: JsonSchema = {"type": "boolean"}
TIME: JsonSchema = {"type": "string", "format": "date-time"}
CACHE_CONTROL = {"Cache-Control": "How long, and by whom, the answer may be kept."}


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that is no refusal.

    :param schema: of the body, in JSON; ``None`` where there is no body.
    :param headers: what each header says that is always sent.
    :param optional_headers: of those that are sent at times.
    """

    schema: JsonSchema | None = None
    example: object = None
    headers: Mapping[str, str] = field(default_factory=dict)
    optional_headers: Mapping[str, str] = field(default_factory=dict)
    media_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter beside those of the path."""

    name: str
    schema: JsonSchema
    description: str
    place: str = "query"
    required: bool = False


@dataclass(frozen=True, slots=True)
class Body:
    """The body of a request: in JSON, by the marshmallow schemas that read it, of which one fits."""

    example: object
    schemas: Sequence[Schema] = ()
    json: JsonSchema | None = None
    required: bool = True
    media_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one route.

    :param refusals: exceptions in the contract's table of refusals, and refusals of its own.
    :param body: what is read of the body, if anything.
    :param limited: whether rate limits hold.
    :param bounded: whether a body that is too long is refused; ``None``: where the method is not GET.
    :param reads_database: whether it may be refused since the database does not answer.
    """

    summary: str
    answers: Mapping[int, Answer]
    refusals: Sequence[Refusal] = ()
    body: Body | None = None
    parameters: Sequence[Parameter] = ()
    limited: bool = False
    bounded: bool | None = None
    reads_database: bool = True


def describes(operation: Operation) -> Callable[[V], V]:
    """Make the decorator that states what a view's route is, for readers of the published interface."""

    def state(view: V) -> V:
        setattr(view, DESCRIPTION, operation)
        return view

    return state


def object_of(title: str | None = None, optional: Sequence[str] = (), /, **properties: JsonSchema) -> JsonSchema:
    """Make the schema of an object with exactly these members.

    :param title: the name of the schema in the document; without one it is written where it is used.
    :param optional: members that may be left out.
    """
    schema: JsonSchema = {
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in optional],
        "additionalProperties": False,
    }
    return schema if title is None else {"title": title} | schema


def list_of(items: JsonSchema) -> JsonSchema:
    """Make the schema of an array."""
    return {"type": "array", "items": items}


def map_of(values: JsonSchema) -> JsonSchema:
    """Make the schema of an object whose members have any names."""
    return {"type": "object", "additionalProperties": values}


def one_of(words: Sequence[object]) -> JsonSchema:
    """Make the schema of one of some values."""
    return {"enum": list(words)}


def or_null(schema: JsonSchema) -> JsonSchema:
    """Make the schema of a value that may be ``null``."""
    return {"anyOf": [schema, {"type": "null"}]}
