"""The like button and the vote buttons for pages: web components, and the routes that serve them."""
