"""Decisions about pictures that people send, without database or decoder."""

MOST_FILES = 100
LARGEST_IMAGE_BYTES = 40 * 1024 * 1024
HEAD_BYTES = 12


def image_suffix(head: bytes) -> str | None:
    """Return the suffix to store a picture with, judged by its first HEAD_BYTES bytes; None for what is none we take.

    Source: ITU-T T.81 (JPEG), RFC 2083 (PNG), RFC 9649 (WebP).
    """
    if head.startswith(b"\xff\xd8\xff"):
        return ".jpg"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return ".png"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return ".webp"
    return None
