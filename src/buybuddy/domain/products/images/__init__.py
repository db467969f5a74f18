"""The images of a product."""
