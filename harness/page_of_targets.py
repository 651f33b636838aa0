"""A page of two hundred targets of all types, of which one of each type has very many voters."""

from likes_api.mongodb.documents import Database
from likes_api.repository.votes.maintenance.migration import Migration
from likes_api.repository.votes.targets import TargetFinder
from likes_api.votes import Target, TargetKind

AUTHOR, READER = "author", "reader"
_COLLECTIONS = {
    TargetKind.ENTRY: "likes_entries",
    TargetKind.QUESTION: "questions",
    TargetKind.MESSAGE: "messages",
    TargetKind.POST: "likes_posts",
    TargetKind.COMMENT: "likes_comments",
}
_RULES = {TargetKind.POST: {"author": AUTHOR, "public": True}, TargetKind.COMMENT: {"author": AUTHOR, "post": "post-1"}}


def put_page(database: Database, voters: int, each: int = 40) -> list[Target]:
    """Put the targets into a database, and return them; the first of each type has so many voters, moved out of it."""
    liked_by = [READER, *(f"voter-{number}" for number in range(voters - 1))]
    targets = []
    for kind, name in _COLLECTIONS.items():
        documents = [
            {"_id": f"{kind}-{number}", "upvotes": len(some), "likedBy": some, "downvotes": 0, "dislikedBy": []}
            | _RULES.get(kind, {})
            for number, some in ((number, liked_by if number == 0 else liked_by[:3]) for number in range(each))
        ]
        database[name].insert_many(documents)
        targets += [Target(kind, document["_id"]) for document in documents]
        if not Migration(database, TargetFinder()).move(Target(kind, f"{kind}-0")):
            raise AssertionError(kind)
    return targets
