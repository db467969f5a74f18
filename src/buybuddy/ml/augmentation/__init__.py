"""Making pictures of products as a shop's camera would see them, from cut-outs and photos: arrays in, arrays out."""
