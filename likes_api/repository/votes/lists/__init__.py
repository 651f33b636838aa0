"""Lists of votes, page by page: those of a target, those of a voter."""
