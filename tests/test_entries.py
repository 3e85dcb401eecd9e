"""What is the same article, and which edits matter."""

import pytest

from digest.entries import additions, is_material

OLD = "旧水塔去年改成了机房。全年平均用电是四百二十千瓦，其中30%来自光伏。居民代表每季度核对一次账本。"


@pytest.mark.parametrize(
    ("new", "material"),
    [
        pytest.param(OLD, False, id="same"),
        pytest.param(OLD.replace("，", ",").replace("。", ". "), False, id="marks"),
        pytest.param(OLD.replace("账本", "帐本"), False, id="a character"),
        pytest.param(OLD.replace("30%", "35%"), True, id="a figure"),
        pytest.param(
            OLD.replace("来自光伏", "来自屋顶和停车棚上的光伏板，另有一成来自余热"), True, id="a clause"
        ),
        pytest.param(OLD + "更正：其中一家公司已在上月退租。", True, id="a sentence more"),
        pytest.param(OLD.replace("居民代表每季度核对一次账本。", ""), True, id="a sentence less"),
        pytest.param("", True, id="all gone"),
    ],
)
def test_material(new: str, material: bool) -> None:
    assert is_material(OLD, new) is material


@pytest.mark.parametrize(
    ("new", "said"),
    [
        (OLD, []),
        (OLD.replace("账本", "帐本"), []),
        (OLD.replace("30%", "35%"), ["全年平均用电是四百二十千瓦，其中35%来自光伏。"]),
        ("更正：一家公司已退租。" + OLD, ["更正：一家公司已退租。"]),
    ],
)
def test_what_is_new_can_be_shown(new: str, said: list[str]) -> None:
    assert [new[start:end] for start, end in additions(OLD, new)] == said
