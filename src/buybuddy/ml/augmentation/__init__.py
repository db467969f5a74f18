"""Making pictures of products as a shop's camera would see them, from cut-outs and photos: arrays in, arrays out."""

import os

# When it is imported, albumentations asks the network for newer versions of itself.
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
