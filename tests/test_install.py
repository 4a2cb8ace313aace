"""Which build of PyTorch `make run` takes: real pip, and an index on this machine."""

from __future__ import annotations

import io
import platform
import threading
import zipfile

import pytest

from core import install


@pytest.fixture
def on_linux(monkeypatch, tmp_path):
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))


def seen(root, **files: str):
    for path, content in files.items():
        file = root / path.replace("__", "/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)


def device(vendor: str, kind: str, at: str = "0000:01:00.0") -> dict[str, str]:
    folder = f"sys__bus__pci__devices__{at}__"
    return {f"{folder}vendor": f"{vendor}\n", f"{folder}class": f"{kind}\n"}


@pytest.mark.parametrize(
    ("files", "has_gpu"),
    [
        ({}, False),
        ({"proc__driver__nvidia__version": "NVRM"}, True),
        ({"dev__nvidiactl": ""}, True),
        ({"usr__lib__wsl__lib__libcuda.so.1": ""}, True),
        ({"usr__lib__wsl__lib__libd3d12.so": ""}, False),
        (device("0x10de", "0x030000"), True),
        (device("0x10de", "0x030200"), True),
        (device("0x10de", "0x020000"), False),
        (device("0x8086", "0x030000"), False),
        (device("0x1002", "0x030000") | device("0x10de", "0x030000", "0000:02:00.0"), True),
    ],
    ids=[
        "nothing", "driver", "device", "Windows' Linux", "Windows' Linux on another card",
        "card without a driver", "card for computing", "network card", "Intel", "two cards",
    ],
)  # fmt: skip
def test_an_nvidia_gpu_is_seen_without_its_tools(on_linux, tmp_path, files, has_gpu):
    seen(tmp_path, **files)
    assert install.has_nvidia_gpu(tmp_path) is has_gpu
    assert install.wants_cpu_build(tmp_path) is not has_gpu


def test_nvidias_own_tool_is_enough(on_linux, tmp_path):
    seen(tmp_path, bin__nvidia__smi="")
    (tmp_path / "bin/nvidia/smi").rename(tmp_path / "bin/nvidia-smi")
    (tmp_path / "bin/nvidia-smi").chmod(0o755)
    assert not install.wants_cpu_build(tmp_path)


@pytest.mark.parametrize(
    ("system", "machine"),
    [("Darwin", "arm64"), ("Darwin", "x86_64"), ("Linux", "aarch64"), ("Windows", "AMD64")],
)
def test_where_pip_has_one_build_nothing_is_done(on_linux, monkeypatch, tmp_path, system, machine):
    monkeypatch.setattr(platform, "system", lambda: system)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    assert not install.wants_cpu_build(tmp_path)


def wheel(version: str) -> bytes:
    """A package called torch that holds nothing but the name of its build."""
    about = f"torch-{version}.dist-info"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("torch/build.txt", version)
        archive.writestr(
            f"{about}/METADATA", f"Metadata-Version: 2.1\nName: torch\nVersion: {version}\n"
        )
        archive.writestr(
            f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{about}/RECORD", "")
    return buffer.getvalue()


def link(version: str) -> bytes:
    name = f"torch-{version}-py3-none-any.whl".replace("+", "%2B")
    return f'<a href="/files/{name}">{name}</a>'.encode()


@pytest.fixture
def builds(server, monkeypatch, tmp_path):
    """An index that has both builds, and a folder in the place of an environment."""
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(install, "has_nvidia_gpu", lambda root: False)
    for variable in ("PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_CONSTRAINT"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_INDEX_URL", f"{server.address}/simple")
    monkeypatch.setenv("PIP_TARGET", str(tmp_path / "environment"))
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    (tmp_path / "requirements.txt").write_text("# What is needed.\ntorch==9.9.9\n")
    server.headers = {"Content-Type": "text/html"}
    server.files = {
        "torch-9.9.9-py3-none-any.whl": wheel("9.9.9"),
        "torch-9.9.9%2Bcpu-py3-none-any.whl": wheel("9.9.9+cpu"),
    }
    server.content = link("9.9.9+cpu") + link("9.9.9")
    return server


def built(tmp_path) -> str:
    return (tmp_path / "environment/torch/build.txt").read_text()


def test_without_a_gpu_the_cpu_build_is_taken(builds, tmp_path, capfd):
    index = f"{builds.address}/cpu"
    assert install.main(tmp_path / "requirements.txt", index, tmp_path) == 0
    assert built(tmp_path) == "9.9.9+cpu"
    assert "/cpu/torch/" in builds.asked_for
    assert "CPU build is installed" in capfd.readouterr().out


def test_where_that_index_cannot_be_reached_the_ordinary_build_is_taken(builds, tmp_path, capfd):
    builds.content = link("9.9.9")
    assert install.main(tmp_path / "requirements.txt", "http://127.0.0.1:9", tmp_path) == 0
    assert built(tmp_path) == "9.9.9"
    assert "http://127.0.0.1:9 cannot be reached" in capfd.readouterr().out


def test_where_that_index_has_no_such_build_the_ordinary_one_is_taken(builds, tmp_path, capfd):
    empty = type(builds)()  # answers, as a school's filter does
    empty.content, empty.headers = b"<html>blocked</html>", {"Content-Type": "text/html"}
    builds.content = link("9.9.9")
    assert install.main(tmp_path / "requirements.txt", f"{empty.address}/cpu", tmp_path) == 0
    empty.close()
    assert built(tmp_path) == "9.9.9"
    assert "cannot be reached" in capfd.readouterr().out


def test_a_name_that_cannot_be_looked_up_holds_nobody_up(monkeypatch):
    over = threading.Event()

    def look_up(*_, **__):
        over.wait(60)
        raise OSError("unknown host")

    monkeypatch.setattr("urllib.request.urlopen", look_up)
    assert not install.answers("http://nowhere.invalid", seconds=0.1)
    over.set()


def test_what_is_there_already_is_left_alone(builds, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(install, "pip", lambda *arguments: asked.append(arguments) or 0)
    monkeypatch.setattr(install.metadata, "version", lambda name: "9.9.9+cu130")
    requirements = tmp_path / "requirements.txt"
    assert install.main(requirements, f"{builds.address}/cpu", tmp_path) == 0
    assert asked == [("-r", str(requirements))]
