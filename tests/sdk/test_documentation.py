"""The code in docs/SDK.md runs, in its order, against a running platform."""

import re
from pathlib import Path

import pytest
from PIL import Image

from buybuddy.samples.catalogue import list_sample_products
from buybuddy.samples.clip import write_sample_clip
from tests.conftest import RunningPlatform

DOCUMENT = Path(__file__).parents[2] / "docs" / "SDK.md"
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.slow
def test_the_code_in_the_documentation_runs(platform: RunningPlatform, tmp_path: Path) -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    clip = tmp_path / "clip.mp4"
    write_sample_clip(list_sample_products(1)[0], clip, seed=4711, duration_s=3.0)
    photo = tmp_path / "photo.png"
    Image.effect_noise((320, 240), 90).save(photo)
    names: dict[str, object] = {
        "url": platform.url, "api_key": platform.key, "folder": tmp_path, "clip": clip, "photo": photo,
    }  # fmt: skip
    blocks = list(BLOCK.finditer(text))
    assert len(blocks) > 10
    for block in blocks:
        line = text.count("\n", 0, block.start(1))
        exec(compile("\n" * line + block.group(1), str(DOCUMENT), "exec"), names)
    assert (tmp_path / "snacks-coco.zip").is_file()
