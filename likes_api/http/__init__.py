"""The HTTP that all contracts share: errors, limits, bodies, origins, headers, the request log, operations."""
