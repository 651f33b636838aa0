"""The six routes of contract 3. Checks come in the order of ``CONTRACTS.md`` section 3.

At most four round trips for a list (token, post, likers, their names) and three for a like or its end (token, post,
the write); a refusal at the write takes a fourth, which tells it from a target that has gone.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import quote

from flask import Blueprint, Response, request

from likes_api import metrics
from likes_api.contracts.diaspora import errors, interface, paging, policy, schemas
from likes_api.http.accepts import accepts
from likes_api.http.body_limit import require_end
from likes_api.http.headers import no_content, private_json
from likes_api.http.interface import describes
from likes_api.identity.bearer import BearerAuthenticator
from likes_api.identity.caller import Caller, Credential
from likes_api.repository.like_guids import LikeGuids
from likes_api.repository.people import PeopleRepository
from likes_api.repository.posts import Post, PostRepository
from likes_api.repository.votes.repository import VoteRepository
from likes_api.votes import Action, Target, TargetKind, TargetNotFound, Vote

# With the suffix that diaspora*'s API documents, and without.
_URLS = tuple(
    f"/posts/<post_guid>{comment}/likes{suffix}"
    for comment in ("", "/comments/<comment_guid>")
    for suffix in ("", ".json")
)


def create_blueprint(
    bearers: BearerAuthenticator,
    posts: PostRepository,
    votes: VoteRepository,
    people: PeopleRepository,
    guids: LikeGuids,
) -> Blueprint:
    """Make the blueprint."""
    blueprint = Blueprint("diaspora", __name__, url_prefix=errors.PREFIX)
    gate = _Gate(bearers, posts)

    @accepts(Credential.PERSON_TOKEN)
    @describes(interface.LIKES)
    def likes(post_guid: str, comment_guid: str | None = None) -> Response:
        with gate.admit(post_guid, comment_guid, writes=False) as admitted:
            page = paging.load_page(request.args.get("page"), request.args.get("per_page"))
            # From the page before, since only its likes tell that it exists where this one has none.
            start = max(0, page.offset - page.size)
            found = votes.likers(admitted.target, admitted.person, start, page.offset - start + page.size)
            likers = found.ids[page.offset - start :]
            authors = people.by_guids(likers)
            body = schemas.dump_likes(likers, authors, lambda liker: guids.guid_of(admitted.target, liker))
            return _answer(body, page, following=found.more, preceding=page.number > 1 and bool(found.ids))

    @accepts(Credential.PERSON_TOKEN)
    @describes(interface.LIKE)
    def like(post_guid: str, comment_guid: str | None = None) -> Response:
        with gate.admit(post_guid, comment_guid, writes=True) as admitted:
            if admitted.post.ignores_reader:
                liked = votes.tally(admitted.target, admitted.person).liked
                raise errors.already_liked() if liked else errors.not_allowed()
            _, changed = votes.set(admitted.target, admitted.person, Vote.UP)
            if not changed:
                raise errors.already_liked()
            metrics.count_vote(blueprint.name, Action.LIKED)
        return no_content()

    @accepts(Credential.PERSON_TOKEN)
    @describes(interface.UNLIKE)
    def unlike(post_guid: str, comment_guid: str | None = None) -> Response:
        with gate.admit(post_guid, comment_guid, writes=True) as admitted:
            _, changed = votes.clear(admitted.target, admitted.person, Vote.UP)
            if not changed:
                raise errors.not_liked()
            metrics.count_vote(blueprint.name, Action.UNLIKED)
        return no_content()

    for url in _URLS:
        blueprint.get(url)(likes)
        blueprint.post(url)(like)
        blueprint.delete(url)(unlike)
    return blueprint


@dataclass(frozen=True, slots=True)
class _Admitted:
    """A person, and a post or a comment on it, to which their token gives access."""

    person: str
    post: Post
    target: Target


@dataclass(frozen=True, slots=True)
class _Gate:
    """The checks that all routes share, in two round trips: the token, and the post with all that the checks need."""

    bearers: BearerAuthenticator
    posts: PostRepository

    @contextmanager
    def admit(self, post_guid: str, comment_guid: str | None, *, writes: bool) -> Iterator[_Admitted]:
        """Check a request, and yield its target, which may still be deleted while the block works on it.

        :raises Refused: 400, 401, 403, 404 or 422.
        """
        caller = _authenticate(self.bearers)
        missing = policy.missing_scope(caller.scopes, writes=writes)
        if missing is not None:
            raise errors.insufficient_scope(missing)
        not_found = errors.not_found(comment=comment_guid is not None)
        post = self.posts.visible_to(caller.id, post_guid, comment_guid)
        if post is None:
            raise not_found
        if not policy.may_read(post, caller.scopes):
            raise errors.not_allowed()
        if comment_guid is not None and not post.has_comment:
            raise not_found
        try:
            yield _Admitted(caller.id, post, _target(post_guid, comment_guid))
        except TargetNotFound:
            raise not_found from None


def _target(post_guid: str, comment_guid: str | None) -> Target:
    return Target(TargetKind.POST, post_guid) if comment_guid is None else Target(TargetKind.COMMENT, comment_guid)


def _authenticate(bearers: BearerAuthenticator) -> Caller:
    # Read to the end, whatever it is: a body that is too long is refused even where nothing in it is wanted.
    # A form is parsed from what is kept of it; to parse it from the stream asks for more than the limit.
    request.get_data()
    require_end(request)
    urlencoded = request.mimetype == "application/x-www-form-urlencoded"
    caller = bearers.authenticate(
        request.headers.get("Authorization"),
        request.args.getlist("access_token"),
        request.form.getlist("access_token") if urlencoded else (),
    )
    if caller is None:
        raise errors.no_token()
    return caller


def _answer(body: list[schemas.Like], page: paging.Page, *, following: bool, preceding: bool) -> Response:
    # It depends on the person, and its URL may hold a token (RFC 6750, section 2.3).
    answer = private_json(body)
    link = paging.link_header(_url(), request.query_string, page, following=following, preceding=preceding)
    if link is not None:
        answer.headers["Link"] = link
    return answer


def _url() -> str:
    """Return the request's URL without its query: absolute, unless ``Host`` is missing or malformed.

    Werkzeug's ``base_url`` is for reading, not for sending, and raises for a host such as ``xn--``.
    """
    origin = f"{request.scheme}://{request.host}" if request.host else ""
    return origin + quote(request.root_path + request.path)
