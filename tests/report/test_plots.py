"""Metadata plots: real PNGs, small enough for Dagster's event log, whatever the data."""

import base64
import io
from collections.abc import Callable

import numpy as np
import pytest

from tshirt_assets.report.plots import (
    histogram,
    mean_std_plane,
    png_markdown,
)

RNG = np.random.default_rng(0)
MANY = RNG.normal(0.9, 0.1, 60_000)

PLOTS: dict[str, Callable[[], bytes]] = {
    "histogram": lambda: histogram(MANY, "IFD", subset=MANY[:3000]),
    "histogram of nothing": lambda: histogram([], "IFD"),
    "histogram of one value": lambda: histogram([0.5, 0.5], "IFD", subset=[0.5]),
    "histogram with gaps": lambda: histogram([0.5, float("nan"), float("inf"), 1.0], "IFD"),
    "plane": lambda: mean_std_plane(
        MANY, MANY**2, MANY > 1.1, "plane", mean_boundary=1.1, std_boundary=0.5
    ),
    "plane of nothing": lambda: mean_std_plane([], [], [], "plane"),
}


@pytest.mark.parametrize("name", PLOTS)
def test_a_plot_is_a_small_png(name: str) -> None:
    from matplotlib.image import imread

    png = PLOTS[name]()
    pixels = imread(io.BytesIO(png), format="png")
    assert pixels.shape[1] == 512  # 6.4 inches at 80 dpi
    assert pixels[..., :3].std() > 0.01  # something is drawn
    assert len(png_markdown(png, name)) < 40_000


def test_few_selected_rows_keep_their_colour() -> None:
    from matplotlib.image import imread

    mean, std = RNG.normal(1, 0.01, 60), RNG.normal(0.002, 0.0005, 60)
    png = mean_std_plane(mean, std, np.arange(60) < 5, "plane", mean_boundary=1, std_boundary=0.002)
    _, green, blue = np.moveaxis(imread(io.BytesIO(png), format="png")[..., :3], -1, 0)
    assert np.count_nonzero(blue - green > 0.3) > 20  # violet; all else is grey


def test_markdown_holds_the_picture_and_its_title() -> None:
    text = png_markdown(b"\x89PNG", "a [b]")
    head, data = text.removesuffix(")").split("(data:image/png;base64,")
    assert head == "![a (b)]"
    assert base64.b64decode(data) == b"\x89PNG"
