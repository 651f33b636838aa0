"""Section 10, administration: content, people, sessions and audit over HTTP. Source: ``CONTRACTS.md``, section 10."""
