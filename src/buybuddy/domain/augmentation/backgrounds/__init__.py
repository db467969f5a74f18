"""The library of pictures that products are laid on."""
