"""Product videos and shelf photos made by code, with their truth: what the demo, the tests and measurements run on."""
