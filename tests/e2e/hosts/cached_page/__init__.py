"""The host of docs/integration/cached-page.md."""
