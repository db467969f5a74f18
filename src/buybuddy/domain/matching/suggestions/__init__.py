"""Pairs of a photo and a product that look alike, found before anybody asks for them."""
