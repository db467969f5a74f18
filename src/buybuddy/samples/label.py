"""What is printed on a package: front, back and side panels, laid out from a product's data."""

import zlib

import cv2
import numpy as np
import numpy.typing as npt

from buybuddy.samples.artwork import draw_ellipse, draw_gradient, draw_motif, draw_polygon, mix
from buybuddy.samples.catalogue import Motif, Rgb, SampleProduct
from buybuddy.samples.lettering import build_ean13, draw_fitted, draw_paragraph, draw_text, fit_size, measure_text

Picture = npt.NDArray[np.uint8]

_WHITE: Rgb = (255, 255, 255)
_TURKISH_TABLE = ("Besin Değerleri", "Enerji", "Yağ", "Protein", "Karbonhidrat", "Şekerler")
_SMALL_PRINT: dict[Motif, str] = {
    "flakes": "Ingredients: oat flakes, honey, almonds, sunflower oil, sea salt. Store in a cool, dry place.",
    "cocoa": "Ingredients: oat flakes, cocoa, hazelnuts, cane syrup, sunflower oil. Store in a cool, dry place.",
    "tea": "Demleme önerisi: Bir bardak kaynar suya bir tatlı kaşığı çay ekleyin ve 12 dakika demleyin. "
    "Serin ve kuru yerde saklayın. Dökme çay, bergamot aroması.",
    "citrus": "Ingredients: water, orange juice, carbon dioxide, citric acid. Serve chilled.",
    "cola": "Ingredients: water, carbon dioxide, caramel, plant extracts, caffeine. Serve chilled.",
    "fish": "İçindekiler: ton balığı, zeytinyağı, tuz. Açıldıktan sonra buzdolabında saklayın.",
    "chips": "Ingredients: potatoes, sunflower oil, sea salt. Packed in a protective atmosphere.",
    "paprika": "Ingredients: potatoes, sunflower oil, paprika, onion powder, salt. Packed in a protective atmosphere.",
    "coffee": "Hazırlama önerisi: Bir fincan için 7 gram kahveyi 92 derece suyla demleyin. Açtıktan sonra hava "
    "almayan bir kapta saklayın. Çekirdekler küçük partiler halinde kavrulur ve aynı gün paketlenir.",
    "olive": "Store in a cool, dark place. Harvested by hand in Jaén.",
    "peach": "İçindekiler: şeftali püresi, su, limon suyu. İçmeden önce çalkalayın.",
    "waves": "Directions: apply to wet hair, lather and rinse well. Avoid contact with eyes. For external use only.",
}
_ENGLISH_TABLE = ("Nutrition Facts", "Energy", "Fat", "Protein", "Carbohydrate", "of which sugars")


def seed_of(product: SampleProduct) -> int:
    """Derive the product's own seed: the same on every machine."""
    return zlib.crc32(product.slug.encode())


def _is_turkish(product: SampleProduct) -> bool:
    return any(letter in product.description + product.product_name for letter in "çğıöşüÇĞİÖŞÜ")


def _draw_badge(picture: Picture, text: str, centre: tuple[float, float], radius: float, fill: Rgb, ink: Rgb) -> None:
    draw_ellipse(picture, centre, (radius, radius), 0, fill)
    draw_ellipse(picture, centre, (radius * 0.93, radius * 0.93), 0, ink)
    draw_ellipse(picture, centre, (radius * 0.88, radius * 0.88), 0, fill)
    words = text.split()
    lines = words if len(words) < 4 else [words[0], " ".join(words[1:])]
    size = min(fit_size(line, radius * (1.5 if len(lines) < 3 else 1.25), radius * 0.5, 700) for line in lines)
    y = centre[1] - (len(lines) - 1) * size * 0.55 + size * 0.35
    for line in lines:
        draw_text(picture, line, (centre[0], y), size, ink, 700)
        y += size * 1.1


def _draw_claims(picture: Picture, product: SampleProduct, y: float, radius: float) -> None:
    w = picture.shape[1]
    _, accent, _, light = product.look.colours
    n = len(product.claims)
    for k, claim in enumerate(product.claims):
        x = w / 2 + (k - (n - 1) / 2) * radius * 2.25
        _draw_badge(picture, claim, (x, y), radius, light if sum(light) > 420 else _WHITE, mix(accent, (0, 0, 0), 0.35))


def _front_band(picture: Picture, product: SampleProduct) -> None:
    h, w = picture.shape[:2]
    ground, accent, ink, _ = product.look.colours
    draw_gradient(picture, mix(ground, _WHITE, 0.12), mix(ground, (0, 0, 0), 0.15))
    t = np.linspace(0, 1, 40)
    curve = np.stack([t * w, h * (0.27 + 0.035 * np.sin(t * np.pi))], 1)
    draw_polygon(
        picture, np.concatenate([[[0, 0], [w, 0]], curve[::-1] + np.array([0, h * 0.018])]), mix(accent, _WHITE, 0.4)
    )
    draw_polygon(picture, np.concatenate([[[0, 0], [w, 0]], curve[::-1]]), accent)
    draw_fitted(picture, product.brand_name, (w / 2, h * 0.2), w * 0.72, h * 0.17, _WHITE, 900, is_italic=True)
    draw_motif(picture[int(h * 0.54) : int(h * 0.88)], product.look.motif, product.look.colours, seed_of(product))
    draw_fitted(picture, product.product_name, (w / 2, h * 0.42), w * 0.84, h * 0.11, ink, 800)
    if product.variant_flavor:
        draw_fitted(picture, product.variant_flavor, (w / 2, h * 0.51), w * 0.66, h * 0.065, ink, 500)
    _draw_claims(picture, product, h * 0.845, min(w * 0.13, h * 0.075))
    draw_text(
        picture, product.net_quantity, (w * 0.94, h * 0.965), int(min(h * 0.055, w * 0.09)), ink, 700, align="right"
    )


def _front_oval(picture: Picture, product: SampleProduct) -> None:
    h, w = picture.shape[:2]
    ground, accent, ink, light = product.look.colours
    draw_gradient(picture, mix(ground, _WHITE, 0.18), mix(ground, (0, 0, 0), 0.12))
    for k in range(24):  # rays behind the logo
        a, b = np.deg2rad(15 * k), np.deg2rad(15 * k + 7)
        far = 1.6 * h
        ray = [[w / 2, h * 0.2], [w / 2 + far * np.cos(a), h * 0.2 + far * np.sin(a)],
               [w / 2 + far * np.cos(b), h * 0.2 + far * np.sin(b)]]  # fmt: skip
        draw_polygon(picture, ray, mix(ground, _WHITE, 0.26))
    draw_ellipse(picture, (w / 2, h * 0.185), (w * 0.435, h * 0.135), -6, _WHITE)
    draw_ellipse(picture, (w / 2, h * 0.185), (w * 0.415, h * 0.122), -6, accent)
    logo = _WHITE if sum(accent) < 450 else mix(ground, (0, 0, 0), 0.25)
    draw_fitted(picture, product.brand_name, (w / 2, h * 0.225), w * 0.66, h * 0.15, logo, 950, is_italic=True)
    text_ink = ink if sum(ink) > 600 or sum(ground) > 450 else _WHITE
    draw_fitted(picture, product.product_name, (w / 2, h * 0.4), w * 0.84, h * 0.095, text_ink, 850)
    if product.variant_flavor:
        strip = int(h * 0.068)
        y0 = int(h * 0.435)
        draw_polygon(picture, [[w * 0.1, y0], [w * 0.93, y0], [w * 0.9, y0 + strip], [w * 0.07, y0 + strip]], light)
        tone = mix(ground, (0, 0, 0), 0.55)
        draw_fitted(picture, product.variant_flavor, (w / 2, y0 + strip * 0.74), w * 0.7, strip * 0.78, tone, 700)
    draw_motif(picture[int(h * 0.52) : int(h * 0.96)], product.look.motif, product.look.colours, seed_of(product))
    _draw_claims(picture, product, h * 0.852, w * 0.105)
    draw_text(picture, product.net_quantity, (w * 0.955, h * 0.982), int(w * 0.08), text_ink, 700, align="right")


def _front_diagonal(picture: Picture, product: SampleProduct) -> None:
    h, w = picture.shape[:2]
    ground, accent, ink, _ = product.look.colours
    draw_gradient(picture, mix(ground, _WHITE, 0.1), mix(ground, (0, 0, 0), 0.25))
    draw_motif(picture[int(h * 0.58) : int(h * 0.9)], product.look.motif, product.look.colours, seed_of(product))
    draw_polygon(picture, [[0, h * 0.24], [w, h * 0.06], [w, h * 0.34], [0, h * 0.52]], _WHITE)
    draw_polygon(picture, [[0, h * 0.255], [w, h * 0.075], [w, h * 0.325], [0, h * 0.505]], accent)
    stencil = np.zeros_like(picture)
    draw_fitted(stencil, product.brand_name, (w / 2, h * 0.35), w * 0.8, h * 0.2, _WHITE, 1000, is_italic=True)
    angle = float(np.rad2deg(np.arctan2(h * 0.18, w)))
    turn = cv2.getRotationMatrix2D((w / 2, h * 0.29), angle, 1.0)
    logo = cv2.warpAffine(stencil[..., 0], turn, (w, h), flags=cv2.INTER_CUBIC)[..., None] / 255.0
    picture[:] = (picture * (1 - logo) + np.array(_WHITE) * logo).astype(np.uint8)
    draw_fitted(picture, product.product_name.upper(), (w / 2, h * 0.565), w * 0.7, h * 0.05, ink, 600)
    if product.variant_flavor:
        draw_fitted(picture, product.variant_flavor, (w / 2, h * 0.675), w * 0.72, h * 0.1, ink, 900, is_italic=True)
    _draw_claims(picture, product, h * 0.82, w * 0.115)
    draw_text(picture, product.net_quantity, (w * 0.5, h * 0.95), int(h * 0.055), ink, 700)


def _front_minimal(picture: Picture, product: SampleProduct) -> None:
    h, w = picture.shape[:2]
    ground, accent, ink, _ = product.look.colours
    draw_gradient(picture, mix(ground, _WHITE, 0.05), mix(ground, (0, 0, 0), 0.06))
    draw_motif(picture[int(h * 0.5) : int(h * 0.82)], product.look.motif, product.look.colours, seed_of(product))
    draw_fitted(picture, product.brand_name.upper(), (w / 2, h * 0.17), w * 0.74, h * 0.11, accent, 500)
    draw_polygon(picture, [[w * 0.3, h * 0.2], [w * 0.7, h * 0.2], [w * 0.7, h * 0.206], [w * 0.3, h * 0.206]], accent)
    draw_fitted(picture, product.product_name, (w / 2, h * 0.32), w * 0.8, h * 0.1, ink, 700)
    if product.variant_flavor:
        draw_fitted(picture, product.variant_flavor, (w / 2, h * 0.41), w * 0.76, h * 0.06, ink, 400, is_italic=True)
    size = int(min(h * 0.034, w * 0.06))
    text = "  ·  ".join(product.claims)
    draw_fitted(picture, text, (w / 2, h * 0.885), w * 0.88, size, ink, 600)
    draw_text(picture, product.net_quantity, (w / 2, h * 0.955), int(min(h * 0.055, w * 0.1)), ink, 600)


_FRONTS = {"band": _front_band, "oval": _front_oval, "diagonal": _front_diagonal, "minimal": _front_minimal}


def build_front(product: SampleProduct, width_px: int, height_px: int) -> Picture:
    """Draw the front panel.

    Args:
        product: what to print.
        width_px, height_px: size of the panel.
    Returns: (height_px, width_px, 3) uint8 RGB.
    """
    picture = np.zeros((height_px, width_px, 3), np.uint8)
    _FRONTS[product.look.layout](picture, product)
    return picture


def build_nutrition_table(product: SampleProduct, width_px: int) -> Picture:
    """Draw the nutrition table, black on white; height follows the width. Empty (0 rows) if the product has none."""
    facts = product.nutrition
    if facts is None:
        return np.zeros((0, width_px, 3), np.uint8)
    title, *names = _TURKISH_TABLE if _is_turkish(product) else _ENGLISH_TABLE
    values = (facts.calories, facts.total_fat, facts.protein, facts.carbohydrates, facts.sugar)
    row = max(14, width_px // 10)
    picture = np.full((row * 7 + row // 2, width_px, 3), 255, np.uint8)
    pad = width_px // 30
    draw_fitted(picture, title, (pad * 1.5, row * 0.95), width_px * 0.58, row * 0.9, (0, 0, 0), 800, align="left")
    draw_text(
        picture, facts.serving_size, (width_px - pad * 1.5, row * 0.95), int(row * 0.7), (0, 0, 0), 600, align="right"
    )
    cv2.line(picture, (pad, int(row * 1.3)), (width_px - pad, int(row * 1.3)), (0, 0, 0), max(2, row // 10))
    for k, (name, value) in enumerate(zip(names, values, strict=True)):
        y = row * (2.15 + k)
        draw_text(picture, name, (pad * 1.5, y), int(row * 0.72), (0, 0, 0), 450, align="left")
        draw_text(picture, value, (width_px - pad * 1.5, y), int(row * 0.72), (0, 0, 0), 450, align="right")
        cv2.line(picture, (pad, int(y + row * 0.22)), (width_px - pad, int(y + row * 0.22)), (120, 120, 120), 1)
    cv2.rectangle(picture, (1, 1), (width_px - 2, picture.shape[0] - 2), (0, 0, 0), max(2, row // 14))
    return picture


def _paste(picture: Picture, piece: Picture, x: float, y: float) -> None:
    x0, y0 = round(x), round(y)
    h = min(piece.shape[0], picture.shape[0] - y0)
    w = min(piece.shape[1], picture.shape[1] - x0)
    picture[y0 : y0 + h, x0 : x0 + w] = piece[:h, :w]


def _say_country(product: SampleProduct) -> str:
    return f"{'Menşei' if _is_turkish(product) else 'Made in'}: {product.manufacturer_country}"


def _back_of_curved(picture: Picture, product: SampleProduct, y: float, small: int, dark: Rgb) -> None:
    """Lay out under `y`: a barcode turned by 90 degrees at the right, the table or small print at its left."""
    h, w = picture.shape[:2]
    if w > 1.3 * h:  # a flat tin: the code lies along its side
        module = max(1, int(w * 0.42 / 113))
        symbol = build_ean13(product.barcode, module, round(module * 52))
    else:
        module = max(1, int(min((h - y) * 0.84, h * 0.62, w * 1.1) / 113))
        symbol = np.ascontiguousarray(np.rot90(build_ean13(product.barcode, module, round(module * 50))))
    top = y + (h * 0.97 - y - symbol.shape[0]) * 0.5
    _paste(picture, symbol, w * 0.95 - symbol.shape[1], top)
    left = w * 0.04
    room = w * 0.95 - symbol.shape[1] - small * 0.6 - left
    table = build_nutrition_table(product, int(min(room, symbol.shape[0] * 0.95)))
    if len(table):
        _paste(picture, table, left, top)
        below = top + table.shape[0] + small * 1.3
    else:
        below = draw_paragraph(picture, _SMALL_PRINT[product.look.motif], (left, top + small), room, small, dark)
    size = min(small, fit_size(_say_country(product), room, small))
    draw_text(picture, _say_country(product), (left, below), size, dark, 500, align="left")
    if below + small * 2 < h:
        draw_text(picture, product.net_quantity, (left, below + small * 1.6), int(small * 1.2), dark, 600, align="left")


def _back_of_flat(picture: Picture, product: SampleProduct, y: float, small: int, dark: Rgb) -> None:
    """Lay out under `y`: the table, small print, and a barcode at the foot."""
    h, w = picture.shape[:2]
    module = max(1, int(w * 0.72 / 113))
    symbol = build_ean13(product.barcode, module, round(module * 44))
    code_y = h * 0.955 - symbol.shape[0]
    table = build_nutrition_table(product, int(min(w * 0.84, (code_y - y - small * 5.5) / 0.75)))
    if len(table):
        _paste(picture, table, (w - table.shape[1]) / 2, y)
        y += table.shape[0] + small * 1.3
    size = int(small * 0.8) if len(table) else small
    draw_paragraph(picture, _SMALL_PRINT[product.look.motif], (w / 2, y), w * 0.84, size, dark, align="centre")
    _paste(picture, symbol, (w - symbol.shape[1]) / 2, code_y)
    draw_text(picture, _say_country(product), (w / 2, code_y - small * 0.6), small, dark, 500)


def build_back(product: SampleProduct, width_px: int, height_px: int, *, is_curved: bool = False) -> Picture:
    """Draw the back panel: description, nutrition table, small print, maker's country, barcode.

    Args:
        product: what to print.
        width_px, height_px: size of the panel.
        is_curved: turn the barcode by 90 degrees, as on round packages.
    Returns: (height_px, width_px, 3) uint8 RGB.
    """
    ground, _, ink, _ = product.look.colours
    picture = np.zeros((height_px, width_px, 3), np.uint8)
    draw_gradient(picture, mix(ground, _WHITE, 0.12), mix(ground, (0, 0, 0), 0.12))
    w, h = width_px, height_px
    dark = ink if abs(sum(ink) - sum(ground)) > 200 else _WHITE
    draw_fitted(picture, product.brand_name, (w / 2, h * 0.1), w * 0.6, h * 0.085, dark, 850, is_italic=True)
    small = max(10, int(min(w * 0.05, h * 0.036)))
    y = draw_paragraph(
        picture, product.description, (w / 2, h * 0.155), w * 0.86, small, dark, align="centre", weight=500
    )
    (_back_of_curved if is_curved else _back_of_flat)(picture, product, y, small, dark)
    return picture


def build_side(product: SampleProduct, width_px: int, height_px: int) -> Picture:
    """Draw a side panel of a box: the brand upright and the product name along the edge. See `build_front`."""
    ground, accent, _, _ = product.look.colours
    picture = np.zeros((height_px, width_px, 3), np.uint8)
    draw_gradient(picture, accent, mix(accent, (0, 0, 0), 0.3))
    lying = np.ascontiguousarray(np.rot90(picture, -1))
    tone = _WHITE if sum(accent) < 480 else mix(ground, (0, 0, 0), 0.4)
    h, w = lying.shape[:2]
    size = fit_size(product.brand_name, w * 0.42, h * 0.62, 900, is_italic=True)
    width = measure_text(product.brand_name, size, 900, True)
    draw_text(lying, product.brand_name, (w * 0.05, h * 0.68), size, tone, 900, align="left", is_italic=True)
    name = f"{product.product_name}  {product.variant_flavor or ''}".strip()
    left = w * 0.05 + width + h * 0.3
    draw_fitted(lying, name, (left, h * 0.62), w * 0.96 - left, h * 0.3, tone, 600, align="left")
    return np.ascontiguousarray(np.rot90(lying))
