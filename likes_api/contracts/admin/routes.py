"""The routes of the administration. Checks come in this order: 401, 403, 415, 400, 404."""

from datetime import datetime
from typing import Any

from flask import Blueprint, Response, request

from likes_api.contracts.admin import errors, imports, interface, schemas, voters
from likes_api.contracts.admin.credentials import Credentials
from likes_api.contracts.admin.policy import ACCEPTED, may_administrate
from likes_api.http import json_body
from likes_api.http.accepts import accepts
from likes_api.http.errors import Refused
from likes_api.http.headers import no_content, private_json
from likes_api.http.interface import describes
from likes_api.http.wsgi import paths
from likes_api.identity.caller import Authenticator, InvalidCredential
from likes_api.records import FIELDS
from likes_api.repository.administration import Administration, Unwritable
from likes_api.repository.audit import AuditLog, Change
from likes_api.repository.content import ContentRepository, Record
from likes_api.repository.credentials.sessions import UnknownUser
from likes_api.repository.credentials.tokens import UnknownPerson
from likes_api.repository.voters.leaving import Leaving, OtherJob
from likes_api.repository.votes.repository import VoteRepository
from likes_api.votes import Tally, TargetKind


def create_blueprint(
    authenticator: Authenticator,
    votes: VoteRepository,
    administration: Administration,
    content: ContentRepository,
    credentials: Credentials,
    audit: AuditLog,
    leaving: Leaving,
) -> Blueprint:
    """Make the blueprint."""
    routes = _Routes(authenticator, votes, administration, content, credentials, audit, leaving)
    blueprint = Blueprint("admin", __name__, url_prefix=errors.PREFIX)
    target, person, user = "/targets/<type_>/<id_>", "/people/<guid>", "/users/<id_>"
    voter = "/voters/<id_>"
    for method, rule, view in (
        ("PUT", target, routes.put_target),
        ("PATCH", target, routes.patch_target),
        ("GET", target, routes.get_target),
        ("DELETE", target, routes.delete_target),
        ("PUT", person, routes.put_person),
        ("GET", person, routes.get_person),
        ("DELETE", person, routes.delete_person),
        ("PUT", user, routes.put_user),
        ("GET", user, routes.get_user),
        ("DELETE", user, routes.delete_user),
        ("GET", f"{voter}/export", routes.export_voter),
        ("DELETE", voter, routes.delete_voter),
        ("POST", f"{voter}/merge", routes.merge_voter),
        ("POST", "/sessions", routes.post_session),
        ("POST", "/tokens", routes.post_token),
        ("POST", "/import", routes.post_import),
        ("GET", "/audit", routes.get_audit),
    ):
        blueprint.add_url_rule(rule, view_func=view, methods=[method])
    blueprint.url_value_preprocessor(_as_sent)
    blueprint.register_error_handler(Unwritable, _refusing(errors.unwritable))
    blueprint.register_error_handler(OtherJob, _refusing(errors.unwritable))
    blueprint.register_error_handler(UnknownUser, _refusing(lambda reason: errors.bad(f"user: {reason}")))
    blueprint.register_error_handler(UnknownPerson, _refusing(lambda reason: errors.bad(f"person: {reason}")))
    return blueprint


class _Routes:
    """The views, and the steps that they share."""

    def __init__(
        self,
        authenticator: Authenticator,
        votes: VoteRepository,
        administration: Administration,
        content: ContentRepository,
        credentials: Credentials,
        audit: AuditLog,
        leaving: Leaving,
    ) -> None:
        self._authenticator = authenticator
        self._votes = votes
        self._administration = administration
        self._content = content
        self._credentials = credentials
        self._audit = audit
        self._leaving = leaving

    @accepts(*ACCEPTED)
    @describes(interface.PUT_TARGET)
    def put_target(self, type_: str, id_: str) -> Response:
        """Make a target or replace its fields."""
        by, body = self._require_admin(), _json()
        return self._put(schemas.load_content(schemas.load_kind(type_), id_, body), by)

    @accepts(*ACCEPTED)
    @describes(interface.PATCH_TARGET)
    def patch_target(self, type_: str, id_: str) -> Response:
        """Change some fields of a target."""
        by, body = self._require_admin(), _json()
        record = schemas.load_content(schemas.load_kind(type_), id_, body, partial=True)
        if not self._administration.change(record, by):
            raise errors.not_found()
        return self._show(record.kind, record.id)

    @accepts(*ACCEPTED)
    @describes(interface.GET_TARGET)
    def get_target(self, type_: str, id_: str) -> Response:
        """Read a target."""
        self._require_admin()
        return self._show(schemas.load_kind(type_), id_)

    @accepts(*ACCEPTED)
    @describes(interface.DELETE_TARGET)
    def delete_target(self, type_: str, id_: str) -> Response:
        """Delete a target and its votes."""
        by = self._require_admin()
        json_body.discard(request)
        self._administration.delete_target(schemas.load_kind(type_), id_, by)
        return no_content()

    @accepts(*ACCEPTED)
    @describes(interface.PUT_PERSON)
    def put_person(self, guid: str) -> Response:
        """Make a person or replace what is known of one."""
        by, body = self._require_admin(), _json()
        return self._put(schemas.load_content("person", guid, body), by)

    @accepts(*ACCEPTED)
    @describes(interface.GET_PERSON)
    def get_person(self, guid: str) -> Response:
        """Read a person."""
        self._require_admin()
        return self._show("person", guid)

    @accepts(*ACCEPTED)
    @describes(interface.DELETE_PERSON)
    def delete_person(self, guid: str) -> Response:
        """Delete a person, the tokens and the likes."""
        by = self._require_admin()
        json_body.discard(request)
        return voters.in_time(self._leaving, lambda *time: self._leaving.delete_person(guid, by, *time))

    @accepts(*ACCEPTED)
    @describes(interface.PUT_USER)
    def put_user(self, id_: str) -> Response:
        """Make a user or replace name, e-mail and image."""
        by, body = self._require_admin(), _json()
        return self._put(schemas.load_content("user", id_, body), by)

    @accepts(*ACCEPTED)
    @describes(interface.GET_USER)
    def get_user(self, id_: str) -> Response:
        """Read a user."""
        self._require_admin()
        return self._show("user", id_)

    @accepts(*ACCEPTED)
    @describes(interface.DELETE_USER)
    def delete_user(self, id_: str) -> Response:
        """Delete a user and the sessions."""
        by = self._require_admin()
        json_body.discard(request)
        self._administration.delete_user(id_, by)
        return no_content()

    @accepts(*ACCEPTED)
    @describes(interface.EXPORT_VOTER)
    def export_voter(self, id_: str) -> Response:
        """List all votes of a voter, as they are found."""
        self._require_admin()
        return voters.export(self._leaving, id_)

    @accepts(*ACCEPTED)
    @describes(interface.DELETE_VOTER)
    def delete_voter(self, id_: str) -> Response:
        """Take back all votes of a voter."""
        by = self._require_admin()
        json_body.discard(request)
        return voters.in_time(self._leaving, lambda *time: self._leaving.erase(id_, by, *time))

    @accepts(*ACCEPTED)
    @describes(interface.MERGE_VOTER)
    def merge_voter(self, id_: str) -> Response:
        """Make all votes of a voter another one's."""
        by, body = self._require_admin(), _json()
        into = schemas.load_merge(id_, body)
        return voters.in_time(self._leaving, lambda *time: self._leaving.merge(id_, into, by, *time))

    @accepts(*ACCEPTED)
    @describes(interface.POST_SESSION)
    def post_session(self) -> Response:
        """Sign a user in."""
        by, body = self._require_admin(), _json()
        return _created("cookie", *self._credentials.session(*schemas.load_session(body), by))

    @accepts(*ACCEPTED)
    @describes(interface.POST_TOKEN)
    def post_token(self) -> Response:
        """Make a bearer token."""
        by, body = self._require_admin(), _json()
        return _created("token", *self._credentials.token(*schemas.load_token(body), by))

    @accepts(*ACCEPTED)
    @describes(interface.POST_IMPORT)
    def post_import(self) -> Response:
        """Import lines while they come."""
        by = self._require_admin()
        if request.mimetype != imports.MEDIA_TYPE:
            raise errors.other_media_type(imports.MEDIA_TYPE)
        request.max_content_length = imports.MAX_BYTES
        stream = request.stream
        self._audit.note(Change(by, "import", "content"))
        return Response(imports.import_body(stream, self._content), mimetype=imports.MEDIA_TYPE)

    @accepts(*ACCEPTED)
    @describes(interface.GET_AUDIT)
    def get_audit(self) -> Response:
        """List lines of audit."""
        self._require_admin()
        lines = self._audit.read(*schemas.load_page(request.args))
        return private_json({"lines": [schemas.dump_audit(line) for line in lines]})

    def _require_admin(self) -> str:
        """Return the id of the token that may do this, in one round trip."""
        try:
            caller = self._authenticator.authenticate(request, ACCEPTED)
        except InvalidCredential:
            caller = None
        if caller is None:
            raise errors.unauthorized()
        if not may_administrate(caller):
            raise errors.insufficient_scope()
        return caller.id

    def _put(self, record: Record, by: str) -> Response:
        made = self._administration.put(record, FIELDS[record.kind], by)
        response = self._show(record.kind, record.id)
        response.status_code = 201 if made else 200
        return response

    def _show(self, kind: str, id_: str) -> Response:
        document = self._administration.find(kind, id_, FIELDS[kind])
        if document is None:
            raise errors.not_found()
        tally = self._tally(TargetKind(kind), id_) if kind in list(TargetKind) else None
        return private_json(schemas.dump_content(kind, id_, document, tally))

    def _tally(self, kind: TargetKind, id_: str) -> Tally:
        try:
            return self._votes.tallies(kind, [id_])[id_]
        except KeyError:
            raise errors.not_found() from None


def _as_sent(_: str | None, values: dict[str, Any] | None) -> None:
    """Decode what is left encoded in an id."""
    if values:
        values.update({name: paths.segment_as_sent(request.environ, value) for name, value in values.items()})


def _json() -> dict[str, Any]:
    try:
        json_body.require_json(request)
        return json_body.json_object(request)
    except json_body.UnsupportedMediaType:
        raise errors.other_media_type("application/json") from None
    except json_body.InvalidJson:
        raise errors.bad("Invalid JSON") from None


def _created(name: str, value: str, expires: datetime) -> Response:
    response = private_json({name: value, "expires": schemas.dump_time(expires)})
    response.status_code = 201
    return response


def _refusing(refusal: Any) -> Any:
    def answer(error: Exception) -> Response:
        refused: Refused = refusal(str(error))
        return errors.DIALECT.render(refused)

    return answer
