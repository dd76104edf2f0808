import multiprocessing
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from medweave.core.errors import DataError, RunError
from medweave.preprocessing.cache import ArrayStore, default_cache_folder

ARRAYS = {"image.mri": np.arange(24, dtype=np.float32).reshape(2, 3, 4), "labels.heart": np.ones((3, 4), np.uint8)}


@pytest.fixture
def store(tmp_path: Path) -> ArrayStore:
    return ArrayStore(tmp_path / "store")


def test_stored_arrays_come_back(store) -> None:
    store.save("abc", ARRAYS)
    loaded = store.load("abc")
    assert loaded is not None
    assert loaded.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(loaded[name], array)
        assert loaded[name].dtype == array.dtype


def test_arrays_are_memory_mapped_and_read_only(store) -> None:
    store.save("abc", ARRAYS)
    for array in (store.load("abc") or {}).values():
        assert isinstance(array, np.memmap)
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


@pytest.mark.parametrize(
    "array",
    [
        np.arange(24, dtype=np.float32).reshape(2, 3, 4).T,
        np.arange(24, dtype=np.int16).reshape(2, 3, 4)[:, ::2],
        np.array(7, dtype=np.uint8),
        np.array([[True], [False]]),
    ],
    ids=["Fortran order", "strided", "number", "truths"],
)
def test_arrays_come_back_as_numpy_reads_their_files(store, array) -> None:
    store.save("abc", {"image": array})
    loaded = (store.load("abc") or {})["image"]
    by_numpy = np.load(next(store.root.rglob("image.npy")), mmap_mode="r")
    np.testing.assert_array_equal(loaded, array)
    assert (loaded.shape, loaded.dtype, loaded.strides) == (by_numpy.shape, by_numpy.dtype, by_numpy.strides)


def test_loading_parses_no_python_which_threads_may_not_before_python_3_11_8(store, monkeypatch) -> None:
    store.save("abc", ARRAYS)
    monkeypatch.setattr("ast.parse", None)
    with pytest.raises(TypeError, match="NoneType"):
        np.load(next(store.root.rglob("image.mri.npy")))
    assert (store.load("abc") or {}).keys() == ARRAYS.keys()


def test_absent_group_is_none(store) -> None:
    assert store.load("abc") is None


def test_key_is_of_settings_and_contents(store, tmp_path) -> None:
    file, copy, other = (tmp_path / name for name in ("a.nii", "b.nii", "c.nii"))
    file.write_bytes(b"voxels")
    copy.write_bytes(b"voxels")
    other.write_bytes(b"voxelz")
    key = store.key({"spacing": 1}, [file])
    assert store.key({"spacing": 1}, [copy]) == key
    others = [store.key({"spacing": 2}, [file]), store.key({"spacing": 1}, [other])]
    others += [store.key({"spacing": 1}, [file, copy]), store.key({"spacing": 1}, [])]
    assert len({key, *others}) == 5


def test_key_does_not_depend_on_the_order_of_settings(store) -> None:
    assert store.key({"a": 1, "b": 2}, []) == store.key({"b": 2, "a": 1}, [])


def test_format_version_is_part_of_the_key(store, monkeypatch) -> None:
    before = store.key({}, [])
    monkeypatch.setattr("medweave.preprocessing.cache.FORMAT_VERSION", 0)
    assert store.key({}, []) != before


def test_absent_file_is_named(store, tmp_path) -> None:
    with pytest.raises(DataError, match=r"file cannot be read .*gone\.nii\): got No such file"):
        store.key({}, [tmp_path / "gone.nii"])


def test_half_written_group_is_never_visible(store, monkeypatch) -> None:
    saved = []

    def failing_save(path: Path, array: NDArray[np.float32]) -> None:
        assert store.load("abc") is None
        saved.append(path)
        if len(saved) == 2:
            raise OSError(28, "No space left on device")
        path.write_bytes(b"half")

    monkeypatch.setattr(np, "save", failing_save)
    with pytest.raises(RunError, match=r"cannot write the preprocessing cache .* No space left .* MEDWEAVE_CACHE"):
        store.save("abc", ARRAYS)
    assert len(saved) == 2
    assert store.load("abc") is None
    assert [path for path in store.root.rglob("*") if path.is_file()] == []


def test_interrupted_group_leaves_nothing(store, monkeypatch) -> None:
    def interrupted(path: Path, array: NDArray[np.float32]) -> None:
        path.write_bytes(b"half")
        raise KeyboardInterrupt("stopped")

    monkeypatch.setattr(np, "save", interrupted)
    with pytest.raises(KeyboardInterrupt, match="stopped"):
        store.save("abc", ARRAYS)
    assert [path for path in store.root.rglob("*") if path.is_file()] == []


def test_stored_group_is_not_written_again(store) -> None:
    store.save("abc", ARRAYS)
    store.save("abc", {"image.mri": np.zeros(1)})
    assert (store.load("abc") or {}).keys() == ARRAYS.keys()


def test_threads_that_store_one_key_are_all_right(store) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: store.save("abc", ARRAYS), range(32)))
    np.testing.assert_array_equal((store.load("abc") or {})["image.mri"], ARRAYS["image.mri"])
    assert [path.name for path in (store.root / "ab").iterdir()] == ["abc"]


def save_often(root: Path) -> None:
    for number in range(40):
        ArrayStore(root).save(f"{number:02}", ARRAYS)


def test_processes_that_store_one_key_are_all_right(store) -> None:
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=save_often, args=(store.root,)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(30)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert len(list(store.root.rglob("image.mri.npy"))) == 40
    assert list(store.root.rglob(".writing-*")) == []


def test_file_in_the_place_of_the_store_is_an_error_of_the_run(tmp_path) -> None:
    (tmp_path / "store").write_text("in the way")
    with pytest.raises(RunError, match=r"cannot write the preprocessing cache .*store.* place of a folder"):
        ArrayStore(tmp_path / "store").save("abc", ARRAYS)


def test_other_users_can_read_the_store(store) -> None:
    store.save("abc", ARRAYS)
    assert stat.S_IMODE((store.root / "ab" / "abc").stat().st_mode) == 0o755


def test_default_folder_follows_the_environment(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("MEDWEAVE_CACHE", str(tmp_path / "own"))
    assert default_cache_folder() == tmp_path / "own"
    monkeypatch.delenv("MEDWEAVE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_cache_folder() == tmp_path / "medweave"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_cache_folder() == tmp_path / ".cache" / "medweave"


def _write_detached(folder: Path, suffix: str, value: int) -> Path:
    """Write an image whose voxels lie beside its header."""
    folder.mkdir(exist_ok=True)
    voxels = np.full(24, value, np.uint8).tobytes()
    (folder / "voxels.raw").write_bytes(voxels)
    header = {
        ".mhd": "NDims = 3\nDimSize = 4 3 2\nElementType = MET_UCHAR\nElementDataFile = voxels.raw\n",
        ".nrrd": "NRRD0004\ntype: uchar\ndimension: 3\nsizes: 4 3 2\nencoding: raw\ndata file: voxels.raw\n",
    }[suffix]
    (folder / f"image{suffix}").write_text(header)
    return folder / f"image{suffix}"


@pytest.mark.parametrize("suffix", [".mhd", ".nrrd"])
def test_key_is_of_the_voxels_also_where_they_lie_beside_the_header(store, tmp_path, suffix) -> None:
    first, second = (_write_detached(tmp_path / name, suffix, value) for name, value in (("a", 1), ("b", 2)))
    assert first.read_bytes() == second.read_bytes()
    assert store.key({}, [first]) != store.key({}, [second])
    assert store.key({}, [first]) == store.key({}, [_write_detached(tmp_path / "c", suffix, 1)])
    (tmp_path / "a/voxels.raw").unlink()
    with pytest.raises(DataError, match=r"file cannot be read .*got no voxels in the files that it names"):
        store.key({}, [first])


def test_an_image_with_its_voxels_behind_the_header_is_read_once(store, tmp_path, monkeypatch) -> None:
    (tmp_path / "image.mhd").write_bytes(b"NDims = 1\nElementDataFile = LOCAL\n\x00")
    monkeypatch.setattr("SimpleITK.ReadImage", None)
    assert len(store.key({}, [tmp_path / "image.mhd"])) == 64


@pytest.mark.parametrize("damage", [Path.unlink, lambda file: file.write_bytes(file.read_bytes()[:-1])])
def test_a_group_that_lost_a_part_is_absent_and_is_stored_again(store, damage) -> None:
    store.save("abc", ARRAYS)
    damage(next(store.root.rglob("labels.heart.npy")))
    assert store.load("abc") is None
    store.save("abc", ARRAYS)
    np.testing.assert_array_equal(store.load("abc")["labels.heart"], ARRAYS["labels.heart"])
