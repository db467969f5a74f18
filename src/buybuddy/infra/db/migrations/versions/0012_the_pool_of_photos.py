"""Photos from stores, their vectors, and what is decided about them"""

import pgvector.sqlalchemy
import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

# A real image that goes, with its product or alone, leaves its photo in the pool, and nothing says that it was matched.
# Where nobody but the platform had said so, it was wrong, and the platform is not to say it again (automation/repository.py).
RETURN_PHOTOS = """
CREATE FUNCTION return_photos() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM removed WHERE photo_id IS NOT NULL) THEN RETURN NULL; END IF;
    WITH gone AS (
        DELETE FROM match_decisions d USING removed i
        WHERE d.photo_id = i.photo_id AND d.product_id = i.product_id AND d.decision = 'approved'
        RETURNING d.product_id, d.photo_id, d.origin, d.decided_at
    )
    INSERT INTO match_audits AS a (product_id, photo_id, is_right, drawn_at, answered_at)
    SELECT g.product_id, g.photo_id, false, g.decided_at, clock_timestamp()
    FROM gone g JOIN products p ON p.id = g.product_id JOIN real_images r ON r.id = g.photo_id
    WHERE g.origin = 'automatic'
    ON CONFLICT (product_id, photo_id) DO UPDATE SET is_right = false, user_id = NULL, answered_at = clock_timestamp()
    WHERE a.is_right IS DISTINCT FROM false;
    UPDATE real_images r SET status = 'unassigned', product_id = NULL FROM removed i
    WHERE r.id = i.photo_id AND r.status = 'assigned';
    RETURN NULL;
END $$
"""
# The foreign key alone would leave an assigned photo without a product, which no photo may be.
RETURN_PHOTO = """
CREATE FUNCTION return_photo() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.status = 'unassigned';
    RETURN NEW;
END $$
"""
# What candidates are filtered by lies beside the vectors: a look at another table for each costs more than the distance.
FILL_VECTOR = """
CREATE FUNCTION fill_photo_vector() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    SELECT r.status = 'unassigned', r.source, r.captured_at INTO NEW.is_open, NEW.source, NEW.captured_at
    FROM real_images r WHERE r.id = NEW.photo_id;
    RETURN NEW;
END $$
"""
FOLLOW_PHOTOS = """
CREATE FUNCTION follow_photos() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE photo_embeddings e SET is_open = (a.status = 'unassigned'), source = a.source, captured_at = a.captured_at
    FROM after_it a JOIN before_it b ON b.id = a.id
    WHERE e.photo_id = a.id
      AND (a.status, a.source, a.captured_at) IS DISTINCT FROM (b.status, b.source, b.captured_at);
    RETURN NULL;
END $$
"""
# How many photos each status and source has, kept as in migration 0003; most updates change neither.
TALLY_PHOTOS = """
CREATE FUNCTION tally_real_images() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO tallies (subject, facet, key, n)
        SELECT 'real_images', 'status_source', status || E'\\t' || source, count(*) FROM added GROUP BY 3;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO tallies (subject, facet, key, n)
        SELECT 'real_images', 'status_source', status || E'\\t' || source, -count(*) FROM removed GROUP BY 3;
    ELSE
        INSERT INTO tallies (subject, facet, key, n)
        SELECT 'real_images', 'status_source', key, sum(n) FROM (
            SELECT status || E'\\t' || source AS key, 1 AS n FROM added
            UNION ALL SELECT status || E'\\t' || source, -1 FROM removed
        ) changed GROUP BY key HAVING sum(n) <> 0;
    END IF;
    RETURN NULL;
END $$
"""
# With fewer links (m = 16) three photos in a hundred of a product with many were not to be found in a graph of 500,000.
# Each encoder's vectors have a dim of their own, so each encoder has graphs of its own: made with its row, when there is
# nothing to put into them. Still each of the two reads its whole table, and until the commit nobody else writes vectors:
# who adds an encoder lifts the limit of a statement's time before (vectors/repository.py), since a function cannot lift
# that of the statement it runs in. The platform's own role owns no table: the function runs as the owner.
MAKE_GRAPHS_OF = """
CREATE FUNCTION make_graphs_of(encoder uuid, dim integer) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT AS $$
DECLARE
    suffix text := replace(encoder::text, '-', '');
BEGIN
    EXECUTE format(
        'CREATE INDEX photo_graph_%s ON photo_embeddings USING hnsw ((embedding::halfvec(%s)) halfvec_ip_ops)'
        ' WITH (m = 24, ef_construction = 128) WHERE encoder_id = %L AND is_open', suffix, dim, encoder);
    EXECUTE format(
        'CREATE INDEX image_graph_%s ON image_embeddings USING hnsw ((embedding::halfvec(%s)) halfvec_ip_ops)'
        ' WITH (m = 24, ef_construction = 128) WHERE encoder_id = %L', suffix, dim, encoder);
END $$
"""
MAKE_GRAPHS = """
CREATE FUNCTION make_graphs() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM make_graphs_of(NEW.id, NEW.dim);
    RETURN NULL;
END $$
"""
DROP_GRAPHS = """
CREATE FUNCTION drop_graphs() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    suffix text := replace(OLD.id::text, '-', '');
BEGIN
    EXECUTE format('DROP INDEX IF EXISTS photo_graph_%s, image_graph_%s', suffix, suffix);
    RETURN NULL;
END $$
"""

# A product is ready once it has enough real images, and needs matching again when it no longer has; a status that a
# person has given it in spite of them stays. The sweep that follows a changed number of enough asks the same function.
STATUS_BY_REAL_IMAGES = """
CREATE FUNCTION status_by_real_images(
    status text, n_before integer, n_after integer, enough_before integer, enough_after integer
) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN status = 'needs_matching' AND n_after >= enough_after AND (n_after > n_before OR n_before < enough_before)
            THEN 'ready'
        WHEN status = 'ready' AND n_before >= enough_before AND n_after < enough_after THEN 'needs_matching'
        ELSE status
    END
$$
"""
# Whatever changes its real images, and whatever makes it one that needs matching at last: nobody has to think of it.
# While the sweep is at it, products may still be as another number had them.
FOLLOW_REAL_IMAGES = """
CREATE FUNCTION follow_real_images() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    enough integer;
    enough_before integer;
BEGIN
    SELECT s.ready_after, least(s.ready_after, (SELECT min(c.ready_before) FROM ready_changes c))
    INTO enough, enough_before FROM matching_settings s;
    NEW.status = status_by_real_images(
        NEW.status, CASE WHEN OLD.status IN ('pending', 'processing') THEN 0 ELSE OLD.real_count END, NEW.real_count,
        enough_before, enough);
    RETURN NEW;
END $$
"""

# Whatever changes what the queue says of a product leaves a row that says so; the worker's sweep counts it anew.
NOTE_STATUS = """
CREATE FUNCTION note_matching_status() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO matching_changes (product_id) VALUES (NEW.id);
    RETURN NULL;
END $$
"""
NOTE_PAIRS = """
CREATE FUNCTION note_matching_pairs() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN INSERT INTO matching_changes (product_id) SELECT DISTINCT product_id FROM removed;
    ELSE INSERT INTO matching_changes (product_id) SELECT DISTINCT product_id FROM added;
    END IF;
    RETURN NULL;
END $$
"""
NOTE_PHOTOS = """
CREATE FUNCTION note_matching_photos() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO matching_changes (product_id) SELECT DISTINCT s.product_id
    FROM after_it a JOIN before_it b ON b.id = a.id JOIN match_suggestions s ON s.photo_id = a.id
    WHERE (a.status, a.group_id, a.barcode, a.barcodes_seen)
        IS DISTINCT FROM (b.status, b.group_id, b.barcode, b.barcodes_seen);
    RETURN NULL;
END $$
"""
TALLIES = {
    "image_embeddings": """
        SELECT 'image_embeddings' AS subject, f.facet, f.key, {sign} AS n FROM {rows} r, LATERAL (VALUES
            ('day', (r.created_at AT TIME ZONE 'UTC')::date::text), ('encoder', r.encoder_id::text)) f (facet, key)
    """,
    "photo_embeddings": """
        SELECT 'photo_embeddings' AS subject, 'encoder' AS facet, r.encoder_id::text AS key, {sign} AS n FROM {rows} r
    """,
    "match_decisions": """
        SELECT 'match_decisions' AS subject, 'person' AS facet, r.user_id::text AS key, {sign} AS n FROM {rows} r
        WHERE r.origin = 'person' AND r.user_id IS NOT NULL
    """,
    "matching_queue": """
        SELECT 'matching_queue' AS subject, 'candidates' AS facet, r.status AS key, {sign} * r.n_candidates AS n
        FROM {rows} r
    """,
}


def _tally_function(table: str, select: str) -> str:
    """Build the function of migration 0003's kind that keeps a table's tallies."""
    added, removed = select.format(sign="1", rows="added"), select.format(sign="-1", rows="removed")
    insert = "INSERT INTO tallies (subject, facet, key, n) SELECT subject, facet, key, sum(n) FROM ({}) t GROUP BY 1, 2, 3 HAVING sum(n) <> 0;"
    return f"""
CREATE OR REPLACE FUNCTION tally_{table}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN {insert.format(added)}
    ELSIF TG_OP = 'DELETE' THEN {insert.format(removed)}
    ELSE {insert.format(added + " UNION ALL " + removed)}
    END IF;
    RETURN NULL;
END $$
"""


def _after(name: str, event: str, table: str, function: str, new: str | None = None, old: str | None = None) -> None:
    tables = " ".join(([f"NEW TABLE AS {new}"] if new else []) + ([f"OLD TABLE AS {old}"] if old else []))
    op.execute(
        f"CREATE TRIGGER {name} AFTER {event} ON {table} REFERENCING {tables} FOR EACH STATEMENT EXECUTE FUNCTION {function}()"
    )


def _follow_the_queue() -> None:
    """Keep tallies and notes of what the queue of matching is counted from."""
    for function in (NOTE_STATUS, NOTE_PAIRS, NOTE_PHOTOS, STATUS_BY_REAL_IMAGES, FOLLOW_REAL_IMAGES):
        op.execute(sa.text(function.replace(":", "\\:")))
    for table, select in TALLIES.items():
        op.execute(sa.text(_tally_function(table, select).replace(":", "\\:")))
        if table != "image_embeddings":  # its triggers are there
            _after("tally_insert", "INSERT", table, f"tally_{table}", new="added")
            _after("tally_update", "UPDATE", table, f"tally_{table}", new="added", old="removed")
            _after("tally_delete", "DELETE", table, f"tally_{table}", old="removed")
    op.execute(
        "INSERT INTO tallies (subject, facet, key, n)"
        " SELECT 'image_embeddings', 'encoder', encoder_id, count(*) FROM image_embeddings GROUP BY encoder_id"
    )
    for table in ("match_suggestions", "match_decisions"):
        _after("note_matching_insert", "INSERT", table, "note_matching_pairs", new="added")
        _after("note_matching_update", "UPDATE", table, "note_matching_pairs", new="added")
        _after("note_matching_delete", "DELETE", table, "note_matching_pairs", old="removed")
    _after("note_matching", "UPDATE", "real_images", "note_matching_photos", new="after_it", old="before_it")
    op.execute(
        "CREATE TRIGGER note_matching_new AFTER INSERT ON products FOR EACH ROW"
        " WHEN (NEW.status = 'needs_matching') EXECUTE FUNCTION note_matching_status()"
    )
    op.execute(
        "CREATE TRIGGER note_matching_status AFTER UPDATE ON products FOR EACH ROW"
        " WHEN (NEW.status <> OLD.status) EXECUTE FUNCTION note_matching_status()"
    )
    op.execute(
        "CREATE TRIGGER follow_real_images BEFORE UPDATE ON products FOR EACH ROW WHEN (NEW.real_count <> OLD.real_count"
        " OR (OLD.status IN ('pending', 'processing') AND NEW.status = 'needs_matching'))"
        " EXECUTE FUNCTION follow_real_images()"
    )
    op.execute("INSERT INTO matching_changes (product_id) SELECT id FROM products WHERE status = 'needs_matching'")


# translate() looks every letter up in a table of 1,700 from its beginning: ten words took 0.2 ms, and a product is folded
# three times in each write. Most texts are ASCII, or are once a few letters are; what is not goes the old way.
KEEP_FOLD_TEXT = """
DO $do$ BEGIN
    EXECUTE format(
        'CREATE FUNCTION fold_any_text(value text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS %L',
        (SELECT prosrc FROM pg_proc WHERE oid = 'fold_text(text)'::regprocedure));
END $do$
"""
FOLD_TEXT = """
CREATE OR REPLACE FUNCTION fold_text(value text) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    plain text := value;
BEGIN
    IF octet_length(plain) > char_length(plain) THEN
        plain := translate(value, 'çğıöşüÇĞİÖŞÜâîûéèêäëïñáíóúàÂÎÛÉÄ', 'cgiosucgiosuaiueeeaeinaiouaaiuea');
        IF octet_length(plain) > char_length(plain) THEN
            RETURN fold_any_text(value);
        END IF;
    END IF;
    RETURN lower(plain COLLATE "C");
END $$
"""
# Who writes a product with its barcodes in it already need not have it written twice.
CARRY_BARCODES = """
CREATE OR REPLACE FUNCTION carry_barcodes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE products p SET barcodes = c.barcodes
    FROM (
        SELECT t.product_id, coalesce(
            (SELECT array_agg(CAST(b.barcode AS text) ORDER BY b.is_primary DESC, b.created_at, b.barcode)
             FROM product_barcodes b WHERE b.product_id = t.product_id), '{}') AS barcodes
        FROM (SELECT DISTINCT product_id FROM changed ORDER BY product_id) t
    ) c
    WHERE p.id = c.product_id AND p.barcodes IS DISTINCT FROM c.barcodes;
    RETURN NULL;
END $$
"""


def upgrade() -> None:
    for function in (KEEP_FOLD_TEXT, FOLD_TEXT, CARRY_BARCODES):
        op.execute(sa.text(function.replace(":", "\\:")))
    op.create_table(
        "matching_settings",
        sa.Column("id", sa.Integer(), server_default="1", nullable=False),
        sa.Column("ready_after", sa.Integer(), server_default="3", nullable=False),
        sa.Column("is_automatic", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("precision_target", sa.Float(precision=53), server_default="0.99", nullable=False),
        sa.Column("audit_share", sa.Float(precision=53), server_default="0.1", nullable=False),
        sa.Column("automatic_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("suggested_encoder_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint("audit_share BETWEEN 0.01 AND 1", name=op.f("ck_matching_settings_audit_share")),
        sa.CheckConstraint("id = 1", name=op.f("ck_matching_settings_one_row")),
        sa.CheckConstraint(
            "precision_target BETWEEN 0.5 AND 0.9997", name=op.f("ck_matching_settings_precision_target")
        ),
        sa.CheckConstraint("ready_after BETWEEN 1 AND 1000", name=op.f("ck_matching_settings_ready_after")),
        sa.ForeignKeyConstraint(
            ["suggested_encoder_id"],
            ["encoders.id"],
            name=op.f("fk_matching_settings_suggested_encoder_id"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_matching_settings")),
    )
    op.create_table(
        "ready_changes",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("ready_before", sa.Integer(), nullable=False),
        sa.Column("ready_after", sa.Integer(), nullable=False),
        sa.Column("done_up_to", sa.Uuid(), server_default="00000000-0000-0000-0000-000000000000", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ready_changes")),
    )
    op.create_table(
        "photo_imports",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("created_by_name", sa.String(), nullable=False),
        sa.Column("n_new", sa.Integer(), server_default="0", nullable=False),
        sa.Column("n_known", sa.Integer(), server_default="0", nullable=False),
        sa.Column("n_refused", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["created_by"], ["users.id"], name=op.f("fk_photo_imports_created_by"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_photo_imports")),
    )
    op.create_index("ix_photo_imports_created_at", "photo_imports", ["created_at", "id"])
    op.create_index(op.f("ix_photo_imports_created_by"), "photo_imports", ["created_by"])
    op.create_table(
        "matching_queue",
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("n_candidates", sa.Integer(), nullable=False),
        sa.Column("expected_matches", sa.Float(precision=53), nullable=False),
        sa.Column("best_similarity", sa.Float(precision=53), nullable=True),
        sa.Column(
            "counted_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.ForeignKeyConstraint(
            ["product_id"], ["products.id"], name=op.f("fk_matching_queue_product_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("product_id", name=op.f("pk_matching_queue")),
    )
    op.create_index("ix_matching_queue_gain", "matching_queue", ["status", "expected_matches", "product_id"])
    op.create_index(
        "ix_matching_queue_counted", "matching_queue", ["counted_at"], postgresql_where=sa.text("expected_matches > 0")
    )
    op.create_table(
        "matching_changes",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_matching_changes")),
    )
    op.create_table(
        "approval_wishes",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("last_change_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approval_wishes")),
    )
    op.create_table(
        "matching_calibrations",
        sa.Column("encoder_id", sa.Uuid(), nullable=False),
        sa.Column("curve", postgresql.JSONB(), nullable=False),
        sa.Column("n_decisions", sa.Integer(), nullable=False),
        sa.Column("fitted_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("looked_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["encoder_id"], ["encoders.id"], name=op.f("fk_matching_calibrations_encoder_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("encoder_id", name=op.f("pk_matching_calibrations")),
    )
    op.create_table(
        "photo_import_problems",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("import_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["import_id"], ["photo_imports.id"], name=op.f("fk_photo_import_problems_import_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_photo_import_problems")),
    )
    op.create_index("ix_photo_import_problems_import", "photo_import_problems", ["import_id", "id"])
    op.create_table(
        "photo_import_parts",
        sa.Column("import_id", sa.Uuid(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["import_id"], ["photo_imports.id"], name=op.f("fk_photo_import_parts_import_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("import_id", "sha256", name=op.f("pk_photo_import_parts")),
    )
    op.create_table(
        "real_images",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("import_id", sa.Uuid(), nullable=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("external_id", sa.String(), nullable=True),
        sa.Column("captured_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("barcode", sa.String(), nullable=True),
        sa.Column("barcodes_seen", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("storage_key", sa.String(), nullable=False),
        sa.Column("thumbnail_key", sa.String(), nullable=True),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("width_px", sa.Integer(), nullable=True),
        sa.Column("height_px", sa.Integer(), nullable=True),
        sa.Column("phash", sa.BigInteger(), nullable=True),
        sa.Column("group_id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=True),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("problem", sa.String(), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "(status = 'assigned') = (product_id IS NOT NULL)", name=op.f("ck_real_images_assigned_has_product")
        ),
        sa.CheckConstraint("status IN ('unassigned','assigned','discarded')", name=op.f("ck_real_images_status")),
        sa.ForeignKeyConstraint(
            ["import_id"], ["photo_imports.id"], name=op.f("fk_real_images_import_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["product_id"], ["products.id"], name=op.f("fk_real_images_product_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_real_images")),
        sa.UniqueConstraint("sha256", name=op.f("uq_real_images_sha256")),
        sa.UniqueConstraint("storage_key", name=op.f("uq_real_images_storage_key")),
    )
    op.create_index("ix_real_images_barcode", "real_images", ["barcode"])
    op.create_index("ix_real_images_barcodes_seen", "real_images", ["barcodes_seen"], postgresql_using="gin")
    op.create_index("ix_real_images_created_at", "real_images", ["created_at", "id"])
    op.create_index("ix_real_images_group", "real_images", ["group_id"])
    op.create_index("ix_real_images_import", "real_images", ["import_id", "created_at", "id"])
    op.create_index("ix_real_images_name", "real_images", [sa.literal_column("md5(name)")])
    op.create_index(
        "ix_real_images_name_start",
        "real_images",
        [sa.literal_column('"left"(name, 100)').label("start")],
        postgresql_ops={"start": "text_pattern_ops"},
    )
    op.create_index(
        "ix_real_images_unread",
        "real_images",
        ["import_id"],
        postgresql_where=sa.text("read_at IS NULL AND problem IS NULL"),
    )
    op.create_index("ix_real_images_phash_0", "real_images", [sa.literal_column("((phash >> 0) & 65535)")])
    op.create_index("ix_real_images_phash_1", "real_images", [sa.literal_column("((phash >> 16) & 65535)")])
    op.create_index("ix_real_images_phash_2", "real_images", [sa.literal_column("((phash >> 32) & 65535)")])
    op.create_index("ix_real_images_phash_3", "real_images", [sa.literal_column("((phash >> 48) & 65535)")])
    op.create_index("ix_real_images_product", "real_images", ["product_id", "created_at", "id"])
    op.create_index("ix_real_images_source_created", "real_images", ["source", "created_at", "id"])
    op.create_index("ix_real_images_status_created", "real_images", ["status", "created_at", "id"])
    op.create_index("uq_real_images_external", "real_images", ["source", "external_id"], unique=True)
    op.create_table(
        "photo_scenes",
        sa.Column("photo_id", sa.Uuid(), nullable=False),
        sa.Column("scene", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["photo_id"], ["real_images.id"], name=op.f("fk_photo_scenes_photo_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("photo_id", name=op.f("pk_photo_scenes")),
    )
    op.create_table(
        "match_audits",
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("photo_id", sa.Uuid(), nullable=False),
        sa.Column("is_right", sa.Boolean(), nullable=True),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("drawn_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["photo_id"], ["real_images.id"], name=op.f("fk_match_audits_photo_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["product_id"], ["products.id"], name=op.f("fk_match_audits_product_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_match_audits_user_id"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("product_id", "photo_id", name=op.f("pk_match_audits")),
    )
    op.create_index(
        "ix_match_audits_open",
        "match_audits",
        ["drawn_at", "product_id", "photo_id"],
        postgresql_where=sa.text("is_right IS NULL"),
    )
    op.create_index(
        "ix_match_audits_answered", "match_audits", ["answered_at"], postgresql_where=sa.text("is_right IS NOT NULL")
    )
    op.create_index(op.f("ix_match_audits_photo_id"), "match_audits", ["photo_id"])
    op.create_table(
        "match_decisions",
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("photo_id", sa.Uuid(), nullable=False),
        sa.Column("decision", sa.String(), nullable=False),
        sa.Column("similarity", sa.Float(precision=53), nullable=True),
        sa.Column("margin", sa.Float(precision=53), nullable=True),
        sa.Column("tier", sa.String(), nullable=False),
        sa.Column("origin", sa.String(), server_default="person", nullable=False),
        sa.Column("encoder_id", sa.Uuid(), nullable=True),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("user_name", sa.String(), nullable=False),
        sa.Column(
            "decided_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.CheckConstraint("decision IN ('approved','rejected','skipped')", name=op.f("ck_match_decisions_decision")),
        sa.CheckConstraint("origin IN ('person','automatic','import')", name=op.f("ck_match_decisions_origin")),
        sa.CheckConstraint("tier IN ('both','barcode','similarity')", name=op.f("ck_match_decisions_tier")),
        sa.ForeignKeyConstraint(
            ["encoder_id"], ["encoders.id"], name=op.f("fk_match_decisions_encoder_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["photo_id"], ["real_images.id"], name=op.f("fk_match_decisions_photo_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["product_id"], ["products.id"], name=op.f("fk_match_decisions_product_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_match_decisions_user_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("product_id", "photo_id", name=op.f("pk_match_decisions")),
    )
    op.create_index(
        "ix_match_decisions_people",
        "match_decisions",
        ["decided_at", "product_id", "photo_id"],
        postgresql_where=sa.text("origin = 'person'"),
    )
    op.create_index("ix_match_decisions_photo", "match_decisions", ["photo_id"])
    op.create_index("ix_match_decisions_user", "match_decisions", ["user_id", "decided_at"])
    op.create_index(
        "uq_match_decisions_approved",
        "match_decisions",
        ["photo_id"],
        unique=True,
        postgresql_where=sa.text("decision = 'approved'"),
    )
    op.create_table(
        "match_suggestions",
        sa.Column("photo_id", sa.Uuid(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("encoder_id", sa.Uuid(), nullable=False),
        sa.Column("similarity", sa.Float(precision=53), nullable=False),
        sa.ForeignKeyConstraint(
            ["encoder_id"], ["encoders.id"], name=op.f("fk_match_suggestions_encoder_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["photo_id"], ["real_images.id"], name=op.f("fk_match_suggestions_photo_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["product_id"], ["products.id"], name=op.f("fk_match_suggestions_product_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("photo_id", "product_id", name=op.f("pk_match_suggestions")),
    )
    op.create_index("ix_match_suggestions_product", "match_suggestions", ["product_id", "similarity"])
    op.create_table(
        "match_evaluations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("encoder_id", sa.Uuid(), nullable=False),
        sa.Column("category", sa.String(), nullable=True),
        sa.Column("n_rows", sa.Integer(), nullable=False),
        sa.Column("n_outside", sa.Integer(), server_default="0", nullable=False),
        sa.Column("n_left_out", sa.Integer(), server_default="0", nullable=False),
        sa.Column("result", postgresql.JSONB(), nullable=True),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("created_by_name", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["created_by"], ["users.id"], name=op.f("fk_match_evaluations_created_by"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["encoder_id"], ["encoders.id"], name=op.f("fk_match_evaluations_encoder_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_match_evaluations")),
    )
    op.create_index("ix_match_evaluations_created_at", "match_evaluations", ["created_at"])
    op.create_index(op.f("ix_match_evaluations_created_by"), "match_evaluations", ["created_by"])
    op.create_index(op.f("ix_match_evaluations_encoder_id"), "match_evaluations", ["encoder_id"])
    op.create_table(
        "match_evaluation_rows",
        sa.Column("evaluation_id", sa.Uuid(), nullable=False),
        sa.Column("row_no", sa.Integer(), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("barcode", sa.String(), nullable=False),
        sa.Column("photo_id", sa.Uuid(), nullable=True),
        sa.Column("product_id", sa.Uuid(), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["evaluation_id"],
            ["match_evaluations.id"],
            name=op.f("fk_match_evaluation_rows_evaluation_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("evaluation_id", "row_no", name=op.f("pk_match_evaluation_rows")),
    )
    op.create_index("ix_match_evaluation_rows_photo", "match_evaluation_rows", ["evaluation_id", "photo_id"])
    op.create_index(
        "ix_match_evaluation_rows_out",
        "match_evaluation_rows",
        ["evaluation_id", "row_no"],
        postgresql_where=sa.text("reason IS NOT NULL"),
    )
    op.create_table(
        "photo_embeddings",
        sa.Column("encoder_id", sa.Uuid(), nullable=False),
        sa.Column("photo_id", sa.Uuid(), nullable=False),
        sa.Column("embedding", pgvector.sqlalchemy.vector.VECTOR(), nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("captured_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "signs",
            postgresql.BIT(varying=True),
            sa.Computed("binary_quantize(embedding)::bit varying", persisted=True),
            nullable=False,
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["encoder_id"], ["encoders.id"], name=op.f("fk_photo_embeddings_encoder_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["photo_id"], ["real_images.id"], name=op.f("fk_photo_embeddings_photo_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("encoder_id", "photo_id", name=op.f("pk_photo_embeddings")),
    )
    op.create_index(op.f("ix_photo_embeddings_photo_id"), "photo_embeddings", ["photo_id"])
    for name, columns in {
        "source": ["encoder_id", "source", "captured_at"],
        "captured": ["encoder_id", "captured_at"],
    }.items():
        op.create_index(
            f"ix_photo_embeddings_{name}",
            "photo_embeddings",
            columns,
            postgresql_where=sa.text("is_open"),
            postgresql_include=["photo_id", "signs"],
        )
    op.add_column("encoders", sa.Column("is_serving", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.create_index(
        "uq_encoders_serving", "encoders", ["is_serving"], unique=True, postgresql_where=sa.text("is_serving")
    )
    op.add_column("product_images", sa.Column("photo_id", sa.Uuid(), nullable=True))
    op.create_index(
        "uq_product_images_photo",
        "product_images",
        ["photo_id"],
        unique=True,
        postgresql_where=sa.text("photo_id IS NOT NULL"),
    )
    op.create_foreign_key(
        op.f("fk_product_images_photo_id"), "product_images", "real_images", ["photo_id"], ["id"], ondelete="CASCADE"
    )
    op.create_check_constraint(
        op.f("ck_product_images_matched_has_photo"), "product_images", "(source = 'matching') = (photo_id IS NOT NULL)"
    )
    op.execute("INSERT INTO matching_settings (id) VALUES (1)")
    op.execute(
        "UPDATE encoders SET is_serving = true WHERE id = (SELECT id FROM encoders ORDER BY created_at DESC LIMIT 1)"
    )
    for function in (
        RETURN_PHOTOS, RETURN_PHOTO, FILL_VECTOR, FOLLOW_PHOTOS, TALLY_PHOTOS, MAKE_GRAPHS_OF, MAKE_GRAPHS, DROP_GRAPHS
    ):  # fmt: skip
        op.execute(sa.text(function.replace(":", "\\:")))
    op.execute(
        "CREATE TRIGGER return_photos AFTER DELETE ON product_images REFERENCING OLD TABLE AS removed"
        " FOR EACH STATEMENT EXECUTE FUNCTION return_photos()"
    )
    op.execute(
        "CREATE TRIGGER return_photo BEFORE UPDATE ON real_images FOR EACH ROW"
        " WHEN (NEW.product_id IS NULL AND NEW.status = 'assigned') EXECUTE FUNCTION return_photo()"
    )
    op.execute(
        "CREATE TRIGGER fill_photo_vector BEFORE INSERT ON photo_embeddings FOR EACH ROW"
        " EXECUTE FUNCTION fill_photo_vector()"
    )
    op.execute(
        "CREATE TRIGGER follow_photos AFTER UPDATE ON real_images REFERENCING OLD TABLE AS before_it"
        " NEW TABLE AS after_it FOR EACH STATEMENT EXECUTE FUNCTION follow_photos()"
    )
    for event, rows in {
        "INSERT": "NEW TABLE AS added",
        "UPDATE": "NEW TABLE AS added OLD TABLE AS removed",
        "DELETE": "OLD TABLE AS removed",
    }.items():
        op.execute(
            f"CREATE TRIGGER tally_{event.lower()} AFTER {event} ON real_images REFERENCING {rows}"
            " FOR EACH STATEMENT EXECUTE FUNCTION tally_real_images()"
        )
    for table in ("photo_embeddings", "image_embeddings"):  # in line: a vector out of line is read three times slower
        op.execute(f"ALTER TABLE {table} ALTER COLUMN embedding SET STORAGE MAIN")
    op.execute("SELECT make_graphs_of(id, dim) FROM encoders")
    op.execute("CREATE TRIGGER make_graphs AFTER INSERT ON encoders FOR EACH ROW EXECUTE FUNCTION make_graphs()")
    op.execute("CREATE TRIGGER drop_graphs AFTER DELETE ON encoders FOR EACH ROW EXECUTE FUNCTION drop_graphs()")
    op.execute("CREATE TRIGGER touch BEFORE UPDATE ON real_images FOR EACH ROW EXECUTE FUNCTION touch_row()")
    _follow_the_queue()


def downgrade() -> None:
    raise NotImplementedError("Older programs run on this schema as it is.")
