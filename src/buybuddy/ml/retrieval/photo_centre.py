"""Where photos from shops lie on average in the encoder's feature space: what a shop, a shelf and a hand look like.

Subtracting most of it leaves what tells products apart. Measured by `buybuddy.benchmarks.retrieval_centre` on 410
photos of 41 products; a centre taken from half of the products serves the other half as well (docs/experiments.md).
"""

import base64

import numpy as np
import numpy.typing as npt

CENTRE_LEVELS = 255
_SHARE = 0.7
_HIGHEST = 0.065617
_LEVELS = (
    "P34hTjkPOSguQF91kyFOZSdiUx9EQDdOUyRaIWc5QCgua0VTTh8bKis4SSsvFWw6SBkiLyu1NTQXDkVoF5sGNjOKgwJdBxYaPGtzNE84KUYmS1"
    "AtJCMgcC0vEzpDJxkjSz5+jhkvD2JcNVFMPkV4L38hW08yXiNQSxcWCDQ1PlJBcBZxbCIfEzs8fiJbT0tBVVgWIEdBSHyGNl5bHFBnHEwvUE81"
    "OhoKEw4PCCEiCzMqFx6JWyRdXDMlUzJHTVA2V3EpMG4pGVk9LXdBOiBUEVccncBBbhg0LEs6LC82LgpHqj+UFC8zRUNsI048jT8QZx8OKUMxNh"
    "42HY0oFUcPLEkvME4ZQiGqKjMqIRREGEc0MR8eLmy7ZzUqozlrmCvTOApvhRwiFCZOLiB8SBEdd1MFX00OOhwgUi02LxUyKjZjgVkVeUlVNjAa"
    "HCIlLmAsHRBPSig1PZEdUTEbLFk/YUVPPg8UIhgjKkIjGUYlegQTFyBwMwUwQT5bQBIlP1IVUSxSTytIeQk0YTwtIiVLJSQmHm8aCR4bME0Zog"
    "9rplkMSjt2LCI0DCVjPCtRJn1GZAQSJk9DN2I+GYMXJioOC1goHTViWk1OKC4zZylYIGk2bDs0XAtSPSZKPSq8Zo0YJjwsc5YcMRkpTjI6G2Ul"
    "FRohLh8mKx5bhyGQKj0FKyJBE20YSSCmER5GI1RjO1R7Dx2wb2QjTwkXTVU1L004FkgJLFMcRYAJi1VZe4sabRf/GU4kYBhWxTRYTXE+NZ0dIp"
    "cnFFEck2QVFhYNBxcWbz42NWeYFwg9Mz5abh1VjX49WCcsbBkZT3QUIGCAOyc8OnSPbUEqQRobUDciVXg5LGJQJTYqVgtPMEOlPFNqNmyzRm5U"
    "IJYvG1k6L00TN3d2RgdGJT96XCMlShUnU0gcLTkkeDAxeR1pQU+2EVwbNhhOIjyEFCIsJy4rCncrcXMWRUEcMS0tXQ4pHG4/BBNTHDEvR09KGU"
    "hURTcwZzkzQToUWr9UDwo6LzYQNsd8ZTlfOb+LZyUTQEplMRpbSDYCQBspYxcPQyU/OgkaFTo8JygUHn4vOBMaKilBSlZIsXBgYSOFMR4jpBEU"
    "IygjOmZbMjoHfWEjFEIgYm9BETAPNB0/H2gXJyY3QBl+ERsXhEI+exAZDoQ1EWFSiDN2OjtLrTcfFnBDTCphXTs0OyISxGggshQ4fi4YDQxFRj"
    "EzGSwaHCQWYBlHHGsPcBhuFjs5IIllGEQeFmWMLw9gFTkaOk0cEytUWjxUGUB7HHsUXhIkERorD5p+LggxPzkOYXNnYhV+YFA9uy5fOjJ0fiZJ"
    "UVUeMggygAqzRGMNIUcpXh42eyxdKhAVng4bRVkcfyE8HzMqNUIWCCFHcn+LED0sQBS3kTG2MEtHHAoZPZ0kIhMTMjgSFkhMDSBaMyRDNDISOR"
    "85N1mHNEFKWGQ9HDAtLxpAPR8cLFhCA0ssGUYpOz0UDw00FyctOBlUH1UhURQjKC9WMWkaG09vJg89L6AsORWcekeRFS4pNzoSGRglL5lIQeWM"
    "HTR/QUYcLXVjIT47aEhEJRI6IS4eQkFXFxUxI1IdMCxTQSOXg0dxJzZLRWJSGVcpLjMyRCVQbFofVzEhWkozFy41TnxsPTdFjzwuekBbJx0pEG"
    "JDBHutbl8QEypCFRRRMBMTYE5BV45YZT8jTDAgNjmNUoYJkhxSHhEaLjE="
)


def build_photo_centre() -> npt.NDArray[np.float32]:
    """Return (1280,) float32, what the encoder subtracts from its unit features."""
    levels = np.frombuffer(base64.b64decode(_LEVELS), dtype=np.uint8)
    return np.asarray(levels.astype(np.float32) * np.float32(_SHARE * _HIGHEST / CENTRE_LEVELS), dtype=np.float32)
