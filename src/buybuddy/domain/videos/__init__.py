"""Source videos of products and their way through processing."""
