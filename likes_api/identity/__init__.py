"""The caller of a request, by one module for each credential; each returns a ``Caller``."""
