"""Contract 1, Q&A votes: ``POST /api/likes`` of a Next.js question site. Source: ``seeds/002``."""
