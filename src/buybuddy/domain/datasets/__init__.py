"""Datasets: chosen products, and frozen versions of them to train on."""
