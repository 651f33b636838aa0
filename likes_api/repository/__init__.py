"""MongoDB: the only package that imports pymongo. It knows no Flask.

``StoreError`` is what every call here may raise when the database is away, slow or refuses.
"""

from pymongo.errors import PyMongoError as StoreError

__all__ = ["StoreError"]
