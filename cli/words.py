"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Sets = Annotated[list[str], typer.Option("--set", metavar="KEY=VALUE", help="Set a value, as training.steps=500.")]
Uses = Annotated[list[str], typer.Option("--use", metavar="ROLE=NAME", help="Swap a part, as losses.contrast=css.")]
Drops = Annotated[list[str], typer.Option("--drop", metavar="ROLE", help="Leave a part out, as losses.contrast.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Threads = Annotated[int, typer.Option(help="Threads of torch; 0 leaves its own number.")]
RunFolder = Annotated[Path, typer.Argument(help="Folder of a run.", show_default=False)]
StudyFile = Annotated[Path, typer.Argument(help="TOML file of a study, or a shipped one's name.", show_default=False)]
Picture = Annotated[Path | None, typer.Option("--output", "-o", help="PNG; in the run's folder if not given.")]
TargetName = Annotated[str, typer.Argument(help="Folder of a run, or a recipe's name or file.", show_default=False)]
StageStore = Annotated[Path | None, typer.Option("--store", help="Folder of stages; POSEREP_STAGES or runs/stages.")]
RecipeName = Annotated[str, typer.Argument(help="Name of a shipped recipe, or a TOML file.", show_default=False)]
DataName = Annotated[str, typer.Argument(help="Name of a recipe or of a dataset, or a TOML file.", show_default=False)]
