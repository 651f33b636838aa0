"""The like button and the vote buttons for pages: web components, and how they are served."""
