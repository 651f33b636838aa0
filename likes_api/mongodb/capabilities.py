"""What the server can do that not every MongoDB can."""

from likes_api.mongodb.documents import Database


def has_transactions(database: Database) -> bool:
    """Whether the server has transactions, and reads of one instant: a replica set or a sharded cluster has.

    One round trip. Source: MongoDB manual, "Transactions" and ``hello``.
    """
    hello = database.client.admin.command("hello")
    return "setName" in hello or hello.get("msg") == "isdbgrid"
