"""Types of the values that are sent to MongoDB and read from it."""

from typing import Any

import pymongo.client_session
import pymongo.collection
import pymongo.database

Document = dict[str, Any]
Database = pymongo.database.Database[Document]
Collection = pymongo.collection.Collection[Document]
Session = pymongo.client_session.ClientSession
