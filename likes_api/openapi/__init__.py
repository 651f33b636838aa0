"""The published interface: the OpenAPI document of the contracts, made from the descriptions of their routes."""
