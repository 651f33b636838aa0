"""The rules of contract 3 about who may do what, as far as a token's scopes and a post decide it."""

from collections.abc import Set as AbstractSet

from likes_api.identity.bearer import Scope
from likes_api.repository.posts import Post


def missing_scope(granted: AbstractSet[str], *, writes: bool) -> Scope | None:
    """Return the first scope that a request needs for any post and does not have; ``None`` where it has all."""
    needed = (Scope.PUBLIC_READ, Scope.INTERACTIONS) if writes else (Scope.PUBLIC_READ,)
    return next((scope for scope in needed if scope not in granted), None)


def may_read(post: Post, granted: AbstractSet[str]) -> bool:
    """Whether a token gives access to a post that its person may see."""
    return post.public or Scope.PRIVATE_READ in granted
