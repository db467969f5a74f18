"""The catalogue: products, their barcodes and their images."""
