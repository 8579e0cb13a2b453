"""Tables of questions: rows as dicts from a file, or from a data set of the Hugging Face hub."""

from __future__ import annotations

import csv
import gzip
import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import yaml

from knowhow.environments.errors import BadSetting, MissingExtra

Numbered = tuple[int, Mapping[str, Any]]
"""A row, with its line in a text file, or its place from 1."""

HUB = "hf:"


def read_rows(source: str) -> list[Numbered]:
    """The rows of a ``.jsonl``, ``.json``, ``.yaml``, ``.csv``, ``.tsv`` or ``.parquet`` file, or of a data set of the
    hub. Text may be packed with gzip (``.jsonl.gz``), and what is in a ``.json`` or ``.yaml`` file is one list.

    That is written ``hf:OWNER/NAME/SUBSET@REVISION#SPLIT``; without them the subset is its only one, the revision its
    newest, and the split ``train``.

    Raises: BadSetting, with the line where there is one, for what cannot be read; MissingExtra.
    """
    if not isinstance(source, str):
        raise BadSetting(f"{source!r} is no file of rows; give its path as a text")
    if source.startswith(HUB):
        return _from_hub(source)
    path = Path(source).expanduser()
    reader = READERS.get(Path(path.name.lower().removesuffix(".gz")).suffix)
    if reader is None:
        raise BadSetting(f"{source!r} is no file of rows; it must end in one of {', '.join(READERS)}")
    if not path.is_file():
        raise BadSetting(f"there is no file {source!r}")
    try:
        return list(reader(path))
    except UnicodeDecodeError as error:
        raise BadSetting(f"{path} is not in UTF-8 ({error.reason} at byte {error.start}); convert it") from None
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise BadSetting(f"{path} is no whole gzip file: {error}") from None


def _opened(path: Path, newline: str | None = None) -> IO[str]:
    opened = gzip.open if path.suffix.lower() == ".gz" else open
    return opened(path, "rt", encoding="utf-8-sig", newline=newline)


def _json(path: Path) -> Iterator[Numbered]:
    with _opened(path) as file:
        try:
            rows = json.load(file)
        except ValueError as error:
            raise BadSetting(f"{path} is no JSON ({error})") from None
    if not isinstance(rows, list):
        raise BadSetting(f"{path} holds no list of rows; one row a line is .jsonl")
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict):
            raise BadSetting(f"{path} row {number} is no JSON object: {row!r:.80}")
        yield number, row


def _jsonl(path: Path) -> Iterator[Numbered]:
    with _opened(path) as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError as error:
                raise BadSetting(f"{path} line {number} is no JSON ({error}): {line.strip()[:80]!r}") from None
            if not isinstance(row, dict):
                raise BadSetting(f"{path} line {number} is no JSON object: {line.strip()[:80]!r}")
            yield number, row


def _yaml(path: Path) -> Iterator[Numbered]:
    with _opened(path) as file:
        loader = yaml.SafeLoader(file)
        try:
            top = loader.get_single_node()
            if not isinstance(top, yaml.SequenceNode):
                raise BadSetting(f"{path} holds no list of rows; each begins with '- '")
            for node in top.value:
                row, line = loader.construct_document(node), node.start_mark.line + 1
                if not isinstance(row, dict):
                    raise BadSetting(f"{path} line {line} is no mapping of fields: {row!r:.80}")
                yield line, row
        except yaml.YAMLError as error:
            raise BadSetting(f"{path} is no YAML: {' '.join(str(error).split())}") from None


def _csv(path: Path, *, delimiter: str = ",") -> Iterator[Numbered]:
    with _opened(path, newline="") as lines:
        reader = csv.DictReader(lines, delimiter=delimiter, strict=True)
        try:
            for row in reader:
                if None in row or None in row.values():
                    fields = len(reader.fieldnames or ())
                    raise BadSetting(f"{path} line {reader.line_num} has not the {fields} fields of its first line")
                yield reader.line_num, row
        except csv.Error as error:
            raise BadSetting(f"{path} line {reader.reader.line_num} is no CSV: {error}") from None


def _tsv(path: Path) -> Iterator[Numbered]:
    return _csv(path, delimiter="\t")


def _parquet(path: Path) -> Iterator[Numbered]:
    try:
        from pyarrow import ArrowException, parquet
    except ImportError:
        raise MissingExtra(f"{path} needs pyarrow; run: pip install 'knowhow-agents[data]'") from None
    try:
        yield from enumerate(parquet.read_table(path).to_pylist(), 1)
    except ArrowException as error:
        raise BadSetting(f"{path} is no Parquet file: {error}") from None


READERS: Mapping[str, Callable[[Path], Iterator[Numbered]]] = {
    ".jsonl": _jsonl,
    ".json": _json,
    ".csv": _csv,
    ".tsv": _tsv,
    ".parquet": _parquet,
    ".yaml": _yaml,
    ".yml": _yaml,
}


def _from_hub(source: str) -> list[Numbered]:
    try:
        from datasets import load_dataset
    except ImportError:
        raise MissingExtra(f"{source} needs the package datasets; run: pip install 'knowhow-agents[data]'") from None
    place, _, split = source.removeprefix(HUB).partition("#")
    place, _, revision = place.partition("@")
    owner, title, subset = [*place.split("/"), "", ""][:3]
    try:
        rows = load_dataset(f"{owner}/{title}", subset or None, split=split or "train", revision=revision or None)
    except Exception as error:  # whatever lies below the hub's library
        told = (str(error) or type(error).__name__).splitlines()[0]
        raise BadSetting(f"the data set {source!r} cannot be had: {told}; is the hub reachable?") from None
    return list(enumerate(map(dict, rows), 1))
