"""Finding a product in a clip and cutting it out, offline."""
