from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

import foveate
from foveate.cli import doctor, extras
from foveate.cli.main import main


def _json(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, object]:
    code = main([*arguments, "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_info(capsys: pytest.CaptureFixture[str]) -> None:
    code, facts = _json(capsys, "info")
    assert code == 0
    assert isinstance(facts, dict)
    assert facts["foveate"] == foveate.__version__
    assert set(facts["extras"]) == set(extras.EXTRAS)
    assert facts["devices"][0]["name"] == "cpu"
    assert main(["info"]) == 0
    assert "devices" in capsys.readouterr().out


def test_doctor_is_content_here(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    code, checks = _json(capsys, "doctor")
    assert isinstance(checks, list)
    assert code == 0, [check for check in checks if check["status"] == "fail"]
    assert list(tmp_path.iterdir()) == []


def test_doctor_fails_with_a_remedy(capsys: pytest.CaptureFixture[str], monkeypatch) -> None:
    broken = [doctor.Check(name="disk", status="fail", detail="full", remedy="make room")]
    monkeypatch.setattr(doctor, "run_checks", lambda: broken)
    assert main(["doctor"]) == 1
    assert "disk: make room" in capsys.readouterr().out


def test_doctor_sees_a_torchvision_for_another_torch(monkeypatch) -> None:
    versions = {"torch": "2.12.1+cpu", "torchvision": "0.28.0"}
    monkeypatch.setattr(doctor, "installed_version", versions.get)
    monkeypatch.setattr(doctor, "requires", lambda _: ["numpy", "torch (==2.13.0)", "pillow"])
    assert doctor._torch_pair().status == "fail"
    monkeypatch.setattr(doctor, "requires", lambda _: ["torch==2.12.1"])
    assert doctor._torch_pair().status == "ok"


def test_doctor_tells_missing_from_broken(tmp_path: Path, monkeypatch) -> None:
    assert doctor._extra("rl", {"not-installed": "not_installed"}).status == "ok"
    assert doctor._extra("torch", {"not-installed": "not_installed"}).status == "warn"
    (tmp_path / "broken_binary.py").write_text("raise OSError('cannot open shared object\\nsecond line')")
    monkeypatch.syspath_prepend(tmp_path)
    check = doctor._extra("rl", {"numpy": "broken_binary"})
    assert check.status == "fail"
    assert check.detail == "numpy: OSError: cannot open shared object"


def test_doctor_compares_embedded_files(tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.json"
    assert doctor._embedded_files(manifest).status == "fail"
    (tmp_path / "kept.txt").write_bytes(b"abc")
    good = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    manifest.write_text(json.dumps({"files": {"kept.txt": {"sha256": good}}}))
    assert doctor._embedded_files(manifest).status == "ok"
    manifest.write_text(json.dumps({"files": {"kept.txt": {"sha256": "0" * 64}, "gone.txt": {"sha256": good}}}))
    assert doctor._embedded_files(manifest).detail == "missing or altered: kept.txt, gone.txt"


@pytest.mark.skipif(sys.platform == "win32", reason="permissions work otherwise there")
def test_doctor_sees_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    check = doctor._writable(tmp_path / "gone")
    assert check.status == "fail"
    assert check.remedy


def test_doctor_sees_too_many_threads(monkeypatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "9999")
    assert doctor._threads().status == "warn"
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert doctor._threads().status == "ok"
