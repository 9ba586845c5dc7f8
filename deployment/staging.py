"""Templates beside the code that they refer to, wherever the folder of templates is.

Templates name code by a path relative to themselves (`../build/reconcile.zip`), and so does the AWS CLI's packager.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deployment.refusal import Refusal


@contextmanager
def beside_code(template: Path, code: Path | None) -> Iterator[Path]:
    """The root template in a folder from which `../build` leads to the files of the folder `code`.

    The template itself where nobody names a folder, or it is there already. Raises Refusal for what cannot be read.
    """
    if code is None or (template.parent / ".." / "build").resolve() == code.resolve():
        yield template
        return
    with tempfile.TemporaryDirectory(prefix="holdfast-templates-") as folder:
        staged = Path(folder, "templates")
        try:
            staged.mkdir()
            for path in sorted(template.parent.glob("*.json")):
                shutil.copy(path, staged)
            Path(folder, "build").symlink_to(code.resolve(strict=True))
        except OSError as error:
            raise Refusal(f"{error.filename}: {error.strerror}") from error
        yield staged / template.name
