"""The barcodes of a product: added, removed, one of them primary."""
