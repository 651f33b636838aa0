"""Applications that use the service as their documentation (docs/integration) says, driven as their visitors do."""
