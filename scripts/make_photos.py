"""Rebuild the photographs that foveate ships, from two Debian and two Python packages; `photos.csv` says which.

    apt-get download lomiri-wallpapers-16.04=20.04.0-2 gcompris-qt-data=3.1-2
    pip download --no-deps --only-binary :all: scikit-learn==1.9.1 scikit-image==0.26.0
    mkdir sources
    for name in lomiri-wallpapers-16.04 gcompris-qt-data; do dpkg-deb -x ${name}_*.deb sources/$name; done
    for name in scikit_learn scikit_image; do unzip -q "${name}-*.whl" -d sources/$name; done
    python scripts/make_photos.py --sources sources --out foveate/assets

Nothing is downloaded here. The result is the same, byte by byte, with the same Pillow (13.0.0 made what is shipped).

Taken are photographs whose licence is stated file by file and asks at most to name the author. For GCompris that is the
README beside the pictures in its source (gcompris/GCompris-qt; the packages lack it): Debian's copyright file still
describes the .jpg files, often by other photographers, that these replaced. Left out are share-alike, pictures with no
licence but their package's (GCompris' `erase`), abstract ones, and those with people or brand names close up. The split
is by hand: no test photograph shows what a training photograph shows.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import json
import shutil
import struct
from pathlib import Path

from make_assets import add_to_manifest
from PIL import Image, ImageCms, ImageOps

LONGER_SIDE_PX = 576
QUALITY = 80

# Name in the csv: what it is called, and where the pictures lie in it.
PACKAGES = {
    "lomiri-wallpapers-16.04": ("Debian package lomiri-wallpapers-16.04 20.04.0-2", "usr/share/backgrounds"),
    "gcompris-qt-data": ("Debian package gcompris-qt-data 3.1-2", "usr/share/gcompris-qt/rcc"),
    "scikit_learn": ("Python package scikit-learn 1.9.1", "sklearn/datasets/images"),
    "scikit_image": ("Python package scikit-image 0.26.0", "skimage/data"),
}

LICENCES = {
    "CC0-1.0": ("CC0 1.0 Universal", "https://creativecommons.org/publicdomain/zero/1.0/legalcode"),
    "CC-BY-2.0": ("Creative Commons Attribution 2.0", "https://creativecommons.org/licenses/by/2.0/legalcode"),
    "CC-BY-4.0": (
        "Creative Commons Attribution 4.0 International",
        "https://creativecommons.org/licenses/by/4.0/legalcode",
    ),
    "public-domain": ("Public domain, by dedication of the author or as a work of the United States government", None),
}

LICENCE_FILE = "photos/LICENSE.txt"
LICENCE_HEAD = f"""\
The photographs in this folder are by the people named below, each under the licence that is named with it. foveate
shrank them to {LONGER_SIDE_PX} pixels at most, converted their colours to sRGB where they were not, and compressed them
anew; nothing else was changed. photos.json has the package and the file that each was taken from, with its hash. Nobody
named here endorses foveate. All are offered as they are, without warranties of any kind; the licences say more.

The authors of those from GCompris are named as in its README files (src/activities/explore_*/resource), those from
scikit-learn and scikit-image as in their documentation, those from lomiri-wallpapers as in its copyright file.
scikit-learn names danielbuechele for the dahlia too, but its link leads to vultilion.
"""


def source_bytes(sources: Path, package: str, file: str) -> bytes:
    """The picture file as the package has it."""
    folder = sources / package / PACKAGES[package][1]
    if package != "gcompris-qt-data":
        return (folder / file).read_bytes()
    activity, _, rest = file.partition("/")
    return from_rcc(folder / f"{activity}.rcc", f"gcompris/src/activities/{activity}/resource/{rest}")


def from_rcc(archive: Path, path: str) -> bytes:
    """An uncompressed file of a Qt resource archive: a tree of nodes, a table of names, and the data."""
    content = archive.read_bytes()
    magic, version, tree, data, names = struct.unpack_from(">4s4I", content)
    assert magic == b"qres", archive
    node_bytes = 14 if version == 1 else 22

    def name_of(node: int) -> str:
        at = names + struct.unpack_from(">I", content, tree + node * node_bytes)[0]
        (length,) = struct.unpack_from(">H", content, at)  # then four bytes of a hash
        return content[at + 6 : at + 6 + 2 * length].decode("utf-16-be")

    node = 0
    for part in path.split("/"):
        count, first = struct.unpack_from(">II", content, tree + node * node_bytes + 6)
        node = next(child for child in range(first, first + count) if name_of(child) == part)
    flags, _, offset = struct.unpack_from(">HII", content, tree + node * node_bytes + 4)
    assert flags == 0, f"{path} is a folder or compressed"
    (length,) = struct.unpack_from(">I", content, data + offset)
    return content[data + offset + 4 : data + offset + 4 + length]


def shrunk(content: bytes) -> bytes:
    """The picture upright, in sRGB, of LONGER_SIDE_PX at most, as WebP without metadata."""
    with Image.open(io.BytesIO(content)) as opened:
        profile = opened.info.get("icc_profile")
        picture = ImageOps.exif_transpose(opened).convert("RGB")
    if profile:
        srgb = ImageCms.createProfile("sRGB")
        picture = ImageCms.profileToProfile(picture, ImageCms.ImageCmsProfile(io.BytesIO(profile)), srgb)
    picture.thumbnail((LONGER_SIDE_PX, LONGER_SIDE_PX), Image.Resampling.LANCZOS)
    made = io.BytesIO()
    picture.save(made, "WEBP", quality=QUALITY, method=6, icc_profile=None, exif=b"")
    return made.getvalue()


def make_photos(sources: Path, out: Path) -> list[dict[str, str]]:
    """The pictures and `photos.json`: who made each, its licence, its split, and what it was made of."""
    entries = []
    with (Path(__file__).parent / "photos.csv").open(encoding="utf-8", newline="") as rows:
        for row in csv.DictReader(rows):
            original = source_bytes(sources, row["package"], row["file"])
            content = shrunk(original)
            file = row["name"].lower().replace(" ", "_") + ".webp"
            (out / file).write_bytes(content)
            entries.append(
                {
                    "name": row["name"],
                    "split": row["split"],
                    "file": file,
                    "sha256": hashlib.sha256(content).hexdigest(),
                    "author": row["author"],
                    "licence": row["licence"],
                    "origin": row["origin"],
                    "source": f"{PACKAGES[row['package']][0]}, {row['file']}",
                    "source_sha256": hashlib.sha256(original).hexdigest(),
                }
            )
    (out / "photos.json").write_text(json.dumps({"photos": entries}, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return entries


def licence_text(entries: list[dict[str, str]]) -> str:
    """Every photograph with its author, under its licence."""
    parts = [LICENCE_HEAD]
    for licence, (title, url) in LICENCES.items():
        few = [entry for entry in entries if entry["licence"] == licence]
        lines = []
        for entry in few:
            lines += [f"{entry['file']}: {entry['author']}", *([f"    {entry['origin']}"] if entry["origin"] else [])]
        parts.append("\n".join([f"{title} ({licence})", *([url] if url else []), "", *lines, ""]))
    return "\n".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sources", type=Path, required=True, help="folder of the unpacked packages")
    parser.add_argument("--out", type=Path, default=Path("foveate/assets"))
    args = parser.parse_args()
    folder = args.out / "photos"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    entries = make_photos(args.sources, folder)
    (args.out / LICENCE_FILE).write_text(licence_text(entries), "utf-8")
    facts = {f"photos/{entry['file']}": (entry["source"], entry["licence"], LICENCE_FILE) for entry in entries}
    facts["photos/photos.json"] = ("the list of the photographs, from scripts/photos.csv", "CC0-1.0", LICENCE_FILE)
    add_to_manifest(args.out, facts, made_by="scripts/make_photos.py")
    for path in sorted(folder.iterdir()):
        print(f"{path.stat().st_size:>9,}  {path}")


if __name__ == "__main__":
    main()
