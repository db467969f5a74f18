"""Fill a database with a made-up catalogue of any size, in bulk: triggers and secondary indexes wait until it is in."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from psycopg import sql

from buybuddy.benchmarks.made_up_words import VARIANTS, make_brands, make_categories, make_names
from buybuddy.errors import Conflict

BATCH = 100_000
TABLES = ("products", "product_barcodes", "product_images")
KINDS = {"brand": "brands", "name": "names", "variant": "variants", "category": "categories"}
VOCABULARY = {
    "brand": make_brands(5_000),
    "name": make_names(40_000),
    "variant": VARIANTS,
    "category": make_categories(400),
}
Report = Callable[[float, str], None]
Connection = psycopg.Connection[tuple[object, ...]]


@dataclass(frozen=True)
class CatalogueSize:
    """How much to make.

    Args:
        n_barcodes: at least one a product; the rest are second ones.
        n_images: spread evenly.
    """

    n_products: int = 1_000_000
    n_barcodes: int = 1_300_000
    n_images: int = 5_000_000


# power(random(), 3) makes the first words of a list far more frequent than the last.
_LUCK = """
SELECT g, random() AS luck, now() - random() * interval '3 years' AS made_at,
    floor(power(random(), 3) * %(n_brands)s)::int AS brand_no, floor(power(random(), 2) * %(n_names)s)::int AS name_no,
    floor(random() * 2 * %(n_variants)s)::int AS variant_no,
    floor(power(random(), 2) * %(n_categories)s)::int AS category_no
FROM generate_series(%(start)s::int, %(end)s::int) AS g
"""
_PICKED = f"""
SELECT l.g, l.luck, l.made_at, b.word AS brand_name, n.word AS product_name, v.word AS variant_flavor,
    c.word AS category, (ARRAY['box', 'bottle', 'bag', 'can', 'jar'])[1 + l.g %% 5] AS container_type,
    (50 * (1 + l.g %% 40))::text || ' g' AS net_quantity
FROM ({_LUCK}) l JOIN vocabulary b ON b.kind = 'brand' AND b.no = l.brand_no
JOIN vocabulary n ON n.kind = 'name' AND n.no = l.name_no
JOIN vocabulary c ON c.kind = 'category' AND c.no = l.category_no
LEFT JOIN vocabulary v ON v.kind = 'variant' AND v.no = l.variant_no
"""
_PRODUCTS = f"""
INSERT INTO products (id, brand_name, product_name, variant_flavor, category, container_type, net_quantity, status,
    visibility_score, frame_count, barcodes, primary_image_id, created_at, updated_at)
SELECT md5('product ' || g)::uuid, brand_name, product_name, variant_flavor, category, container_type, net_quantity,
    CASE WHEN luck < 0.60 THEN 'ready' WHEN luck < 0.85 THEN 'needs_matching' WHEN luck < 0.93 THEN 'pending'
         WHEN luck < 0.98 THEN 'rejected' ELSE 'processing' END,
    (luck * 100)::int,
    (%(n_images)s::bigint * g / %(n_products)s - %(n_images)s::bigint * (g - 1) / %(n_products)s)::int,
    array_remove(ARRAY[pg_temp.ean('869', g), CASE WHEN g <= %(n_second)s THEN pg_temp.ean('400', g) END], NULL),
    CASE WHEN %(n_images)s >= %(n_products)s
         THEN md5('image ' || (%(n_images)s::bigint * (g - 1) / %(n_products)s + 1))::uuid END,
    made_at, least(made_at + luck * interval '10 days', now())
FROM ({_PICKED}) picked
"""
_BARCODES = """
INSERT INTO product_barcodes (barcode, product_id, is_primary)
SELECT pg_temp.ean(prefix, g), md5('product ' || g)::uuid, prefix = '869'
FROM generate_series(%(start)s::int, %(end)s::int) g, unnest(ARRAY['869', '400']) prefix
WHERE prefix = '869' OR g <= %(n_second)s
"""
_IMAGES = """
INSERT INTO product_images (id, product_id, image_type, source, storage_key, thumbnail_key, frame_index, width_px,
    height_px, size_bytes, sha256)
SELECT md5('image ' || i)::uuid, md5('product ' || g)::uuid, 'synthetic', 'video_frame',
    'frames/made-up/' || i || '.png',
    'frames/made-up/' || i || '-thumbnail.jpg', i - first - 1, 518, 518, 40000, md5('sha ' || i) || md5('256 ' || i)
FROM generate_series(%(start)s::int, %(end)s::int) g,
    LATERAL (SELECT %(n_images)s::bigint * (g - 1) / %(n_products)s AS first) f,
    generate_series(first + 1, %(n_images)s::bigint * g / %(n_products)s) i
"""
# An EAN-13 of a prefix and a number, with its check digit.
_EAN = """
CREATE OR REPLACE FUNCTION pg_temp.ean(prefix text, number bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$
SELECT body || (10 - (SELECT sum(substr(body, p, 1)::int * CASE WHEN p % 2 = 0 THEN 3 ELSE 1 END)
    FROM generate_series(1, 12) p) % 10) % 10
FROM (SELECT prefix || lpad(number::text, 9, '0') AS body) b $$
"""
_COUNTS = (
    "INSERT INTO search_words SELECT DISTINCT word FROM products, unnest(tsvector_to_array(words)) AS w (word)"
    " WHERE length(word) >= 4 ON CONFLICT DO NOTHING",
    "INSERT INTO tallies (subject, facet, key, n) SELECT 'products', f.facet, f.key, count(*) FROM products p,"
    " LATERAL (VALUES ('total', ''), ('status', p.status), ('category', coalesce(p.category, '')),"
    " ('status_category', p.status || E'\\t' || coalesce(p.category, '')),"
    " ('day', (p.created_at AT TIME ZONE 'UTC')::date::text)) f (facet, key) GROUP BY 2, 3",
    "INSERT INTO tallies (subject, facet, key, n) SELECT 'product_images', 'image_type', image_type, count(*)"
    " FROM product_images GROUP BY 3",
)


def seed_catalogue(dsn: str, size: CatalogueSize, report: Report = lambda fraction, step: None) -> None:
    """Fill an empty catalogue; all or nothing. Raises: Conflict when there are products already.

    Args:
        report: hears how far it is, 0 to 1, and what it does.
    """
    with psycopg.connect(dsn, options="-c maintenance_work_mem=1GB -c synchronous_commit=off") as connection:
        if connection.execute("SELECT 1 FROM products LIMIT 1").fetchone():
            raise Conflict("There are products in this catalogue; made-up ones go into an empty one only.")
        connection.execute(_EAN)
        _make_vocabulary(connection)
        with _without_triggers_and_indexes(connection, report):
            _insert(connection, size, report)
        for number, statement in enumerate(_COUNTS):
            report(0.9 + 0.05 * number / len(_COUNTS), "counting")
            connection.execute(statement)
    with psycopg.connect(dsn, autocommit=True) as connection:
        report(0.95, "gathering statistics")
        for table in (*TABLES, "search_words", "tallies"):
            connection.execute(sql.SQL("VACUUM (ANALYZE) {}").format(sql.Identifier(table)))
    report(1.0, "done")


def _make_vocabulary(connection: Connection) -> None:
    connection.execute("CREATE TEMP TABLE vocabulary (kind text, no int, word text) ON COMMIT DROP")
    with connection.cursor().copy("COPY vocabulary FROM STDIN") as copy:
        for kind, words in VOCABULARY.items():
            for number, word in enumerate(words):
                copy.write_row((kind, number, word))
    connection.execute("ANALYZE vocabulary")
    connection.execute("SELECT setseed(0.5)")


def _insert(connection: Connection, size: CatalogueSize, report: Report) -> None:
    values = {
        "n_products": size.n_products,
        "n_images": size.n_images,
        "n_second": size.n_barcodes - size.n_products,
        **{f"n_{name}": len(VOCABULARY[kind]) for kind, name in KINDS.items()},
    }
    for start in range(1, size.n_products + 1, BATCH):
        end = min(start + BATCH - 1, size.n_products)
        for statement in (_PRODUCTS, _BARCODES, _IMAGES):
            connection.execute(statement.encode(), {**values, "start": start, "end": end})
        report(0.6 * end / size.n_products, f"{end:,} products")


@contextmanager
def _without_triggers_and_indexes(connection: Connection, report: Report) -> Iterator[None]:
    """Drop what would be kept up row by row, foreign keys included, and make it anew afterwards."""
    definitions = _secondary_indexes(connection)
    keys = connection.execute(
        "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE contype = 'f' AND conrelid = ANY(%s::regclass[])",
        (list(TABLES),),
    ).fetchall()
    for owner, key, _ in keys:
        connection.execute(f'ALTER TABLE {owner} DROP CONSTRAINT "{key}"'.encode())
    for name in TABLES:
        connection.execute(sql.SQL("ALTER TABLE {} DISABLE TRIGGER USER").format(sql.Identifier(name)))
    for index, _ in definitions:
        connection.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(index)))
    yield
    for number, (index, definition) in enumerate(definitions):
        report(0.6 + 0.25 * number / len(definitions), f"index {index}")
        connection.execute(definition.encode())
    report(0.85, "foreign keys")
    for owner, key, constraint in keys:
        connection.execute(f'ALTER TABLE {owner} ADD CONSTRAINT "{key}" {constraint}'.encode())
    for name in TABLES:
        connection.execute(sql.SQL("ALTER TABLE {} ENABLE TRIGGER USER").format(sql.Identifier(name)))


def _secondary_indexes(connection: Connection) -> Sequence[tuple[str, str]]:
    """Return name and definition of every index that no constraint needs."""
    rows = connection.execute(
        "SELECT c.relname::text, pg_get_indexdef(i.indexrelid) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
        " WHERE i.indrelid = ANY(%s::regclass[])"
        " AND NOT EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conindid = i.indexrelid) ORDER BY 1",
        (list(TABLES),),
    ).fetchall()
    return [(str(name), str(definition)) for name, definition in rows]
