"""Video in, clean product pictures out: decoding, sampling, choosing and cropping frames."""
