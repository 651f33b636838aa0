"""The header of a request that may be sent again, and who has voted on the question of its tests."""

from likes_api.mongodb.documents import Database

KEY = "Idempotency-Key"
UUID = "8e03978e-40d5-43e8-bc93-6894a57f9324"


def voters(database: Database) -> list[str]:
    """List who has voted, in order."""
    found = database["questions"].find_one({"_id": "q_123"}) or {}
    voters: list[str] = found.get("likedBy", [])
    return voters
