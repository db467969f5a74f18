"""Photos from stores, and the imports that brought them."""

import datetime as dt
import uuid

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, literal_column, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import Text

from buybuddy.domain.accounts.tables import User
from buybuddy.domain.products.tables import Product
from buybuddy.infra.db import Base, CreatedAt, EditedRow, new_id


class PhotoImport(Base, CreatedAt):
    """One folder, ZIP, manifest or upload of photos, and what became of its files."""

    __tablename__ = "photo_imports"
    __table_args__ = (Index("ix_photo_imports_created_at", "created_at", "id"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    label: Mapped[str]
    source: Mapped[str]
    created_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey(User.id, ondelete="SET NULL"), index=True)
    created_by_name: Mapped[str]
    n_new: Mapped[int] = mapped_column(server_default="0")
    n_known: Mapped[int] = mapped_column(server_default="0")
    n_refused: Mapped[int] = mapped_column(server_default="0")


class PhotoImportProblem(Base, CreatedAt):
    """A file of an import that is no photo, or whose photo has a problem, and why."""

    __tablename__ = "photo_import_problems"
    __table_args__ = (Index("ix_photo_import_problems_import", "import_id", "id"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    import_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(PhotoImport.id, ondelete="CASCADE"))
    name: Mapped[str]
    reason: Mapped[str]


class PhotoImportPart(Base):
    """Files of a request that an import has counted, as one digest of them: the same again is not counted again."""

    __tablename__ = "photo_import_parts"

    import_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(PhotoImport.id, ondelete="CASCADE"), primary_key=True)
    sha256: Mapped[str] = mapped_column(primary_key=True)


class Photo(Base, EditedRow):
    """One photo of the pool; the same bytes are one photo, whoever brings them.

    Its objects are its own: the real image that an approval makes of it (image_id) points at them, and when that image
    or its product is removed, a trigger brings the photo back into the pool (migration 0012).

    Columns:
        name: the path as it was imported, or the file's name.
        barcode: what the import says that the photo shows; `barcodes_seen` were read in the picture.
        group_id: photos of one scene have one; that of its first photo.
        phash: 64 bits that near-duplicates share but for a few.
        read_at: when the picture was read and embedded; before that it is no candidate.
        problem: why it could not be read; then it is discarded.
    """

    __tablename__ = "real_images"
    __table_args__ = (
        CheckConstraint("status IN ('unassigned','assigned','discarded')", name="status"),
        CheckConstraint("(status = 'assigned') = (product_id IS NOT NULL)", name="assigned_has_product"),
        Index("ix_real_images_created_at", "created_at", "id"),
        Index("ix_real_images_status_created", "status", "created_at", "id"),
        Index("ix_real_images_source_created", "source", "created_at", "id"),
        Index("ix_real_images_product", "product_id", "created_at", "id"),
        Index("ix_real_images_group", "group_id"),
        Index("ix_real_images_barcode", "barcode"),
        Index("ix_real_images_barcodes_seen", "barcodes_seen", postgresql_using="gin"),
        Index("uq_real_images_external", "source", "external_id", unique=True),
        Index("ix_real_images_import", "import_id", "created_at", "id"),
        Index("ix_real_images_unread", "import_id", postgresql_where=text("read_at IS NULL AND problem IS NULL")),
        Index("ix_real_images_name", text("md5(name)")),
        Index(
            "ix_real_images_name_start",
            literal_column('"left"(name, 100)').label("start"),
            postgresql_ops={"start": "text_pattern_ops"},
        ),
        *(
            Index(f"ix_real_images_phash_{band}", text(f"((phash >> {16 * band}) & 65535)"))
            for band in range(4)
        ),
    )  # fmt: skip

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    import_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey(PhotoImport.id, ondelete="SET NULL"))
    name: Mapped[str]
    source: Mapped[str]
    external_id: Mapped[str | None]
    captured_at: Mapped[dt.datetime | None]
    barcode: Mapped[str | None]
    barcodes_seen: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    storage_key: Mapped[str] = mapped_column(unique=True)
    thumbnail_key: Mapped[str | None]
    sha256: Mapped[str] = mapped_column(unique=True)
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    width_px: Mapped[int | None]
    height_px: Mapped[int | None]
    phash: Mapped[int | None] = mapped_column(BigInteger)
    group_id: Mapped[uuid.UUID]
    status: Mapped[str]
    product_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey(Product.id, ondelete="SET NULL"))
    read_at: Mapped[dt.datetime | None]
    problem: Mapped[str | None]


class PhotoScene(Base):
    """A photo in little: what tells a near-duplicate from a look-alike. Apart, so that lists do not read over it.

    Columns:
        scene: (16, 16, 3) uint8 RGB.
    """

    __tablename__ = "photo_scenes"

    photo_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Photo.id, ondelete="CASCADE"), primary_key=True)
    scene: Mapped[bytes]
