"""Products that are ready by another number of real images than before."""
