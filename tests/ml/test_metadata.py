"""The reader on rendered packages: barcode, names and amount come back; what is not shown is not invented."""

from dataclasses import asdict

import cv2
import numpy as np
import pytest

from buybuddy.ml.metadata.barcodes import read_barcodes
from buybuddy.ml.metadata.container import guess_container
from buybuddy.ml.metadata.reader import read_metadata
from buybuddy.ml.metadata.reading import LabelView
from buybuddy.ml.metadata.view_choice import choose_views, is_turned
from buybuddy.samples.catalogue import SampleProduct, list_sample_products
from buybuddy.samples.packages import build_package
from buybuddy.samples.rendering import Lamps, Layer, bound_box, build_pose, look_at
from buybuddy.stages.specs import ProductMetadata

PRODUCTS = list_sample_products()


def render_views(product: SampleProduct, yaws: list[float], height_px: int) -> list[LabelView]:
    """Show a package alone before grey, turned by each of the yaws (radians)."""
    model, tall = build_package(product), product.look.size_cm[1]
    away = max(tall, 1.4 * product.look.size_cm[0])
    views = []
    for k, yaw in enumerate(yaws):
        camera = look_at(
            (0, tall * 0.75, away * 2.2), (0, tall / 2, 0), roll_rad=0.0, focal_px=height_px * 1.9,
            width_px=height_px, height_px=height_px,
        )  # fmt: skip
        picture = np.full((height_px, height_px, 3), 128, np.uint8)
        pose = build_pose(yaw, 0, 0, (0, 0, 0), tall / 2)
        layer = Layer(bound_box(camera, [pose.place(model.vertices)]))
        layer.draw(model, pose, camera, Lamps(), 1)
        layer.composite(picture)
        x0, y0, x1, y1 = layer.box_xyxy
        matte = np.where(layer.owner > 0, 255, 0).astype(np.uint8)
        grey = cv2.cvtColor(picture[y0:y1, x0:x1], cv2.COLOR_RGB2GRAY)
        sharpness = float(cv2.Laplacian(grey, cv2.CV_32F).var())
        views.append(LabelView(np.ascontiguousarray(picture[y0:y1, x0:x1]), matte, sharpness, k * 0.5))
    return views


@pytest.fixture(scope="module")
def cereal_views() -> list[LabelView]:
    return render_views(PRODUCTS[0], [-0.2, 0.8, 1.57, 3.14, 4.7], 620)


def test_box_is_read(cereal_views: list[LabelView]) -> None:
    truth = PRODUCTS[0]
    reading = read_metadata(cereal_views, truth.barcode, n_threads=2)
    assert reading.specifications.identifiers.barcode == truth.barcode
    assert reading.brand_info.brand_name == truth.brand_name
    assert reading.product_identity.product_name == truth.product_name
    assert reading.product_identity.product_category == truth.category
    assert reading.product_identity.container_type == "box"
    assert reading.specifications.net_quantity_text == truth.net_quantity
    assert truth.nutrition is not None
    assert reading.nutrition_facts.calories == truth.nutrition.calories
    assert reading.extraction_metadata.visibility_score > 70
    model = ProductMetadata.model_validate(asdict(reading))
    assert model.barcodes_seen == (truth.barcode,)


def test_views_without_a_product_give_an_empty_reading() -> None:
    grey = LabelView(np.full((120, 90, 3), 90, np.uint8), np.full((120, 90), 255, np.uint8), 1.0, 0.0)
    reading = read_metadata([grey], "4006381333931", n_threads=1)
    assert reading.brand_info.brand_name is None
    assert reading.specifications.identifiers.barcode is None
    assert "no barcode could be decoded" in reading.extraction_metadata.issues_detected
    assert read_metadata([], None, n_threads=1).extraction_metadata.issues_detected[0] == "no view of the product"


def test_reader_is_quiet(cereal_views: list[LabelView], capfd: pytest.CaptureFixture[str]) -> None:
    read_metadata(cereal_views[:1], None, n_threads=1)
    captured = capfd.readouterr()
    assert captured.out == captured.err == ""


def test_leading_zeros_of_a_decoded_barcode_stay() -> None:
    views = render_views(PRODUCTS[1], [3.14 - 0.5, 3.14, 3.14 + 0.5], 760)
    assert {code for view in views for code in read_barcodes(view.image_rgb)} == {PRODUCTS[1].barcode}


@pytest.mark.parametrize("product", PRODUCTS, ids=lambda p: p.slug)
def test_container_from_the_outline(product: SampleProduct) -> None:
    views = render_views(product, [0.0, 0.5, 1.0, 1.57, 2.2, 2.8, 3.4], 240)
    assert guess_container([view.matte for view in views], is_turned=is_turned(views)) == product.container_type


def test_two_views_are_too_few_to_guess_a_container(cereal_views: list[LabelView]) -> None:
    assert guess_container([view.matte for view in cereal_views[:2]], is_turned=True) is None


def test_a_product_that_is_not_turned_gives_no_container() -> None:
    views = render_views(PRODUCTS[0], [0.0] * 6, 240)
    assert not is_turned(views)
    assert guess_container([view.matte for view in views], is_turned=is_turned(views)) is None


def test_a_picture_that_was_not_cut_out_gives_no_container() -> None:
    full = [np.full((200, 120), 255, np.uint8)] * 8
    assert guess_container(full, is_turned=True) is None


def test_chosen_views_differ(cereal_views: list[LabelView]) -> None:
    doubled = [view for view in cereal_views for _ in range(2)]
    chosen = choose_views(doubled, 5, np.ones(len(doubled)))
    assert sorted(k // 2 for k in chosen) == [0, 1, 2, 3, 4]
