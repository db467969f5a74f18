"""Object storage: local disk by default, S3 and its like by STORAGE_URL; one API for both."""

from buybuddy.infra.storage.keys import AREAS, Area, content_type_of, object_key
from buybuddy.infra.storage.objects import ObjectStorage, StoredObject, is_full
from buybuddy.infra.storage.signing import LinkSigner

__all__ = ["AREAS", "Area", "LinkSigner", "ObjectStorage", "StoredObject", "content_type_of", "is_full", "object_key"]
