"""Names of files made from names that people gave."""

from cluster.file_names import distinct, file_names, shortened


def test_different_names_are_different_files() -> None:
    assert file_names(["a b", "a_b", "A_b", "a/b", "c"]) == ["a_b", "a_b.2", "A_b.3", "a_b.4", "c"]
    assert distinct(["a", "a.2", "a"]) == ["a", "a.2", "a.3"]


def test_no_name_leaves_its_folder() -> None:
    assert file_names(["..", ".", "", "../x"]) == ["_..", "_.", "_", ".._x"]


def test_a_long_name_is_short_and_still_its_own() -> None:
    names = file_names(["study/session/camera/" * 12 + str(number) for number in range(3)])
    assert len(set(names)) == 3
    assert max(map(len, names)) <= 180
    # counted in bytes, and cut between characters: 100 letters of 3 bytes each
    assert len(shortened("\u4e2d" * 100, 100).encode()) <= 100
