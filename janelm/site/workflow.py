"""The GitHub Actions workflow that publishes a site on GitHub Pages."""

from __future__ import annotations

from pathlib import Path

from ..errors import UsageError
from ..machine.files import write_atomically

WORKFLOW = """\
# Publishes the folder {folder}, which janelm export wrote, on GitHub Pages.
# Once, in the repository: Settings, Pages, Source: GitHub Actions.
name: Publish the page

on:
  push:
    branches: [main, master]
    paths: ["{folder}/**", ".github/workflows/pages.yml"]
  workflow_dispatch:

permissions:
  contents: read
  pages: write
  id-token: write

concurrency:
  group: pages
  cancel-in-progress: true

jobs:
  publish:
    runs-on: ubuntu-latest
    timeout-minutes: 10
    environment:
      name: github-pages
      url: ${{{{ steps.deployment.outputs.page_url }}}}
    steps:
      - uses: actions/checkout@v4
      - uses: actions/configure-pages@v5
      - uses: actions/upload-pages-artifact@v3
        with:
          path: "{folder}"
      - id: deployment
        uses: actions/deploy-pages@v4
"""


def write_workflow(site: Path) -> Path:
    """Write .github/workflows/pages.yml into the working folder, which publishes `site`, and return its path.

    Raises UsageError where `site` does not lie in the working folder, so that no repository here can hold it.
    """
    try:
        folder = Path(site).resolve().relative_to(Path.cwd().resolve()).as_posix()
    except ValueError:
        raise UsageError(f"{site} is not inside this folder, so no workflow here can publish it") from None
    path = Path(".github/workflows/pages.yml")
    write_atomically(path, WORKFLOW.format(folder=folder))
    return path
