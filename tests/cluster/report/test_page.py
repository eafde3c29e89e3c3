import base64
import hashlib
import html.parser
import json
import re
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from cluster.report.charts import line_chart, scatter_chart
from cluster.report.curves import Panel, Series, search_panels
from cluster.report.page import (
    ReportContent,
    ShownClip,
    picture_of_figure,
    picture_of_file,
    picture_of_image,
    render,
    write_report,
)
from lifting.poses import PoseSequence3D
from lifting.skeleton import MSR_20

PANEL = Panel("Reward", "epoch", (Series("mean ± spread", (1.0, 2.0), (0.5, 0.6), (0.1, 0.1)),))


class Page(html.parser.HTMLParser):
    """What a browser would find: tags with their attributes, the text, and whether all tags are closed."""

    EMPTY = ("meta", "img", "source")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text, self.open = "", []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def content(**parts: object) -> ReportContent:
    figure = Figure(figsize=(2, 1))
    values: dict[str, object] = {
        "title": "posenas: AS1",
        "subtitle": "a search",
        "facts": [("test accuracy", "91.4 %")],
        "notes": ["two epochs only"],
        "genotype": "0 1 0 4",
        "cells": [
            picture_of_figure("Normal cell", figure, figure),
            picture_of_figure("Reduction cell", figure),
        ],
        "network": [picture_of_figure("Network", figure, caption="2.3 M parameters")],
        "search": [PANEL],
        "rewards": [0.1, 0.2, 0.3],
        "candidates": [
            {"rank": 1, "accuracy": 0.9123456, "parameters": 150000, "chosen": True},
            {"rank": 2, "accuracy": None, "parameters": 140000, "chosen": False},
        ],
        "training": [Panel("Loss", "epoch", (Series("training", (1.0,), (2.0,)),))],
        "class_names": ["wave", "pick up & throw"],
        "confusion": [[3, 0], [1, 2]],
        "images": [picture_of_image("Images", np.zeros((4, 4, 3), np.uint8), pixels=True)],
        "configuration": {"search": {"seed": 7}},
        "commands": ["posenas search --config experiment.json"],
        "environment": {"torch": "2.13.0"},
    }
    return ReportContent(**(values | parts))  # type: ignore[arg-type]


def test_the_page_holds_every_part_and_closes_every_tag() -> None:
    page = Page(render(content()))
    assert page.open == []
    for text in (
        "91.4 %", "two epochs only", "0 1 0 4", "2.3 M parameters", "Reward of all 3 architectures sampled",
        "0.9123", "150,000", "pick up & throw", "3/3", "2/3",
        "search.seed", "posenas search --config", "2.13.0",
    ):  # fmt: skip
        assert text in page.text
    assert [attributes["alt"] for tag, attributes in page.tags if tag == "img"] == [
        "Normal cell",
        "Reduction cell",
        "Network",
        "Images",
    ]


def test_nothing_is_fetched_from_anywhere() -> None:
    text = render(content())
    page = Page(text)
    for _, attributes in page.tags:
        for name in ("src", "srcset", "href", "action", "data", "poster"):
            assert (attributes.get(name) or "data:").startswith("data:")
    assert not {tag for tag, _ in page.tags} & {"link", "iframe", "object", "embed", "base"}
    assert "url(" not in text
    assert "default-src 'none'" in text


def test_only_the_pages_own_script_may_run() -> None:
    text = render(content(title="<script>alert(1)</script>"))
    script = text.rsplit("<script>", 1)[1].split("</script>", 1)[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in text
    assert text.count("<script>") == 1


def test_the_clips_behind_a_count_lie_in_the_page_and_cannot_end_their_element() -> None:
    poses = PoseSequence3D(xyz=np.zeros((2, 20, 3), np.float32), fps=30.0, skeleton=MSR_20)
    image = np.zeros((4, 4, 3), np.uint8)
    clip = ShownClip(name="</script>a", label=1, answer=0, probability=0.5, poses=poses, image=image)
    text = render(content(clips=[clip]))
    found = re.search(r'<script type="application/json" id="clips">(.*?)</script>', text)
    assert found is not None
    data = json.loads(found[1])
    assert data["clips"][0]["name"] == "</script>a"
    assert data["names"] == ["wave", "pick up & throw"]
    buttons = [attributes for tag, attributes in Page(text).tags if tag == "button"]
    assert [button["data-square"] for button in buttons] == ["0,0", "1,0", "1,1"]
    assert buttons[1]["aria-label"] == "1 of pick up & throw named wave"


def test_without_clips_nothing_can_be_clicked() -> None:
    assert "<button" not in render(content())


def test_a_dark_page_takes_the_dark_drawings() -> None:
    sources = [attributes for tag, attributes in Page(render(content())).tags if tag == "source"]
    assert [source["media"] for source in sources] == ["(prefers-color-scheme: dark)"]


def test_text_is_text_and_never_markup() -> None:
    evil = "<script>alert(1)</script>\"'&"
    page = Page(
        render(
            content(
                title=evil,
                subtitle=evil,
                facts=[(evil, evil)],
                notes=[evil],
                genotype=evil,
                class_names=[evil, evil],
                candidates=[{evil: evil}],
                search=[Panel(evil, evil, (Series(evil, (1.0, 2.0), (1.0, 2.0)),) * 2)],
                images=[picture_of_image(evil, np.zeros((2, 2, 3), np.uint8), evil)],
                configuration={evil: evil},
                commands=[evil],
                environment={evil: evil},
            )
        )
    )
    assert [tag for tag, _ in page.tags].count("script") == 1  # the page's own
    assert page.open == []
    assert page.text.count("<script>") >= 15


def test_empty_parts_are_left_out() -> None:
    page = Page(render(ReportContent(title="nothing yet")))
    assert page.open == []
    assert "nothing yet" in page.text
    assert not any(tag in ("h2", "table", "img") for tag, _ in page.tags)


def test_a_confusion_matrix_that_does_not_fit_is_said() -> None:
    with pytest.raises(ValueError, match=r"`confusion` has the shape \(2, 2\); 1 class names need \(1, 1\)"):
        render(content(class_names=["one"]))


def test_the_report_is_written_whole(tmp_path: Path) -> None:
    write_report(tmp_path / "report.html", content())
    text = (tmp_path / "report.html").read_text("utf-8")
    assert text.startswith("<!doctype html>")
    assert text.endswith("</html>\n")
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_a_picture_of_an_unknown_kind_is_said(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"cell\.bmp cannot be shown in a report: it must end in \.svg, \.png"
    ):
        picture_of_file("cell", tmp_path / "cell.bmp")


def test_an_image_keeps_red_red(tmp_path: Path) -> None:
    import cv2

    red = np.zeros((2, 2, 3), np.uint8)
    red[..., 0] = 255
    picture = picture_of_image("red", red)
    decoded = cv2.imdecode(np.frombuffer(picture.content, np.uint8), cv2.IMREAD_COLOR)
    assert decoded is not None
    assert decoded[0, 0].tolist() == [0, 0, 255]  # OpenCV's order is blue, green, red


def test_hovering_over_a_curve_gives_its_values() -> None:
    assert "<title>epoch 2: mean 0.6 ± 0.1</title>" in line_chart(PANEL)


def test_a_curve_is_broken_where_a_value_is_missing() -> None:
    chart = line_chart(
        Panel("a", "epoch", (Series("a", (0.0, 1.0, 2.0, 3.0), (1.0, float("nan"), 1.0, 2.0)),))
    )
    path = re.search(r'class="line c0" d="([^"]+)"', chart)
    assert path is not None
    assert path[1].count("M") == 2
    assert "nan" not in path[1]


@pytest.mark.parametrize("values", [[], [float("nan")]])
def test_a_chart_without_values_says_so(values: list[float]) -> None:
    x = tuple(float(number) for number in range(len(values)))
    assert "no values" in line_chart(Panel("a", "epoch", (Series("a", x, tuple(values)),)))
    assert "no values" in scatter_chart("a", values, "x")


@pytest.mark.parametrize("values", [(0.0,), (0.5, 0.5), (1e-9, 2e-9), (-3.0, 1e6), (0.0, 0.0)])
def test_every_point_and_number_lies_inside_the_chart(values: tuple[float, ...]) -> None:
    x = tuple(float(number) for number in range(len(values)))
    chart = line_chart(Panel("a", "epoch", (Series("a", x, values),)))
    path = re.search(r'line c0" d="([^"]+)"', chart)
    assert path is not None
    for match in re.finditer(r"[ML]([\d.\-]+) ([\d.\-]+)", path[1]):
        assert 0 <= float(match[1]) <= 330
        assert 0 <= float(match[2]) <= 190
    assert chart.count('class="tick"') >= 2


def test_a_long_search_stays_a_small_page() -> None:
    history = [
        {"epoch": e, "reward": 0.5, "reward_spread": 0.1, "baseline": 0.4, "loss": 1.0, "entropy": 30.0}
        for e in range(1000)
    ]
    rewards = np.random.default_rng(0).random(30_000).tolist()
    assert len(render(ReportContent(title="long", search=search_panels(history), rewards=rewards))) < 400_000
