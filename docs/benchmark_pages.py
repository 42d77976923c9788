"""A hook of the site's build: one page for each file of benchmarks/results, and an index.

The pages are rendered from the JSON files by the same functions as ``python -m
benchmarks.report``; nothing is measured here.
"""

import re
import sys
from pathlib import Path

from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
sys.path.insert(0, str(ROOT))

from benchmarks import store  # noqa: E402
from benchmarks.report import SUITES  # noqa: E402


def on_files(files, config):
    """Add the pages."""
    pages = {path.stem: _page(path) for path in sorted(RESULTS.glob("*.json"))}
    pages = {name: text for name, text in pages.items() if text}
    pages["index"] = _index(pages)
    for name, text in pages.items():
        files.append(File.generated(config, f"benchmarks/{name}.md", content=text))
    return files


def _page(path):
    """Markdown of one result file; None for a suite that nothing renders."""
    document = store.load(path)
    suite = document.get("suite") if isinstance(document, dict) else None
    return SUITES[suite].render(document) if suite in SUITES else None


def _index(pages):
    """The words of the folder's README, and links to the pages."""
    text = (RESULTS / "README.md").read_text(encoding="utf-8")
    # Links in the README lead to files of the repository.
    text = re.sub(r"\[([^\]]*)\]\((?!https?:)[^)]*\)", r"\1", text)
    links = "\n".join(f"- [{name}]({name}.md)" for name in sorted(pages))
    return f"{text}\n## Tables\n\n{links}\n"
