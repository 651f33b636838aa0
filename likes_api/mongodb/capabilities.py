"""Capabilities that not every MongoDB server has."""

from pymongo.server_type import SERVER_TYPE

from likes_api.mongodb.documents import Database


def has_transactions(database: Database) -> bool:
    """Whether the server has transactions, and reads of one instant: a replica set or a sharded cluster has.

    One round trip. Source: MongoDB manual, "Transactions" and ``hello``.
    """
    hello = database.client.admin.command("hello")
    return "setName" in hello or hello.get("msg") == "isdbgrid"


def is_standalone(database: Database) -> bool:
    """Whether the server is known to have no transactions, by what the driver saw last; no round trip."""
    servers = database.client.topology_description.server_descriptions().values()
    return any(server.server_type == SERVER_TYPE.Standalone for server in servers)
