"""From a photo to its product."""
