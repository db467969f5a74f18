"""Where photos from shops lie on average in the encoder's feature space: what a shop, a shelf and a hand look like.

Subtracting most of it leaves what tells products apart. Measured on 248 photos of
41 products, as `buybuddy.benchmarks.retrieval_centre` does it; a centre taken from half of the products serves the
other half as well (docs/experiments-retrieval.md).
"""

import base64

import numpy as np
import numpy.typing as npt

CENTRE_LEVELS = 255
_SHARE = 0.7
_HIGHEST = 0.065371
_LEVELS = (
    "MrIePCUWQi8iVD5Kdi03SiBYPyE2TCdFUD82IWxJPjEpWWA/RSAULysnZjMfF2IzViIoOy15Jy0QETVNEL8KP0qRhQI/ChE0PlCMOzo/IjInPV"
    "wmIRsiUBs1GjEpHxghNzlhVyE0D0M+MjdYPDdyJ7ElMVgpSiZfQRYbCjElVUhJVxNSeBomFy08VxpDSVNNRjgVHzMyMGhgSHxgID5FHkkpVD4z"
    "OhoMFxAOCBknDCQwFyBWPxZpSSQeQi0rUF8eQn87N3QlJVwxKXgvPiM7Co4ZY6AxgBAoHGcxJCg0SAY00z9WHCMlM0RLHzM7ZT0VXSMOGjA1MR"
    "EwEn8mFkMMQDAjMEESSzHDIyonLBkqIDRKIB8gII+YSCgfmCxhmSKuMw1OXBMWFCc8HxVSLw8cVkEEaTgOKBkcOiUnKR9OKENOWVMZVT5OICMU"
    "EhcfNXoiIBZ1QxsmNIAjNT8XJUc9Ti5ZURMTJxstJVczIVg4XwUaDyNIKQclKTlBLA0jMDYZeyZKQSVAmAgwnTswMxozMh0nGl8XCRYVKk8aiQ"
    "9gWEYWNy5WJyIhFilqLyJHIXRHcwQQMYktO0A+FFwRHh4SCUAuIyZMOmk9KUVUVRtPFmQtZDI9Ugs9RzI7MS2xWMMgLDcloYoZQSwpPjA6FkwX"
    "DxkYHSQsIiBDgyGHQTIGISUwGFYZORbGFR4xIUNbKj5MExaAaZQtTgkWUT4oIjRDGDQNHUEdMYAJhVY+eNoaXCH/IjceWx9I6jdVM2ZBSGkgFn"
    "w5IVIXX38PFCYYCg8aT2Y4M3tcEQw4KzQ0gBeaXGgrfiQpZBYaQnkXK0GSXygvN0x4R1AiLxYccSoePlA6Il1CODwzUAwyRjl8QmNCKq6lNliP"
    "HXggHHYjH1ghMWN1YQQ9M1xKUyA0ThAoNzoTLCcwZCctnSNGLVeWDEUWLxEvMjVeDBQlKzYgDG4oWE0SSi0eJyUpTRUgEkc0CRFAIEMrMjtGGU"
    "VBYCovgCk8LCYSRO46HBBJMlMWV5JUQDJaMopvrR4MMkJbKBROSjMCTCUYbRsOYxgwLQkfJWcrNjEbGXAiKBcQGyJRPTY/jk1Ojh9vIBgllxQN"
    "GSklUUNIKT0JeIs1FjIdQl42EicUISQkK1EkLxonPTJhFioZejMzeRUbDH8mElFiYiFbQzY9r0sgGUdURjFsiystSzMXmVgfoRUppiETDAo5QR"
    "8zFy8YKx4SYxU9J0ALShNLHUYyIYJ1FikjH3aUIQxOFTUmKy8fFiNFS2QxEz9kIIAZiBQdDREiFJeMMAcmMiYSQGtNfCaESEpi2CA+JUlNfSlg"
    "NHQcPggsdweZVE4OF2skQyYhczNDIA4TdBMcT0sgViAtGCctLj0VCSQwVG+iEE0cLQ1tkSGjIkAyHAoYSoofKQwNLVwQEScqCR9oHC0uOisSKh"
    "QtMDlPKzViP0lUFxw4KxokRhojJzs1AjU0IDMvOEwRDBAmFyssORJJE0EfWRYeHChoK0oVITpvKwoxJmA2PAyPazZ7FyYfOlQdGSMZKPM1M9l8"
    "GzB6LV4gIVptI0s5gC0yJhc9GicnYjRCGRZEH0UgMh41LRlqUWNPPTFsRIU7KDEaPCo8WBo9UjYTOB0eRCkeExstSaKPUS0zvSodZEVQOxszDo"
    "czBWKfaHgPDkJKGBFKKhYMPzMwTI1SO18eQSUtJCWViZ0OZR5WKhgbJ0E="
)


def build_photo_centre() -> npt.NDArray[np.float32]:
    """Return (1280,) float32, what the encoder subtracts from its unit features."""
    levels = np.frombuffer(base64.b64decode(_LEVELS), dtype=np.uint8)
    return np.asarray(levels.astype(np.float32) * np.float32(_SHARE * _HIGHEST / CENTRE_LEVELS), dtype=np.float32)
