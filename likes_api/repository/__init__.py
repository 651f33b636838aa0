"""MongoDB: the only package that imports pymongo. It knows no Flask.

Every call here may raise ``StoreError``, when the database is unavailable, slow or refuses.
"""

from pymongo.errors import PyMongoError as StoreError

__all__ = ["StoreError"]
