"""What people decide about pairs of a product and a photo, and taking it back."""
