#!/usr/bin/env python3
"""Writes a wheel: the Python package and a clipcue program, which becomes its console script.

    python3 python/build.py --binary clipcue --platform linux/amd64 --version 1.2.3 --out dist

The same inputs give the same bytes. The time of all files is SOURCE_DATE_EPOCH, by default 1980.
"""

import argparse
import base64
import hashlib
import os
import re
import time
import zipfile
from pathlib import Path

TAGS = {  # a static program runs with any C library
    "linux/amd64": "py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64.musllinux_1_1_x86_64",
    "linux/arm64": "py3-none-manylinux_2_17_aarch64.manylinux2014_aarch64.musllinux_1_1_aarch64",
    "darwin/arm64": "py3-none-macosx_12_0_arm64",
    "windows/amd64": "py3-none-win_amd64",
}

METADATA = """\
Metadata-Version: 2.4
Name: clipcue
Version: {version}
Summary: Recognize, localize and search actions in videos
License-Expression: Apache-2.0
License-File: LICENSE
License-File: NOTICE
Requires-Python: >=3.10
Requires-Dist: numpy>=1.24
Provides-Extra: pandas
Requires-Dist: pandas; extra == "pandas"
Provides-Extra: polars
Requires-Dist: polars; extra == "polars"
Description-Content-Type: text/markdown

"""


def pep440(version: str) -> str:
    """Returns a semantic version as Python writes it."""
    number, _, pre = version.partition("-")
    if not pre:
        return number
    m = re.fullmatch(r"(alpha|beta|rc)\.?(\d+)", pre)
    if m:
        return number + {"alpha": "a", "beta": "b", "rc": "rc"}[m[1]] + m[2]
    return number + ".dev" + re.match(r"\d*", pre)[0]


def expand(tag: str) -> list[str]:
    python, abi, platforms = tag.split("-")
    return [f"{python}-{abi}-{p}" for p in platforms.split(".")]


def files(binary: Path, version: str, tag: str) -> dict[str, bytes]:
    """Returns the content of the files in a wheel, but for RECORD."""
    here = Path(__file__).resolve().parent
    info, scripts = f"clipcue-{version}.dist-info", f"clipcue-{version}.data/scripts"
    content = {f"clipcue/{p.name}": p.read_bytes() for p in sorted((here / "clipcue").iterdir()) if p.suffix in (".py", ".typed") or p.name == "py.typed"}
    content[f"{scripts}/clipcue{binary.suffix}"] = binary.read_bytes()
    content[f"{info}/METADATA"] = METADATA.format(version=version).encode() + (here.parent / "docs" / "python.md").read_bytes()
    content[f"{info}/WHEEL"] = ("Wheel-Version: 1.0\nGenerator: clipcue\nRoot-Is-Purelib: false\n" + "".join(f"Tag: {t}\n" for t in expand(tag))).encode()
    for name in ("LICENSE", "NOTICE"):
        content[f"{info}/licenses/{name}"] = (here.parent / name).read_bytes()
    return content


def record(content: dict[str, bytes], path: str) -> bytes:
    lines = []
    for name, data in content.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        lines.append(f"{name},sha256={digest},{len(data)}\n")
    return "".join([*lines, f"{path},,\n"]).encode()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, required=True)
    parser.add_argument("--platform", choices=TAGS, required=True)
    parser.add_argument("--version", required=True)
    parser.add_argument("--out", type=Path, required=True)
    o = parser.parse_args()
    version, tag = pep440(o.version), TAGS[o.platform]
    content = files(o.binary, version, tag)
    path = f"clipcue-{version}.dist-info/RECORD"
    content[path] = record(content, path)
    moment = max(int(os.environ.get("SOURCE_DATE_EPOCH", 0)), 315532800)  # a zip file has no earlier time
    with zipfile.ZipFile(o.out / f"clipcue-{version}-{tag}.whl", "w", zipfile.ZIP_DEFLATED) as wheel:
        for name, data in content.items():
            entry = zipfile.ZipInfo(name, time.gmtime(moment)[:6])
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # Unix, on every system
            entry.external_attr = (0o100755 if ".data/scripts/" in name else 0o100644) << 16
            wheel.writestr(entry, data)


if __name__ == "__main__":
    main()
