"""Contract 2, Simple Likes: the like button of a page's entries, for users and guests. Source: ``seeds/000``."""
