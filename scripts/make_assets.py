"""Rebuild the data that foveate ships: UCI digits and emoji cut-outs. Needs scikit-learn and an unpacked npm package.

    npm pack @lobehub/fluent-emoji-3d@1.1.0 && tar xzf lobehub-fluent-emoji-3d-1.1.0.tgz
    python scripts/make_assets.py --emoji package/assets --out foveate/assets

Nothing is downloaded here. The result is the same, byte by byte, with the same Pillow and numpy; `manifest.json` holds
the hashes, and a test compares them with the files.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import math
import unicodedata
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

EMOJI_PX = 96
EMOJI = {
    "sign": """1f6d1 26d4 1f6ab 1f6b8 26a0-fe0f 1f6ad 1f6b7 1f51e 2622-fe0f 2623-fe0f 1f6b3 1f6af 1f6b1 1f4f5
        1f6a7 1f6b0 1f6ae 1f6b9 1f6ba 1f6bb 1f6bc 1f6be 1f6c2 1f6c3 1f6c4 1f6c5 267f 1f17f-fe0f 2139-fe0f 1f68f
        1f6d7 1f3e7 1f687 27a1-fe0f 2b05-fe0f 2b06-fe0f 2b07-fe0f 1f6a6""",
    "animal": """1f98a 1f43b 1f43c 1f981 1f42f 1f438 1f435 1f427 1f989 1f986 1f41e 1f98b 1f422 1f419 1f980 1f420""",
    "food": """1f34e 1f34a 1f34b 1f34c 1f349 1f347 1f353 1f352 1f345 1f346 1f33d 1f955 1f354 1f355 1f369 1f370""",
    "vehicle": """1f697 1f695 1f68c 1f691 1f692 1f693 1f69a 1f69c 1f6b2 1f681 1f680 1f6a2""",
    "thing": """26bd 1f3c0 1f514 1f511 1f512 1f4a1 23f0 1f381 1f388 1f4f7 1f3b8 1f451 1f48e 1f9ed 1f9f2 2602-fe0f
        267b-fe0f 26a1""",
    "plant": """1f332 1f335 1f33b 1f339 1f344 1f340 1f341 1f334""",
}

DIGITS_LICENCE = """\
digits.npz: "Optical Recognition of Handwritten Digits", E. Alpaydin and C. Kaynak (1998), UCI Machine Learning
Repository. Licensed under the Creative Commons Attribution 4.0 International licence (CC BY 4.0),
https://creativecommons.org/licenses/by/4.0/legalcode

This is the set's test part as distributed with scikit-learn (sklearn.datasets.load_digits): 1,797 pictures of 8 x 8
pixels with values 0 to 16. Unchanged except for the file format. foveate enlarges and smooths them when it shows them.
"""

EMOJI_LICENCE = """\
emoji.webp, emoji.json: a selection of the Fluent Emoji (3D style), taken from the npm package
@lobehub/fluent-emoji-3d 1.1.0 (MIT, Copyright (c) 2023 LobeHub) and shrunk from 256 to 96 pixels.
The emoji themselves are from Fluent Emoji, Copyright (c) Microsoft Corporation, MIT License:

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""


def make_digits(out: Path) -> None:
    """`digits.npz`: images uint8 [1797, 8, 8] of 0..16, labels uint8 [1797]."""
    from sklearn.datasets import load_digits

    data = load_digits()
    arrays = {"images": data.images.astype(np.uint8), "labels": data.target.astype(np.uint8)}
    with zipfile.ZipFile(out / "digits.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            buffer = io.BytesIO()
            np.save(buffer, array)
            # A fixed date, so that the file's hash does not tell when it was made.
            archive.writestr(
                zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0)), buffer.getvalue(), zipfile.ZIP_DEFLATED
            )
    (out / "digits.LICENSE.txt").write_text(DIGITS_LICENCE)


def make_emoji(source: Path, out: Path) -> None:
    """`emoji.webp`: one sheet of square RGBA cells, row by row; `emoji.json`: name and category of each cell."""
    cells = [(stem, category) for category, stems in EMOJI.items() for stem in stems.split()]
    columns = math.ceil(math.sqrt(len(cells)))
    sheet = Image.new("RGBA", (columns * EMOJI_PX, math.ceil(len(cells) / columns) * EMOJI_PX))
    entries = []
    for number, (stem, category) in enumerate(cells):
        # Shrunk with premultiplied alpha, so that no colour bleeds in from transparent pixels.
        picture = Image.open(source / f"{stem}.webp").convert("RGBA").convert("RGBa")
        picture = picture.resize((EMOJI_PX, EMOJI_PX), Image.Resampling.LANCZOS).convert("RGBA")
        sheet.paste(picture, (number % columns * EMOJI_PX, number // columns * EMOJI_PX))
        codepoint = next(int(part, 16) for part in stem.split("-") if part != "fe0f")
        entries.append({"name": unicodedata.name(chr(codepoint)).lower(), "category": category, "file": f"{stem}.webp"})
    sheet.save(out / "emoji.webp", lossless=True, method=6, quality=100)
    (out / "emoji.json").write_text(
        json.dumps({"cell_px": EMOJI_PX, "columns": columns, "cells": entries}, indent=1) + "\n"
    )
    (out / "emoji.LICENSE.txt").write_text(EMOJI_LICENCE)


# Where each file comes from, its licence, and the file that says so.
FILES = {
    "digits.npz": (
        "scikit-learn's copy of the UCI digits (sklearn.datasets.load_digits)",
        "CC-BY-4.0",
        "digits.LICENSE.txt",
    ),
    "emoji.webp": ("npm package @lobehub/fluent-emoji-3d 1.1.0, assets/*.webp", "MIT", "emoji.LICENSE.txt"),
    "emoji.json": ("names from the Unicode character database of Python", "MIT", "emoji.LICENSE.txt"),
}


def add_to_manifest(out: Path, facts: dict[str, tuple[str, str, str]], *, made_by: str) -> None:
    """`manifest.json`: source, licence, size and hash of each data file. Those that other scripts made stay."""
    path, files = out / "manifest.json", {}
    if path.exists():
        known = json.loads(path.read_text("utf-8"))["files"]
        files = {name: entry for name, entry in known.items() if entry["made_by"] != made_by}
    for name, (source, licence, licence_file) in facts.items():
        content = (out / name).read_bytes()
        files[name] = {
            "made_by": made_by,
            "source": source,
            "licence": licence,
            "licence_file": licence_file,
            "num_bytes": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
        }
    ordered = dict(sorted(files.items(), key=lambda item: ("/" in item[0], item[0])))
    path.write_text(json.dumps({"files": ordered}, indent=1) + "\n", "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--emoji", type=Path, required=True, help="folder of the npm package's .webp files")
    parser.add_argument("--out", type=Path, default=Path("foveate/assets"))
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    make_digits(args.out)
    make_emoji(args.emoji, args.out)
    add_to_manifest(args.out, FILES, made_by="scripts/make_assets.py")
    for path in sorted(args.out.iterdir()):
        print(f"{path.stat().st_size:>9,}  {path}")


if __name__ == "__main__":
    main()
