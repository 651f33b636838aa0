"""What all contracts share of HTTP: errors, limits, bodies, origins, headers, the request log, operations."""
