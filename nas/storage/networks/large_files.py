"""The large files of a full training: in its folder, or in a store at ``networks_url``."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nas.config.search_config import SearchConfig
from nas.errors import RunError
from nas.storage.networks.checkpoints import save_checkpoint
from nas.storage.networks.object_folder import ObjectFolder
from nas.storage.run.folder import RunFolder
from trainers import checkpoint_bytes, load_checkpoint
from trainers.checkpoints.checkpoint import read_checkpoint

log = logging.getLogger(__name__)

CHECKPOINT, MODEL, SET_ASIDE = "checkpoint.pt", "model.pt", "checkpoint.other-images.pt"


@dataclass(frozen=True)
class LargeFiles:
    """The state of an unfinished training, and the network of a finished one."""

    folder: Path
    store: ObjectFolder | None = None  # None for the folder

    @classmethod
    def of(cls, config: SearchConfig, run: RunFolder, folder: Path) -> LargeFiles:
        """Return those of a training of a run, whose folder has its small files.

        In a store they are in ``NAME-RUN_ID/TRAINING``, where RUN_ID has 8 digits of the run's own.
        """
        if config.networks_url is None:
            return cls(folder)
        run_id = run.run_id
        name = run.name if run_id is None else f"{run.name}-{run_id[:8]}"
        store = ObjectFolder(config.networks_url).folder(f"{name}/{folder.name}")
        return cls(folder, store)

    @property
    def network_place(self) -> str:
        """The file or URL of the network."""
        return str(self.folder / MODEL) if self.store is None else self.store.place(MODEL)

    def read_state(self) -> dict[str, Any] | None:
        """Read the state; None if there is none.

        Raises:
            CheckpointError: it is damaged, or a store does not return it.
        """
        if self.store is None:
            file = self.folder / CHECKPOINT
            return load_checkpoint(file) if file.exists() else None
        content = self.store.read(CHECKPOINT)
        return None if content is None else read_checkpoint(content, self.store.place(CHECKPOINT))

    def write_state(self, state: Mapping[str, Any]) -> None:
        """Write the state; see :meth:`write_network` for errors."""
        self._write(CHECKPOINT, state)

    def write_network(self, network: Mapping[str, Any]) -> None:
        """Write the network.

        Raises:
            CheckpointError: it cannot be written; an earlier one stays.
        """
        self._write(MODEL, network)

    def remove_state(self) -> None:
        """Remove the state, if there is one.

        Raises:
            OSError, CheckpointError: it cannot be removed.
        """
        if self.store is None:
            (self.folder / CHECKPOINT).unlink(missing_ok=True)
        else:
            self.store.remove(CHECKPOINT)

    def set_state_aside(self) -> None:
        """Keep the state from being gone on with, under another name.

        Raises:
            RunError: the file cannot be renamed.
            CheckpointError: a store does not move it.
        """
        aside = self._set_aside() if self.store is None else self._set_aside_in(self.store)
        if aside is not None:
            log.warning(
                "the training begins anew; its state with the images of before is %s", aside
            )

    def _set_aside(self) -> str | None:
        """Return where the state is then; None if there is none."""
        file = self.folder / CHECKPOINT
        try:
            return str(file.replace(file.with_name(SET_ASIDE)))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise RunError(f"cannot rename {file}: {error.strerror}") from error

    def _set_aside_in(self, store: ObjectFolder) -> str | None:
        content = store.read(CHECKPOINT)
        if content is None:
            return None
        store.write(SET_ASIDE, content)
        store.remove(CHECKPOINT)
        return store.place(SET_ASIDE)

    def _write(self, name: str, content: Mapping[str, Any]) -> None:
        if self.store is None:
            save_checkpoint(self.folder / name, dict(content))
        else:
            self.store.write(name, checkpoint_bytes(content))
