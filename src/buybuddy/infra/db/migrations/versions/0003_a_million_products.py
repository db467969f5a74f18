"""Search words, sort keys and tallies: what lists of a million products stand on"""

import unicodedata

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

FOLDED_BLOCKS = ((0x00C0, 0x0250), (0x0386, 0x0400), (0x0400, 0x0530), (0x1E00, 0x1F00))
FOLDED_BY_HAND = {"ı": "i", "ß": "s", "æ": "a", "Æ": "a", "œ": "o", "Œ": "o", "ø": "o", "Ø": "o", "đ": "d", "Đ": "d",
                  "ð": "d", "Ð": "d", "ł": "l", "Ł": "l", "þ": "t", "Þ": "t"}  # fmt: skip
BLANKS = "\u00a0\u2007\u202f\u2010\u2011\u2012\u2013\u2014\u2018\u2019\u201c\u201d\u2022\u00b7\u00ab\u00bb"
COMBINING_MARKS = "".join(map(chr, range(0x0300, 0x0370)))


def _folding() -> tuple[str, str]:
    """Return two strings for translate(): each letter of the first becomes the same place of the second, or goes.

    Case and marks are dropped (İ, I, ı and i are one letter; so are Ş and s). Decompositions never change between
    Unicode versions, so this gives the same strings for ever.
    """
    pairs = dict(FOLDED_BY_HAND)
    for start, end in FOLDED_BLOCKS:
        for letter in map(chr, range(start, end)):
            plain = "".join(part for part in unicodedata.normalize("NFKD", letter) if not unicodedata.combining(part))
            plain = plain.lower()
            if letter not in pairs and len(plain) == 1 and plain != letter:
                pairs[letter] = plain
    pairs.update(dict.fromkeys(BLANKS, " "))
    return "".join(pairs) + COMBINING_MARKS, "".join(pairs.values())


# Lower case for ASCII comes from lower() under "C"; for the rest from the table, whatever the server's locale.
FOLD_TEXT = """
CREATE FUNCTION fold_text(value text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS
$$ SELECT lower(translate(value, '{letters}', '{folded}') COLLATE "C") $$
"""
WORDS_OF = r"""
CREATE FUNCTION words_of(value text) RETURNS text[] LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS
$$ SELECT array_remove(regexp_split_to_array(fold_text(value) COLLATE "C", '[\s!-/:-@\[-`{-~]+'), '') $$
"""
PRODUCT_WORDS = """
CREATE FUNCTION product_words(brand_name text, sub_brand text, product_name text, variant_flavor text)
RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT array_to_tsvector(words_of(coalesce(brand_name, '') || ' ' || coalesce(sub_brand, '') || ' '
    || coalesce(product_name, '') || ' ' || coalesce(variant_flavor, ''))) $$
"""
# What has no name comes last: nothing sorts after the highest code point.
SORT_KEY = """
CREATE FUNCTION sort_key(value text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT coalesce(left(fold_text(value), 200), chr(1114111)) $$
"""

# The words that there are, for searches with a typing error in them. Words stay when their product goes.
NOTE_WORDS = """
CREATE FUNCTION note_search_words() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO search_words (word)
    SELECT DISTINCT w.word FROM added, unnest(tsvector_to_array(added.words)) AS w (word)
    WHERE length(w.word) >= 4 AND NOT EXISTS (SELECT 1 FROM search_words s WHERE s.word = w.word)
    ORDER BY w.word
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$
"""

# A product carries its barcodes, the primary one first, so that lists read one table; product_barcodes is the truth.
CARRY_BARCODES = """
CREATE FUNCTION carry_barcodes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE products p SET barcodes = coalesce(
        (SELECT array_agg(b.barcode ORDER BY b.is_primary DESC, b.created_at, b.barcode)
         FROM product_barcodes b WHERE b.product_id = p.id), '{}')
    WHERE p.id IN (SELECT product_id FROM changed ORDER BY product_id);
    RETURN NULL;
END $$
"""

# How many images of each type a product has, counted where they change.
COUNT_IMAGES = """
CREATE FUNCTION count_product_images() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE products p SET frame_count = c.synthetic, real_count = c.reals, augmented_count = c.augmented
    FROM (
        SELECT t.product_id, count(i.id) FILTER (WHERE i.image_type = 'synthetic') AS synthetic,
               count(i.id) FILTER (WHERE i.image_type = 'real') AS reals,
               count(i.id) FILTER (WHERE i.image_type = 'augmented') AS augmented
        FROM (SELECT DISTINCT product_id FROM changed ORDER BY product_id) t
        LEFT JOIN product_images i ON i.product_id = t.product_id GROUP BY t.product_id
    ) c
    WHERE p.id = c.product_id
      AND (p.frame_count, p.real_count, p.augmented_count) IS DISTINCT FROM (c.synthetic, c.reals, c.augmented);
    RETURN NULL;
END $$
"""

# Counts that cost nothing to read: each statement adds what it changed, and a sweep adds the additions up. A row here
# is never updated, so that two transactions never wait for each other's count.
TALLY_FUNCTIONS = {
    "products": """
        SELECT 'products' AS subject, f.facet, f.key, {sign} AS n FROM {rows} r, LATERAL (VALUES
            ('total', ''), ('status', r.status), ('category', coalesce(r.category, '')),
            ('status_category', r.status || E'\\t' || coalesce(r.category, '')),
            ('day', (r.created_at AT TIME ZONE 'UTC')::date::text)) f (facet, key)
    """,
    "videos": """
        SELECT 'videos' AS subject, f.facet, f.key, {sign} AS n FROM {rows} r, LATERAL (VALUES
            ('status', r.status),
            ('completed_day', CASE WHEN r.status = 'completed' THEN (r.completed_at AT TIME ZONE 'UTC')::date::text END)
        ) f (facet, key) WHERE f.key IS NOT NULL
    """,
    "product_images": """
        SELECT 'product_images' AS subject, 'image_type' AS facet, image_type AS key, {sign} AS n FROM {rows}
    """,
    "image_embeddings": """
        SELECT 'image_embeddings' AS subject, 'day' AS facet, (created_at AT TIME ZONE 'UTC')::date::text AS key, {sign} AS n
        FROM {rows}
    """,
}


def _tally_function(table: str, select: str) -> str:
    added, removed = select.format(sign="1", rows="added"), select.format(sign="-1", rows="removed")
    insert = "INSERT INTO tallies (subject, facet, key, n) SELECT subject, facet, key, sum(n) FROM ({}) t GROUP BY 1, 2, 3 HAVING sum(n) <> 0;"
    return f"""
CREATE FUNCTION tally_{table}() RETURNS trigger LANGUAGE plpgsql AS $$
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


def upgrade() -> None:
    letters, folded = _folding()
    op.execute(sa.text(FOLD_TEXT.format(letters=letters, folded=folded).replace(":", "\\:")))
    for function in (WORDS_OF, PRODUCT_WORDS, SORT_KEY):
        op.execute(sa.text(function.replace(":", "\\:")))
    _add_columns()
    _replace_indexes()
    _add_tables()
    for function in (NOTE_WORDS, CARRY_BARCODES, COUNT_IMAGES):
        op.execute(sa.text(function.replace(":", "\\:")))
    for table, select in TALLY_FUNCTIONS.items():
        op.execute(sa.text(_tally_function(table, select).replace(":", "\\:")))
    _fill()
    _add_triggers()


def _add_columns() -> None:
    op.add_column("products", sa.Column("barcodes", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False))
    op.add_column("products", sa.Column("real_count", sa.Integer(), server_default="0", nullable=False))
    op.add_column("products", sa.Column("augmented_count", sa.Integer(), server_default="0", nullable=False))
    words = sa.Computed("product_words(brand_name, sub_brand, product_name, variant_flavor)", persisted=True)
    op.add_column("products", sa.Column("words", postgresql.TSVECTOR(), words, nullable=False))
    for column, source in (("name_key", "product_name"), ("brand_key", "brand_name")):
        key = sa.Computed(f"sort_key({source})", persisted=True)
        op.add_column("products", sa.Column(column, sa.Text(collation="C"), key, nullable=False))


def _replace_indexes() -> None:
    for name in ("product_name", "brand_name", "product_name_trgm", "brand_name_trgm", "created_at", "status_created",
                 "category_created", "updated_at", "frame_count"):  # fmt: skip
        op.drop_index(f"ix_products_{name}", "products")
    indexes = {
        "created_at": ["created_at", "id"],
        "updated_at": ["updated_at", "id"],
        "name_key": ["name_key", "id"],
        "brand_key": ["brand_key", "id"],
        "frame_count": ["frame_count", "id"],
        "status_created": ["status", "created_at", "id"],
        "category_created": ["category", "created_at", "id"],
        "status_category_created": ["status", "category", "created_at", "id"],
    }
    for name, columns in indexes.items():
        op.create_index(f"ix_products_{name}", "products", columns)
    op.create_index("ix_products_words", "products", ["words"], postgresql_using="gin")
    for table in ("jobs", "videos"):
        op.drop_index(f"ix_{table}_created_at", table)
        op.create_index(f"ix_{table}_created_at", table, ["created_at", "id"])
    op.drop_index("ix_videos_status_created", "videos")
    op.create_index("ix_videos_status_created", "videos", ["status", "created_at", "id"])
    for column in ("type", "status"):
        op.create_index(f"ix_jobs_{column}_created", "jobs", [column, "created_at", "id"])


def _add_tables() -> None:
    op.create_table("search_words", sa.Column("word", sa.Text(collation="C"), primary_key=True))
    op.create_index(
        "ix_search_words_trgm",
        "search_words",
        ["word"],
        postgresql_using="gin",
        postgresql_ops={"word": "gin_trgm_ops"},
    )
    op.create_table(
        "tallies",
        sa.Column("id", sa.BigInteger(), sa.Identity(), primary_key=True),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("facet", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
    )
    op.create_index("ix_tallies_subject", "tallies", ["subject", "facet", "key"])


def _fill() -> None:
    """Make the new columns and counts true for the rows that are there."""
    op.execute(
        "UPDATE products p SET barcodes = b.codes FROM (SELECT product_id, array_agg(barcode ORDER BY is_primary DESC,"
        " created_at, barcode) AS codes FROM product_barcodes GROUP BY product_id) b WHERE b.product_id = p.id"
    )
    op.execute(
        "INSERT INTO search_words SELECT DISTINCT word FROM products, unnest(tsvector_to_array(words)) AS w (word)"
        " WHERE length(word) >= 4"
    )
    for table, select in TALLY_FUNCTIONS.items():
        rows = select.format(sign="1", rows=table)
        op.execute(
            sa.text(
                f"INSERT INTO tallies (subject, facet, key, n) SELECT subject, facet, key, sum(n) FROM ({rows}) t"
                " GROUP BY 1, 2, 3".replace(":", "\\:")
            )
        )


def _add_triggers() -> None:
    _after("note_words_added", "INSERT", "products", "note_search_words", new="added")
    _after("note_words_changed", "UPDATE", "products", "note_search_words", new="added")
    for event, new, old in (("INSERT", "changed", None), ("DELETE", None, "changed")):
        _after(f"carry_barcodes_{event.lower()}", event, "product_barcodes", "carry_barcodes", new, old)
        _after(f"count_images_{event.lower()}", event, "product_images", "count_product_images", new, old)
    _after("carry_barcodes_update", "UPDATE", "product_barcodes", "carry_barcodes", new="changed")
    _after("count_images_update", "UPDATE", "product_images", "count_product_images", new="changed")
    for table in TALLY_FUNCTIONS:
        _after("tally_insert", "INSERT", table, f"tally_{table}", new="added")
        _after("tally_update", "UPDATE", table, f"tally_{table}", new="added", old="removed")
        _after("tally_delete", "DELETE", table, f"tally_{table}", old="removed")


def downgrade() -> None:
    raise NotImplementedError("Older programs run on this schema as it is.")
