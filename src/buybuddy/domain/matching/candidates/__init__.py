"""Photos that may show a product, and products that a photo may show."""
