"""Training with a tiny network: it learns, goes on after a kill as if nothing had been, and obeys every setting."""

from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed here")

from buybuddy.ml.training.embedding import embed_pictures  # noqa: E402
from buybuddy.ml.training.losses import Loss  # noqa: E402
from buybuddy.ml.training.publishing import ONNX_FILE, export_onnx, load_model, save_model  # noqa: E402
from buybuddy.ml.training.sampling import TripletSampler, centroids_of, nearest_classes  # noqa: E402
from buybuddy.ml.training.watching import TrainingFailed, Watch  # noqa: E402
from buybuddy.training_config import OFFLINE_BACKBONE, BatchConfig, LossConfig, WatchConfig  # noqa: E402
from tests.ml.training_ground import make_trainer, pictures, tiny_backbone, weights_of  # noqa: E402

QUIET: dict[str, Any] = {
    "transform": {
        "flip": 0, "rotate_deg": 0, "translate": 0, "scale": 0, "perspective": 0, "jitter": 0, "blur": 0, "erase": 0
    }
}  # fmt: skip


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> str:
    return tiny_backbone(tmp_path_factory.mktemp("tiny"))


def test_eight_images_are_learned_by_heart(backbone: str, tmp_path: Path) -> None:
    images = pictures(4, 2)
    changes = QUIET | {
        "model": {"dropout": 0},
        "loss": {"label_smoothing": 0},
        "batch": {"size": 12},
        "optimiser": {"epochs": 60, "learning_rate": 3e-3, "layer_decay": 1, "head_rate": 3},
        "watch": {"patience_epochs": 100},
    }
    trainer = make_trainer(tmp_path, backbone, images, changes)
    trainer.run()
    assert trainer.history[-1].loss < 0.05 * trainer.history[0].loss
    vectors = embed_pictures(trainer.model, images.pictures)
    similarities = vectors @ vectors.T
    same = images.facts.classes[:, None] == images.facts.classes
    assert similarities[same].min() > similarities[~same].max()


def test_a_killed_run_ends_as_one_that_was_not(backbone: str, tmp_path: Path) -> None:
    class Killed(Exception):
        pass

    def kill(share: float) -> None:
        if share > 0.6:
            raise Killed

    images, changes = pictures(4, 4), {"optimiser": {"epochs": 3}}
    whole = make_trainer(tmp_path / "whole", backbone, images, changes)
    whole.run()
    with pytest.raises(Killed):
        make_trainer(tmp_path / "killed", backbone, images, changes, after_step=kill).run()
    resumed = make_trainer(tmp_path / "killed", backbone, images, changes)
    resumed.run()
    assert [one.epoch for one in resumed.history] == [1, 2, 3]
    wanted, found = weights_of(whole), weights_of(resumed)
    assert wanted.keys() == found.keys()
    assert all(torch.equal(wanted[name], found[name]) for name in wanted)


CHANGED: list[dict[str, Any]] = [
    {"model": {"pooling_exponent": 1.5}},
    {"model": {"embedding_dim": 8}},
    {"model": {"image_size_px": 16}},
    {"model": {"dropout": 0.5}},
    {"model": {"frozen_share": 0.5}},
    {"loss": {"head": "subcenter_arcface"}},
    {"loss": {"head": "subcenter_arcface", "n_subcenters": 2}},
    {"loss": {"head": "proxy_anchor"}},
    {"loss": {"scale": 10}},
    {"loss": {"margin": 0.1}},
    {"loss": {"label_smoothing": 0}},
    {"loss": {"contrast_weight": 1}},
    {"loss": {"contrast_weight": 1, "temperature": 0.5}},
    {"batch": {"size": 9}},
    {"batch": {"accumulate": 2}},
    {"batch": {"domain_aware_share": 0}},
    {"batch": {"negative_pool": 1}},
    {"batch": {"hardest_negatives": False}},
    {"optimiser": {"epochs": 1}},
    {"optimiser": {"learning_rate": 1e-4}},
    {"optimiser": {"weight_decay": 0.5}},
    {"optimiser": {"layer_decay": 0.5}},
    {"optimiser": {"head_rate": 1}},
    {"optimiser": {"warmup_epochs": 0}},
    {"optimiser": {"final_share": 0.9}},
    {"optimiser": {"clip": 0.01}},
    {"optimiser": {"precision": "bf16"}},
    *({"transform": {name: 0}} for name in QUIET["transform"]),
    {"seed": 1},
]


def test_every_setting_changes_what_is_learned(backbone: str, tmp_path: Path) -> None:
    images = pictures(8, 4)
    images_small = pictures(8, 4)
    seen: dict[str, tuple[Any, ...]] = {}
    for number, changes in enumerate([{}, *CHANGED]):
        used = images
        if changes.get("model", {}).get("image_size_px"):
            used = type(images)(images_small.pictures[:, ::2, ::2], images.facts)
        trainer = make_trainer(tmp_path / str(number), backbone, used, changes)
        trainer.run()
        weights = weights_of(trainer)
        seen[str(changes)] = tuple(sorted((name, value.double().sum().item()) for name, value in weights.items()))
    assert len(set(seen.values())) == len(seen), [
        name for name, one in seen.items() if list(seen.values()).count(one) > 1
    ]


def test_batches_that_add_up_are_as_one(backbone: str, tmp_path: Path) -> None:
    images, changes = pictures(4, 4), {"model": {"dropout": 0}, "batch": {"accumulate": 2}}
    one, two = (make_trainer(tmp_path / name, backbone, images, changes) for name in ("one", "two"))
    rows = np.arange(12)
    seen = torch.from_numpy(np.ascontiguousarray(images.pictures[rows].transpose(0, 3, 1, 2)))
    one._learn(seen, rows, 1.0)
    two._learn(seen[:6], rows[:6], 0.5)
    two._learn(seen[6:], rows[6:], 0.5)
    for (name, wanted), found in zip(one.model.named_parameters(), two.model.parameters(), strict=True):
        assert (wanted.grad is None) == (found.grad is None)
        assert wanted.grad is None or torch.allclose(wanted.grad, found.grad, atol=1e-5), name


def test_frozen_layers_keep_their_weights_and_statistics(tmp_path: Path) -> None:
    trainer = make_trainer(
        tmp_path, OFFLINE_BACKBONE, pictures(3, 3), {"model": {"frozen_share": 1}, "optimiser": {"epochs": 1}}
    )
    before = {name: value.clone() for name, value in trainer.model.backbone.state_dict().items()}
    trainer.run()
    after = trainer.model.backbone.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())
    assert trainer.history[0].loss > 0


def test_the_average_is_what_is_published(backbone: str, tmp_path: Path) -> None:
    images, figures = pictures(4, 4), count()
    slow, quick = (
        make_trainer(
            tmp_path / str(decay),
            backbone,
            images,
            {"optimiser": {"ema_decay": decay}},
            validate=lambda _: next(figures),
        )
        for decay in (0.9, 0)
    )
    published = slow.run()
    latest = quick.run()
    assert torch.equal(latest.projection.weight, quick.model.projection.weight), "without a memory it is the last one"
    assert not torch.equal(published.projection.weight, latest.projection.weight)


def test_a_saved_model_answers_bit_for_bit_as_the_trained_one(backbone: str, tmp_path: Path) -> None:
    images = pictures(4, 4)
    published = make_trainer(tmp_path / "run", backbone, images, {}).run()
    save_model(tmp_path / "model", published, {"name": "tiny"}, "# tiny\n")
    loaded = load_model(tmp_path / "model")
    wanted, found = (embed_pictures(model, images.pictures) for model in (published, loaded))
    assert np.array_equal(wanted, found)
    assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)


def test_the_onnx_file_answers_as_the_model_for_any_number_of_pictures(backbone: str, tmp_path: Path) -> None:
    images = pictures(3, 3)
    model = make_trainer(tmp_path, backbone, images, {}).model.eval()
    save_model(tmp_path, model, {}, "# tiny\n")
    assert export_onnx(tmp_path, model).least_cosine > 0.999999
    session = onnxruntime.InferenceSession(str(tmp_path / ONNX_FILE), providers=["CPUExecutionProvider"])
    for n in (1, 5):
        [found] = session.run(["vectors"], {"pictures": images.pictures[:n]})
        assert np.allclose(found, embed_pictures(model, images.pictures[:n]), atol=1e-5)


@pytest.mark.parametrize("head", ["arcface", "subcenter_arcface", "proxy_anchor"])
def test_losses_are_those_of_their_papers(head: Any) -> None:
    draw = np.random.default_rng(1)
    rows = draw.normal(size=(12, 8))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    classes = np.arange(12) % 4
    config = LossConfig(head=head, scale=16, margin=0.2, label_smoothing=0.1, contrast_weight=0.7)
    torch.manual_seed(2)
    loss = Loss(config, 4, 8).double()
    assert loss.head is not None and loss.contrast is not None
    numbers, kinds = torch.from_numpy(rows), torch.from_numpy(classes)
    found = (loss.head(numbers, kinds) + 0.7 * loss.contrast(numbers, kinds)).item()  # in float64, as the reference
    weights = next(iter(loss.head.parameters())).detach().numpy()
    wanted = _head(head, rows, classes, weights) + 0.7 * _contrast(rows, classes, config.temperature)
    assert found == pytest.approx(wanted, abs=1e-6)


def _log_softmax(values: Any) -> Any:
    shifted = values - values.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def _head(name: str, rows: Any, classes: Any, weights: Any) -> float:
    own = np.eye(4, dtype=bool)[classes]
    if name == "proxy_anchor":  # Kim et al., arXiv:2003.13911, equation 4
        cosines = rows @ (weights / np.linalg.norm(weights, axis=1, keepdims=True)).T
        pull = np.log1p(np.where(own, np.exp(-16 * (cosines - 0.2)), 0).sum(axis=0))
        push = np.log1p(np.where(~own, np.exp(16 * (cosines + 0.2)), 0).sum(axis=0))
        return float(pull.sum() / own.any(axis=0).sum() + push.sum() / 4)
    cosines = rows @ (weights / np.linalg.norm(weights, axis=0))
    if name == "subcenter_arcface":
        cosines = cosines.reshape(12, 4, -1).max(axis=2)
    angles = np.arccos(np.clip(cosines, -1, 1))
    logits = 16 * np.where(own, np.cos(angles + 0.2), cosines)  # Deng et al., arXiv:1801.07698, equation 3
    logs = _log_softmax(logits)
    return float(-(0.9 * logs[own] + 0.1 * logs.mean(axis=1)).mean())


def _contrast(rows: Any, classes: Any, temperature: float) -> float:
    logits = rows @ rows.T / temperature  # Khosla et al., arXiv:2004.11362, equation 2
    np.fill_diagonal(logits, -np.inf)
    logs = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    positive = (classes[:, None] == classes) & ~np.eye(len(rows), dtype=bool)
    return float(np.mean([-logs[i][positive[i]].mean() for i in range(len(rows))]))


@pytest.mark.parametrize("head", ["arcface", "subcenter_arcface", "proxy_anchor"])
def test_losses_of_halves_stay_numbers_at_the_edges(head: Any) -> None:
    loss = Loss(LossConfig(head=head, contrast_weight=1), 2, 4)
    assert loss.head is not None
    with torch.no_grad():
        first = next(iter(loss.head.parameters()))
        first.zero_()
        (first[:, 0] if head == "proxy_anchor" else first[0]).fill_(1.0)
    vectors = torch.tensor([[1.0, 0, 0, 0], [-1.0, 0, 0, 0], [1.0, 0, 0, 0], [-1.0, 0, 0, 0]]).half().requires_grad_()
    value = loss(vectors, torch.tensor([0, 0, 1, 1]))
    value.backward()
    assert torch.isfinite(value) and torch.isfinite(vectors.grad).all()
    assert all(torch.isfinite(one.grad).all() for one in loss.parameters())


def test_batches_are_triplets_kept_together() -> None:
    facts = pictures(6, 5).facts
    sampler = TripletSampler(facts, BatchConfig(domain_aware_share=1, negative_pool=2), 9, seed=3)
    near = np.stack([np.array([(one + 1) % 6, (one + 2) % 6]) for one in range(6)])
    sampler.set_pool(near)
    batches = list(sampler.batches(4))
    assert len(batches) == sampler.n_batches == 4
    for batch in batches:
        for anchor, positive, negative in batch.reshape(-1, 3):
            assert facts.classes[anchor] == facts.classes[positive] != facts.classes[negative]
            assert facts.is_real[anchor] and not facts.is_real[positive]
            assert facts.classes[negative] in near[facts.classes[anchor]]
    again = list(sampler.batches(4))
    assert all(np.array_equal(one, other) for one, other in zip(batches, again, strict=True))
    assert not np.array_equal(batches[0], next(iter(sampler.batches(5))))


def test_the_nearest_products_are_found_without_comparing_all() -> None:
    draw = np.random.default_rng(0)
    vectors = draw.normal(size=(3_000, 16)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    classes = np.arange(3_000) % 1_000
    found = nearest_classes(vectors, classes, 5)
    centroids = centroids_of(vectors, classes)
    similarities = centroids @ centroids.T
    np.fill_diagonal(similarities, -2)
    assert np.array_equal(found, np.argsort(-similarities, axis=1)[:, :5])


def test_a_run_that_goes_wrong_says_so() -> None:
    watch = Watch(WatchConfig(patience_epochs=2))
    with pytest.raises(TrainingFailed, match="nan at step 7"):
        watch.see_loss(float("nan"), 7)
    for step in range(30):
        watch.see_loss(1.0, step)
    with pytest.raises(TrainingFailed, match="rose"):
        for step in range(30, 80):
            watch.see_loss(100.0, step)
    assert [watch.see_figure(value) for value in (0.5, 0.6, 0.6, 0.55)] == [True, True, False, False]
    assert watch.is_over
