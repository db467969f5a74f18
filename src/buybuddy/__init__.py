"""Buybuddy AI Platform: from product videos to recognition in real photos."""
