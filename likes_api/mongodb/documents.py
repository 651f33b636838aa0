"""The shape of what goes to and comes from MongoDB."""

from typing import Any

import pymongo.client_session
import pymongo.collection
import pymongo.database

Document = dict[str, Any]
Database = pymongo.database.Database[Document]
Collection = pymongo.collection.Collection[Document]
Session = pymongo.client_session.ClientSession
