"""Every knob of the embedded stack, read from the environment (prefix `STACK_`) or a `.env` file."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

PROJECT = Path(__file__).resolve().parent.parent


class Settings(BaseSettings):
    """Where the stack keeps its data, on which ports it listens, and how patient it is."""

    model_config = SettingsConfigDict(env_prefix="STACK_", env_file=".env", extra="ignore", frozen=True)

    dir: Path = Field(Path(".stack"), description="Data, keys, logs and state; one running stack a folder.")
    port: int = Field(54321, ge=0, le=65535, description="The gateway, Supabase's one URL. 0: any free port.")
    db_port: int = Field(54322, ge=0, le=65535, description="Postgres. 0: any free port.")
    rest_port: int = Field(0, ge=0, le=65535, description="lite, behind the gateway. 0: any free port.")
    realtime_port: int = Field(
        0, ge=0, le=65535, description="Realtime, behind the gateway. 0: any free port."
    )
    redis: bool = Field(True, description="Run a Redis too, where there is a redis-server.")
    redis_port: int = Field(0, ge=0, le=65535, description="Redis. 0: any free port.")
    supabase_dir: Path = Field(Path("supabase"), description="The project: migrations/ and seed.sql.")
    node_modules: Path = Field(PROJECT / "node_modules", description="Where npm put Postgres and lite.")
    durable: bool = Field(
        True, description="False: Postgres skips fsync; faster, and a crash of the machine may cost the data."
    )
    seed: bool = Field(True, description="Run seed.sql at the first start.")
    postgres_user: str = Field(
        "nobody", description="Whom Postgres runs as when the stack runs as root, which Postgres refuses."
    )
    start_timeout: float = Field(
        60.0, gt=0, description="Seconds until a child that is not ready is an error."
    )
    stop_timeout: float = Field(10.0, gt=0, description="Seconds until a child that does not end is killed.")
    stats_interval: float = Field(
        60.0, gt=0, description="Seconds between refreshes of the organisations' statistics."
    )
    audit_interval: float = Field(
        3.0, gt=0, description="Seconds between sealings of the audit log's new entries."
    )
