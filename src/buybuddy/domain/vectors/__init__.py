"""Vectors of images, each tied to the encoder and the preprocessing that made it."""
