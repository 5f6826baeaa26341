"""Parts that commands share: options, environment, session, lock, git, files. Modules are imported on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.lazy import submodules

if TYPE_CHECKING:
    from reconciler.runtime import environment as environment
    from reconciler.runtime import files as files
    from reconciler.runtime import git as git
    from reconciler.runtime import options as options
    from reconciler.runtime import output_folder as output_folder
    from reconciler.runtime import schema_copies as schema_copies
    from reconciler.runtime import target as target

__getattr__ = submodules(__name__)
