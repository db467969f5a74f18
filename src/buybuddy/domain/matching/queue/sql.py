"""The statements that count the queue. What a pair is worth is counted as confidence/rules.py counts it."""

from sqlalchemy import text

from buybuddy.domain.matching.confidence.rules import LARGEST_SCORE, MIDDLE, UNIT, WIDEST_MARGIN, Curve

# Open pairs that nobody has decided about. Needs asked (id, codes) and the parameter encoder; gives product_id,
# photo_id, group_id, similarity, margin, has_barcode, and has_other_barcode for one that is not the product's.
OPEN_PAIRS = """
    SELECT a.id AS product_id, s.photo_id, r.group_id, s.similarity, s.similarity - other.best AS margin,
        coalesce(ltrim(r.barcode, '0') = ANY (a.codes), false)
            OR EXISTS (SELECT FROM unnest(r.barcodes_seen) c WHERE ltrim(c, '0') = ANY (a.codes)) AS has_barcode,
        (r.barcode IS NOT NULL AND ltrim(r.barcode, '0') <> ALL (a.codes))
            OR EXISTS (SELECT FROM unnest(r.barcodes_seen) c WHERE ltrim(c, '0') <> ALL (a.codes)) AS has_other_barcode
    FROM asked a
    JOIN match_suggestions s ON s.product_id = a.id AND s.encoder_id = CAST(:encoder AS uuid)
    JOIN real_images r ON r.id = s.photo_id AND r.status = 'unassigned'
    CROSS JOIN LATERAL (
        SELECT max(o.similarity) AS best FROM match_suggestions o
        WHERE o.photo_id = s.photo_id AND o.product_id <> s.product_id AND o.encoder_id = s.encoder_id
    ) other
    WHERE NOT EXISTS (
        SELECT FROM match_decisions d WHERE d.product_id = s.product_id AND d.photo_id = s.photo_id
    )
"""
ASKED = """
    SELECT p.id, p.status, ARRAY(SELECT ltrim(b, '0') FROM unnest(p.barcodes) b) AS codes
    FROM products p WHERE p.id = ANY (CAST(:product_ids AS uuid[]))
"""


def bounded(value: str, limit: float) -> str:
    return f"greatest(-{limit}, least({limit}, {value}))"


SCORE = bounded(
    "CAST(:w0 AS float8)"
    f" + CAST(:w1 AS float8) * (similarity - {MIDDLE}) / {UNIT}"
    f" + CAST(:w2 AS float8) * {bounded('coalesce(margin, 0)', WIDEST_MARGIN)} / {UNIT}"
    " + CAST(:w3 AS float8) * CAST(has_barcode AS int)",
    LARGEST_SCORE,
)
_PIECE = "1 + width_bucket(score, CAST(:edges AS float8[]))"
_LOG_ODDS = f"(CAST(:offsets AS float8[]))[{_PIECE}] + (CAST(:slopes AS float8[]))[{_PIECE}] * score"
CONFIDENCE = f"1 / (1 + exp(-{bounded(_LOG_ODDS, LARGEST_SCORE)}))"

# A card is a group of near-duplicates, and worth what its most convincing photo is; what nobody is shown, nothing.
# Products are held once everything is counted, so that nobody waits for the counting, and in the order of their ids, as
# bulk work holds them. One that was removed meanwhile is passed over; its foreign key would end the whole statement.
COUNT_ANEW = text(f"""
    WITH asked AS MATERIALIZED ({ASKED}),
    scored AS (SELECT pairs.*, {SCORE} AS score FROM ({OPEN_PAIRS}) pairs),
    cards AS (
        SELECT product_id, max({CONFIDENCE}) FILTER (WHERE similarity >= :threshold OR has_barcode) AS confidence,
            max(similarity) AS similarity
        FROM scored GROUP BY product_id, group_id
    ), counted AS MATERIALIZED (
        SELECT a.id, a.status, count(c.confidence) AS n_candidates, coalesce(sum(c.confidence), 0) AS expected_matches,
            max(c.similarity) AS best_similarity
        FROM asked a LEFT JOIN cards c ON c.product_id = a.id GROUP BY a.id, a.status
    ), held AS MATERIALIZED (
        SELECT p.id FROM products p WHERE p.id = ANY (ARRAY(SELECT id FROM counted)) ORDER BY p.id FOR KEY SHARE
    ), wanted AS MATERIALIZED (
        SELECT c.* FROM counted c JOIN held h ON h.id = c.id WHERE c.status = 'needs_matching' OR c.n_candidates > 0
    ), gone AS (
        DELETE FROM matching_queue q USING held h
        WHERE q.product_id = h.id AND NOT EXISTS (SELECT FROM wanted w WHERE w.id = q.product_id)
    )
    INSERT INTO matching_queue AS q (product_id, status, n_candidates, expected_matches, best_similarity)
    SELECT id, status, n_candidates, expected_matches, best_similarity FROM wanted ORDER BY id
    ON CONFLICT (product_id) DO UPDATE SET status = EXCLUDED.status, n_candidates = EXCLUDED.n_candidates,
        expected_matches = EXCLUDED.expected_matches, best_similarity = EXCLUDED.best_similarity,
        counted_at = clock_timestamp()
""")
TAKE_CHANGES = text("""
    DELETE FROM matching_changes WHERE id IN (SELECT id FROM matching_changes ORDER BY id LIMIT :limit)
    RETURNING product_id
""")
# Rows that were counted by an older curve than the encoder's; without pairs to be sure of, a row says what it said.
OUTDATED = text("""
    SELECT q.product_id FROM matching_queue q WHERE q.expected_matches > 0
    AND q.counted_at < (SELECT c.fitted_at FROM matching_calibrations c WHERE c.encoder_id = :encoder)
    ORDER BY q.counted_at LIMIT :limit
""")
POSTPONE_CHANGE = text("""
    WITH first AS (
        DELETE FROM matching_changes WHERE id = (SELECT min(id) FROM matching_changes) RETURNING product_id
    )
    INSERT INTO matching_changes (product_id) SELECT product_id FROM first RETURNING product_id
""")
POSTPONE_OUTDATED = text("""
    UPDATE matching_queue SET counted_at = clock_timestamp() WHERE product_id = (
        SELECT product_id FROM matching_queue WHERE expected_matches > 0 ORDER BY counted_at LIMIT 1
    ) RETURNING product_id
""")


def curve_values(curve: Curve) -> dict[str, object]:
    """Return the parameters of SCORE and CONFIDENCE."""
    named = {f"w{number}": weight for number, weight in enumerate(curve.weights)}
    return {**named, "edges": list(curve.edges), "offsets": list(curve.offsets), "slopes": list(curve.slopes)}
