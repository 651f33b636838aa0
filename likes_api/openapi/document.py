"""Make the OpenAPI 3.1 document from an application's URL map, the descriptions of its views and its dialects.

Nothing in it depends on settings. A route without a description is not in it.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from apispec.ext.marshmallow.openapi import OpenAPIConverter
from flask import Flask
from marshmallow import Schema
from werkzeug.routing import Rule

from likes_api.http.accepts import ACCEPTED
from likes_api.http.errors import PLAIN, Dialect
from likes_api.http.interface import DESCRIPTION, Answer, Body, JsonSchema, Operation
from likes_api.openapi.common import INFO, PATH_PARAMETERS, REQUEST_ID, SECURITY_SCHEMES, TAGS, security_of
from likes_api.openapi.refusals import answers_of

_ARGUMENT = re.compile(r"<(?:[^:>]+:)?(\w+)>")
_OWN_METHODS = {"HEAD", "OPTIONS"}


def make_document(app: Flask, dialects: Sequence[Dialect]) -> dict[str, Any]:
    """Return the document."""
    plugin = MarshmallowPlugin(schema_name_resolver=_no_name)
    spec = APISpec(openapi_version="3.1.0", plugins=[plugin], tags=TAGS, **INFO)
    spec.components.header("X-Request-ID", {"description": REQUEST_ID, "required": True, "schema": {"type": "string"}})
    for name, scheme in SECURITY_SCHEMES.items():
        spec.components.security_scheme(name, scheme)
    assert plugin.converter is not None  # noqa: S101  # the specification has given it one
    writer = _Writer(spec, plugin.converter, dialects)
    for rule, view, operation in described(app):
        methods = sorted((rule.methods or set()) - _OWN_METHODS)
        written = {method.lower(): writer.operation(rule, view, operation, method) for method in methods}
        spec.path(path_of(rule), operations=written, parameters=writer.path_parameters(rule))
    return spec.to_dict()


def written(document: dict[str, Any]) -> str:
    """Return the document as ``docs/openapi.json`` has it."""
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def described(app: Flask) -> Iterator[tuple[Rule, Any, Operation]]:
    """Yield the routes that have a description, without a second spelling of one (``.json``)."""
    for rule in app.url_map.iter_rules():
        view = app.view_functions[rule.endpoint]
        operation = getattr(view, DESCRIPTION, None)
        if operation is not None and not rule.rule.endswith(".json"):
            yield rule, view, operation


def path_of(rule: Rule) -> str:
    """Return the path of a route as OpenAPI writes it."""
    return _ARGUMENT.sub(lambda match: f"{{{match[1].rstrip('_')}}}", rule.rule)


def _no_name(_: type[Schema]) -> str:
    """Return no name, so that a schema is written where it is used."""
    return ""


class _Writer:
    """Write operations; schemas with a title become components."""

    def __init__(self, spec: APISpec, converter: OpenAPIConverter, dialects: Sequence[Dialect]) -> None:
        self._spec = spec
        self._converter = converter
        self._dialects = sorted([*dialects, PLAIN], key=lambda dialect: len(dialect.prefix), reverse=True)

    def operation(self, rule: Rule, view: Any, operation: Operation, method: str) -> dict[str, Any]:
        dialect = next(each for each in self._dialects if rule.rule.startswith(each.prefix))
        blueprint, _, name = rule.endpoint.partition(".")
        comment = "_comment" if "comment_guid" in rule.arguments else ""
        written: dict[str, Any] = {
            "operationId": f"{blueprint}_{name}{comment}",
            "summary": operation.summary,
            "tags": [blueprint],
            "responses": self._responses(operation, dialect, method),
        }
        if operation.parameters:
            written["parameters"] = [
                {"name": each.name, "in": each.place, "required": each.required, "description": each.description}
                | {"schema": each.schema}
                for each in operation.parameters
            ]
        if operation.body is not None:
            written["requestBody"] = self._body(operation.body)
        if security := security_of(getattr(view, ACCEPTED), blueprint):
            written["security"] = security
        return written

    def path_parameters(self, rule: Rule) -> list[dict[str, Any]]:
        return [
            {"name": name.rstrip("_"), "in": "path", "required": True, "schema": PATH_PARAMETERS[name]}
            for name in _ARGUMENT.findall(rule.rule)
        ]

    def _responses(self, operation: Operation, dialect: Dialect, method: str) -> dict[str, Any]:
        refused = answers_of(operation, dialect, method)
        merged = {status: self._answer(status, answer) for status, answer in operation.answers.items()}
        merged |= {status: self._refusals(status, each) for status, each in refused.items() if status not in merged}
        return {str(status): merged[status] for status in sorted(merged)}

    def _answer(self, status: int, answer: Answer) -> dict[str, Any]:
        content = {} if answer.schema is None else {"schema": self._schema(answer.schema)}
        if answer.example is not None:
            content["example"] = answer.example
        return _response(
            _PHRASES[status],
            {answer.media_type: content} if content else {},
            {name: _header(says, required=True) for name, says in answer.headers.items()}
            | {name: _header(says) for name, says in answer.optional_headers.items()},
        )

    def _refusals(self, status: int, refusals: Sequence[tuple[dict[str, Any], Mapping[str, str]]]) -> dict[str, Any]:
        schemas = [self._schema(each) for each in {str(_shape(body)): _shape(body) for body, _ in refusals}.values()]
        examples = {" ".join(map(str, body.values())): {"value": body} for body, _ in refusals}
        sent = [set(headers) for _, headers in refusals]
        always = set.intersection(*sent)
        headers = {name: _header(_HEADERS[name], required=name in always) for name in sorted(set().union(*sent))}
        schema = schemas[0] if len(schemas) == 1 else {"oneOf": schemas}
        return _response("; ".join(examples), {"application/json": {"schema": schema, "examples": examples}}, headers)

    def _body(self, body: Body) -> dict[str, Any]:
        read = [self._json_schema(each) for each in body.schemas]
        schema = body.json if body.json is not None else read[0] if len(read) == 1 else {"anyOf": read}
        content = {"schema": self._schema(schema), "example": body.example}
        return {"required": body.required, "content": {body.media_type: content}}

    def _json_schema(self, schema: Schema) -> JsonSchema:
        converted: JsonSchema = self._converter.schema2jsonschema(schema)  # type: ignore[no-untyped-call]
        for field in converted["properties"].values():
            if "pattern" in field:
                # Python's end of a text is not JSON Schema's, and its match begins at the beginning.
                field["pattern"] = f"^{field['pattern'].removesuffix(chr(92) + 'Z')}$"
        return converted

    def _schema(self, schema: Any) -> Any:
        """Return the schema, with references for those in it that have a name."""
        if isinstance(schema, list):
            return [self._schema(each) for each in schema]
        if not isinstance(schema, dict):
            return schema
        title = schema.get("title")
        if not isinstance(title, str):
            # Where it is none, it may be the schema of a member of this name.
            return {name: self._schema(each) for name, each in schema.items()}
        within = {name: self._schema(each) for name, each in schema.items() if name != "title"}
        if title not in self._spec.components.schemas:
            self._spec.components.schema(title, within)
        if self._spec.components.schemas[title] != within:
            raise ValueError(f"two schemas are named {title}")
        return {"$ref": f"#/components/schemas/{title}"}


_HEADERS = {
    "Allow": "The methods that the URL takes.",
    "Retry-After": "Seconds to wait before the request is sent again.",
    "WWW-Authenticate": "What is wrong with the token (RFC 6750, section 3).",
}
# Those of http.HTTPStatus differ from one version of Python to another.
_PHRASES = {200: "OK", 201: "Created", 202: "Not done yet", 204: "Done", 304: "Not modified", 503: "Not ready"}
_NAMES = {
    ("error",): "Error",
    ("code", "message"): "CodedError",
    ("error", "error_description"): "TokenError",
}
_TYPES: Mapping[type, str] = {int: "integer", str: "string"}


def _shape(body: Mapping[str, Any]) -> JsonSchema:
    """Return the schema of an error's body, from the body."""
    return {
        "title": _NAMES[tuple(body)],
        "type": "object",
        "properties": {name: {"type": _TYPES[type(value)]} for name, value in body.items()},
        "required": list(body),
        "additionalProperties": False,
    }


def _response(description: str, content: dict[str, Any], headers: dict[str, Any]) -> dict[str, Any]:
    response: dict[str, Any] = {"description": description, "headers": {"X-Request-ID": "X-Request-ID"} | headers}
    return response | ({"content": content} if content else {})


def _header(says: str, *, required: bool = False) -> dict[str, Any]:
    return {"description": says, "required": required, "schema": {"type": "string"}}
