"""Section 8, the host API: set a vote, read a page's targets at once, list. Source: ``CONTRACTS.md``, section 8."""
