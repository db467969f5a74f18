"""What is printed on a pack: barcodes and text read from its pictures, and the rules that make metadata of them."""
