"""Every setting of the log server: the environment first, then `.env`."""

from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.settings import CommonSettings

Port = Annotated[int, Field(ge=0, le=65535)]


class Settings(CommonSettings):
    """Frozen and checked at start; a wrong value stops the log server with a sentence."""

    model_config = SettingsConfigDict(
        env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    logging_health_port: Port = 9998
    log_dir: Path = Path("logs")

    log_max_bytes: Annotated[int, Field(ge=0)] = 10_485_760
    """Bytes after which a file is rotated; 0: never."""

    log_backup_count: Annotated[int, Field(ge=0, le=1000)] = 5
    """Rotated files kept for each log of a day; 0: no rotation."""

    log_retention_days: Annotated[float, Field(ge=0, le=36_500)] = 2
    """Days a record is kept at least; fractions are fine."""

    log_cleanup_interval_hours: Annotated[float, Field(gt=0, le=8760)] = 6
    """Hours between two looks for days to remove; fractions are fine."""
