"""What the supervisor tells this process, through its environment."""

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class RealtimeSettings(BaseSettings):
    """Settings of `python -m stack.realtime`."""

    model_config = SettingsConfigDict(extra="ignore")

    port: int = Field(validation_alias="REALTIME_PORT", description="Port of loopback to serve on.")
    database_url: str = Field(
        validation_alias="REALTIME_DATABASE_URL",
        description="Superuser's connection: it listens, writes probe rows and makes partitions.",
    )
    signing_key_file: Path = Field(
        validation_alias="REALTIME_SIGNING_KEY_FILE",
        description="PEM of the EC P-256 key (private or public) that access tokens are signed with.",
    )
    issuer: str = Field(
        validation_alias="REALTIME_ISSUER", description="`iss` that access tokens must carry."
    )
    publishable_key: SecretStr = Field(
        validation_alias="SUPABASE_PUBLISHABLE_KEY", description="API key that stands for role anon."
    )
    secret_key: SecretStr = Field(
        validation_alias="SUPABASE_SECRET_KEY", description="API key that stands for role service_role."
    )
